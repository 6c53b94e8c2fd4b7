//! R8: what a client sends before it is accepted is dropped or kept, within bounds; nothing of it is answered before the
//! WELCOME, and nothing of it lives on after a rejection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::duplex;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use ws_core::{EarlyFrames, Encoding, Limits, Overflow, ws_service};
use ws_server::{Acceptor, Rejection, ServerBuilder, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{
    self, Frame, Hello, PING, call, cancel, class, encoded, event, flag, message, plain,
};
use ws_tests::raw::{Raw, Seen, in_time};

#[ws_service]
trait Desk {
    async fn add(&self, a: i64, b: i64) -> i64;
    #[ws(event)]
    async fn note(&self, text: String);
}

/// What the handlers did, in order.
type Log = Arc<Mutex<Vec<String>>>;

struct Clerk(Log);

impl Desk for Clerk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        self.0.lock().expect("no panic").push(format!("{a} + {b}"));
        a + b
    }
    async fn note(&self, text: String) {
        self.0.lock().expect("no panic").push(text);
    }
}

type Server = WebSocketServer<(), DeskProvider<Clerk>, ()>;
type Taken = Acceptor<(), DeskProvider<Clerk>, ()>;

/// A server whose decisions are the test's.
struct Undecided {
    server: Server,
    log: Log,
    undecided: mpsc::UnboundedReceiver<Taken>,
    tell: mpsc::UnboundedSender<Taken>,
}

impl Undecided {
    fn new(early: EarlyFrames, limits: Limits) -> Self {
        Self::build(Server::builder().limits(limits).early_frames(early))
    }

    fn build(builder: ServerBuilder<(), DeskProvider<Clerk>, ()>) -> Self {
        let (tell, undecided) = mpsc::unbounded_channel();
        Self { server: builder.build().expect("good options"), log: Arc::default(), undecided, tell }
    }

    /// A client over a pipe that has sent its HELLO, and these frames behind it in the same message.
    async fn hello(&mut self, early: impl IntoIterator<Item = Vec<u8>>) -> (Raw, Taken) {
        let (here, there) = duplex(64 << 10);
        let (server, tell) = (self.server.clone(), self.tell.clone());
        tokio::spawn(async move {
            let hand_over = move |taken| {
                let _ = tell.send(taken);
                async { Ok(()) }
            };
            server.accept_stream(there, None, hand_over).await
        });
        let raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
        self.say_hello(raw, early).await
    }

    async fn say_hello(&mut self, mut raw: Raw, early: impl IntoIterator<Item = Vec<u8>>) -> (Raw, Taken) {
        raw.send(std::iter::once(Hello::default().with_header(&[])).chain(early)).await;
        (raw, in_time("a header", self.undecided.recv()).await.expect("the server lives"))
    }

    async fn accept(&self, taken: Taken) -> ws_core::Connection<()> {
        taken.accept(DeskProvider::new(Clerk(Arc::clone(&self.log)))).await.expect("it lives")
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    async fn nothing_is_left(&self) {
        until_true(|| self.server.counts().connections == 0).await;
        assert_eq!(self.server.counts().unactivated, 0);
    }
}

fn add(id: u64, a: u8, b: u8) -> Vec<u8> {
    call(id, "Desk.add", &[2 * a, 2 * b])
}

fn note(id: u64, text: &str) -> Vec<u8> {
    event(id, "Desk.note", &encoded(Encoding::Bincode, &(text.to_owned(),)))
}

fn queue(max_bytes: usize, overflow: Overflow) -> EarlyFrames {
    EarlyFrames::Queue { max_bytes, overflow }
}

/// How many were kept and dropped so far.
fn counted(taken: &Taken) -> (u64, u64) {
    let stats = taken.stats();
    (stats.early_kept, stats.early_dropped)
}

#[tokio::test]
async fn what_is_queued_is_handled_in_order_behind_the_welcome() {
    for over_a_socket in [false, true] {
        let mut desk = Undecided::new(EarlyFrames::queue(), Limits::default());
        let early = [note(1, "one"), add(3, 1, 1), note(5, "two")];
        let (mut raw, taken) = if over_a_socket {
            let tell = desk.tell.clone();
            let hand_over = move |taken| {
                let _ = tell.send(taken);
                async { Ok(()) }
            };
            let address = desk.server.open("127.0.0.1:0", hand_over).await.expect("a free port");
            let socket = TcpStream::connect(address).await.expect("it listens");
            let raw = Raw::upgrade(Box::new(socket), Encoding::Bincode).await;
            desk.say_hello(raw, early).await
        } else {
            desk.hello(early).await
        };
        raw.send([add(7, 2, 2)]).await;
        raw.send([note(9, "three"), plain(PING, &[1])]).await;
        until_true(|| counted(&taken) == (5, 1)).await;
        assert!(desk.log().is_empty(), "nothing runs before the decision");
        let serving = desk.accept(taken).await;
        assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })), "R9: first of all");
        assert_eq!(raw.frame().await, Frame::Return { id: 3, body: vec![4] });
        assert_eq!(raw.frame().await, Frame::Return { id: 7, body: vec![8] });
        raw.send([note(11, "four"), add(13, 3, 3)]).await;
        assert_eq!(raw.frame().await, Frame::Return { id: 13, body: vec![12] });
        until_true(|| desk.log().len() == 7).await;
        let (notes, sums): (Vec<_>, Vec<_>) = desk.log().into_iter().partition(|line| !line.contains('+'));
        assert_eq!(notes, ["one", "two", "three", "four"]);
        assert_eq!(sums, ["1 + 1", "2 + 2", "3 + 3"]);
        assert_eq!((serving.stats().calls_received, serving.stats().events_received), (3, 4));
        drop(raw);
        desk.nothing_is_left().await;
    }
}

#[tokio::test]
async fn methods_that_do_not_exist_are_answered_after_the_acceptance() {
    let mut desk = Undecided::new(EarlyFrames::queue(), Limits::default());
    let (mut raw, taken) = desk.hello([call(1, "Desk.gone", &[]), event(3, "Desk.gone", &[])]).await;
    until_true(|| counted(&taken) == (2, 0)).await;
    let serving = desk.accept(taken).await;
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
    assert_eq!(raw.frame().await, Frame::Fail { id: 1, class: class::UNKNOWN_METHOD, body: vec![] });
    assert_eq!(serving.stats().events_refused, 1);
}

/// A broken one would take the credit of what it dropped, and leave the client without any.
#[tokio::test]
async fn the_credit_of_dropped_events_is_given_back() {
    let limits = Limits::default().event_lane_messages(4);
    for early in [EarlyFrames::Drop, queue(1 << 20, Overflow::Drop)] {
        let mut desk = Undecided::new(early, limits.clone());
        let (mut raw, taken) = desk.hello((0..10).map(|i| note(1 + 2 * i, "early"))).await;
        until_true(|| counted(&taken).0 + counted(&taken).1 == 10).await;
        let kept = counted(&taken).0;
        let serving = desk.accept(taken).await;
        assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
        // Ten were sent; four may be under way, of which half may not be told yet (P26).
        let mut granted = 0;
        while granted < 12 {
            let Seen::Frame(Frame::Credit { id: 0, messages, .. }) = raw.next().await else {
                panic!("{early:?}: credit for ten and two more")
            };
            granted = messages;
        }
        raw.send((10..granted).map(|i| note(101 + 2 * i, "late"))).await;
        until_true(|| desk.log().len() as u64 == kept + granted - 10).await;
        assert!(serving.is_open());
    }
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_counted_and_told() {
    let size = note(1, "0123456789").len();
    for overflow in [Overflow::Drop, Overflow::Notify] {
        let mut desk = Undecided::new(queue(3 * size, overflow), Limits::default());
        let (mut raw, taken) = desk.hello((0..4).map(|i| note(1 + 2 * i, "0123456789"))).await;
        if overflow == Overflow::Notify {
            assert_eq!(in_time("the news", taken.early_overflow()).await, 1);
            raw.send((0..3).map(|i| note(101 + 2 * i, "0123456789"))).await;
            until_true(|| counted(&taken) == (3, 4)).await;
            assert_eq!(taken.early_overflow().await, 3, "since the last time");
        } else {
            until_true(|| counted(&taken) == (3, 1)).await;
        }
        let serving = desk.accept(taken).await;
        assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
        until_true(|| desk.log().len() == 3).await;
        assert!(serving.is_open());
    }
}

#[tokio::test]
async fn with_close_what_does_not_fit_is_1008_and_ends_the_decision() {
    let size = note(1, "0123456789").len();
    let mut desk = Undecided::new(queue(3 * size, Overflow::Close), Limits::default());
    let (mut raw, taken) = desk.hello((0..4).map(|i| note(1 + 2 * i, "0123456789"))).await;
    assert_eq!(raw.rejected().await, (1008, "more before the decision than is kept".to_owned()));
    drop(raw);
    let info = taken.closed().await;
    assert_eq!(info.code, 1008);
    assert!(taken.accept(DeskProvider::new(Clerk(Arc::clone(&desk.log)))).await.is_err());
    desk.nothing_is_left().await;
    assert!(desk.log().is_empty());
}

#[tokio::test]
async fn the_number_is_bounded_as_it_is_afterwards() {
    let limits = Limits::default().max_in_flight(2).event_lane_messages(3).max_message(2048);
    let mut desk = Undecided::new(queue(64 << 10, Overflow::Drop), limits);
    let notes = (0..5).map(|i| note(1 + 2 * i, "n"));
    let calls = (0..4).map(|i| add(101 + 2 * i, 1, 1));
    let large = note(201, &"x".repeat(3000));
    let (mut raw, taken) = desk.hello(notes.chain(calls).chain([large])).await;
    until_true(|| counted(&taken) == (3 + 2, 2 + 2 + 1)).await;
    // A call that is given up makes room for another.
    raw.send([cancel(101), add(109, 2, 2), cancel(999)]).await;
    until_true(|| counted(&taken) == (6, 6)).await;
    desk.accept(taken).await;
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
    assert_eq!(raw.frame().await, Frame::Return { id: 103, body: vec![4] });
    assert_eq!(raw.frame().await, Frame::Return { id: 109, body: vec![8] });
    until_true(|| desk.log().len() == 5).await;
    raw.send([add(111, 3, 3)]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 111, body: vec![12] }, "no refusal came between");
}

#[tokio::test]
async fn a_flood_before_the_decision_costs_what_is_allowed() {
    for (early, most) in [
        (EarlyFrames::Drop, 0),
        (queue(8 << 10, Overflow::Drop), (8 << 10) / 8),
        (queue(8 << 10, Overflow::Notify), (8 << 10) / 8),
    ] {
        let mut desk = Undecided::new(early, Limits::default());
        let (mut raw, taken) = desk.hello([]).await;
        for round in 0..100_u64 {
            raw.send((0..500).map(|i| add(1 + 2 * (500 * round + i), 1, 1))).await;
        }
        until_true(|| counted(&taken).0 + counted(&taken).1 == 50_000).await;
        let kept = counted(&taken).0;
        assert!(kept <= most && (kept > 0) == (most > 0), "{early:?}: {kept}");
        desk.accept(taken).await;
        assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
        for _ in 0..kept {
            assert!(matches!(raw.frame().await, Frame::Return { .. }));
        }
        assert_eq!(desk.log().len() as u64, kept);
        // It is no violation: the client could not know.
        raw.send([add(1, 1, 1)]).await;
        assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![4] });
    }
}

#[tokio::test]
async fn nothing_that_was_queued_is_handled_after_a_rejection() {
    let mut desk = Undecided::new(EarlyFrames::queue(), Limits::default());
    let (mut raw, taken) = desk.hello([note(1, "early"), add(3, 1, 1)]).await;
    until_true(|| counted(&taken) == (2, 0)).await;
    taken.reject(Rejection::unauthorized("no")).await.expect("rejecting does not fail");
    raw.send([add(5, 1, 1)]).await;
    assert_eq!(raw.rejected().await.0, 4501);
    assert_eq!(raw.next().await, Seen::Lost);
    drop(raw);
    desk.nothing_is_left().await;
    assert!(desk.log().is_empty());
}

/// A broken one would keep the bytes against the server's budget, and in the end keep nothing more for anybody.
#[tokio::test]
async fn a_socket_that_dies_with_a_full_queue_gives_everything_back() {
    let limits = Limits::default().max_buffered_bytes(256 << 10);
    let mut desk = Undecided::new(queue(200 << 10, Overflow::Drop), limits);
    let text = "x".repeat(40 << 10);
    for round in 0..10 {
        let (mut raw, taken) = desk.hello([]).await;
        for i in 0..6 {
            raw.send([note(1 + 2 * i, &text)]).await;
        }
        until_true(|| counted(&taken).0 + counted(&taken).1 == 6).await;
        assert!(counted(&taken).0 >= 4, "round {round}: {:?}", counted(&taken));
        if round % 2 == 0 {
            drop(raw);
            taken.closed().await;
            assert!(taken.accept(DeskProvider::new(Clerk(Arc::clone(&desk.log)))).await.is_err());
        } else {
            taken.reject(Rejection::busy("later")).await.expect("rejecting does not fail");
            raw.rejected().await;
            drop(raw);
        }
        desk.nothing_is_left().await;
    }
    assert!(desk.log().is_empty());
}

/// A broken one would let undecided clients fill what all connections share.
#[tokio::test]
async fn the_queues_of_all_connections_share_the_servers_budget() {
    let limits = Limits::default().max_buffered_bytes(256 << 10);
    let mut desk = Undecided::new(queue(200 << 10, Overflow::Drop), limits);
    let text = "x".repeat(40 << 10);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let (mut raw, taken) = desk.hello([]).await;
        for i in 0..4 {
            raw.send([note(1 + 2 * i, &text)]).await;
        }
        until_true(|| counted(&taken).0 + counted(&taken).1 == 4).await;
        clients.push((raw, taken));
    }
    let kept: u64 = clients.iter().map(|(_, taken)| counted(taken).0).sum();
    assert!((4..=7).contains(&kept), "{kept} of 40 KiB each");
}

#[tokio::test(start_paused = true)]
async fn r14_deadlines_pass_during_the_decision() {
    let mut desk = Undecided::new(EarlyFrames::queue(), Limits::default());
    let with_deadline = |id, ms: u64, sum: [u8; 2]| {
        let flags = flag::WANTS_REPLY | flag::HAS_DEADLINE;
        message(flags, id, 0, "Desk.add", &frames::varint(ms), &sum)
    };
    let early = [with_deadline(1, 100, [2, 2]), with_deadline(3, 5000, [4, 4]), with_deadline(5, 0, [6, 6])];
    let (mut raw, taken) = desk.hello(early).await;
    until_true(|| counted(&taken) == (3, 0)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    desk.accept(taken).await;
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
    let mut answers = [raw.frame().await, raw.frame().await, raw.frame().await];
    answers.sort_by_key(|answer| match answer {
        Frame::Return { id, .. } | Frame::Fail { id, .. } => *id,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        answers,
        [
            Frame::Fail { id: 1, class: class::TIMEOUT, body: vec![] },
            Frame::Return { id: 3, body: vec![8] },
            Frame::Fail { id: 5, class: class::TIMEOUT, body: vec![] },
        ]
    );
    assert_eq!(desk.log(), ["2 + 2"], "P25: what has expired is not started");
}

#[tokio::test]
async fn r35_early_frames_are_checked_when_they_come() {
    let mut desk = Undecided::new(EarlyFrames::queue(), Limits::default());
    for (what, early) in [
        ("an id of the wrong side", vec![add(2, 1, 1)]),
        ("the id 0", vec![note(0, "x")]),
        ("an id twice", vec![add(1, 1, 1), add(1, 2, 2)]),
        ("too deep", vec![message(flag::WANTS_REPLY, 1, 33, "Desk.add", &[], &[2, 2])]),
        ("HELLO twice", vec![add(1, 1, 1), Hello::default().with_header(&[])]),
        ("an unknown kind", vec![add(1, 1, 1), vec![0x55, 0]]),
    ] {
        let (mut raw, _taken) = desk.hello(early).await;
        let (frames, close) = raw.drain().await;
        assert_eq!((frames, close.map(|(code, _)| code)), (vec![], Some(1002)), "{what}");
        drop(raw);
        desk.nothing_is_left().await;
    }
    assert!(desk.log().is_empty());
}

#[test]
fn a_queue_that_can_never_work_is_refused() {
    let limits = || Limits::default().max_message(1024).max_call_bytes(2048).event_lane_bytes(1024);
    let build = |early, limits| Server::builder().limits(limits).early_frames(early).build().map(drop);
    for (early, limits, good) in [
        (queue(0, Overflow::Drop), limits(), false),
        (queue(7, Overflow::Drop), limits(), false),
        (queue(8, Overflow::Drop), limits(), true),
        (queue(3072, Overflow::Drop), limits(), true),
        (queue(3073, Overflow::Drop), limits(), false),
        (EarlyFrames::queue(), limits(), false),
        (EarlyFrames::accept(), limits(), false),
        (EarlyFrames::accept(), Limits::default(), true),
        (queue(1 << 20, Overflow::Drop), Limits::default().max_buffered_bytes(1 << 19), false),
        (EarlyFrames::Drop, limits(), true),
    ] {
        let built = build(early, limits);
        assert_eq!(built.is_ok(), good, "{early:?}: {built:?}");
        if let Err(error) = built {
            assert!(error.to_string().contains("early max_bytes"), "{error}");
        }
    }
}
