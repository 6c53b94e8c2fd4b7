//! R15, R35: what a server can do to this toolkit's client once it has accepted. A connection that stands fails its calls
//! at once and for good, or lives on where only one answer was bad.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::io::duplex;
use tokio::net::TcpListener;
use tokio::time::Instant;
use ws_client::WebSocketConnector;
use ws_core::{CallError, CallOptions, ClosedBy, Connection, Encoding, Fate, Limits, ws_service};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{
    self, Frame, Hello, call, encoded, event, fail, flag, message, plain, reject, ret,
};
use ws_tests::raw::target::{Login, TargetRemote};
use ws_tests::raw::{Raw, Seen};

/// What the client serves to the server.
#[ws_service]
trait Desk {
    async fn ring(&self, times: u32) -> u32;
    async fn busy(&self);
    #[ws(event)]
    async fn news(&self, text: String);
}

#[derive(Clone, Default)]
struct Clerk {
    news: Arc<AtomicUsize>,
    live: Arc<AtomicUsize>,
}

struct Live(Arc<AtomicUsize>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Desk for Clerk {
    async fn ring(&self, times: u32) -> u32 {
        times
    }

    async fn busy(&self) {
        self.live.fetch_add(1, Ordering::SeqCst);
        let _live = Live(Arc::clone(&self.live));
        std::future::pending().await
    }

    async fn news(&self, _text: String) {
        self.news.fetch_add(1, Ordering::SeqCst);
    }
}

type Client = Connection<TargetRemote>;
type Connector = WebSocketConnector<Login, DeskProvider<Clerk>, TargetRemote>;

fn connector(limits: Limits) -> Connector {
    let header = Login { token: "honest".to_owned() };
    Connector::builder(header).limits(limits).encodings([Encoding::Bincode]).build().expect("good limits")
}

fn short_grace() -> Limits {
    Limits::default().close_grace(Duration::from_millis(300))
}

/// A connection that the server accepted with this WELCOME, and the server's end of it.
async fn accepted(limits: Limits, hello: Hello) -> (Client, Raw, Clerk) {
    let (here, there) = duplex(64 << 10);
    let clerk = Clerk::default();
    let connector = connector(limits);
    let connecting = connector.connect_over(here, "ws://server.example/", DeskProvider::new(clerk.clone()));
    let serving = async {
        let mut raw = Raw::answer(Box::new(there), Encoding::Bincode).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send([hello.welcome()]).await;
        raw
    };
    let (client, raw) = tokio::join!(connecting, serving);
    (client.expect("accepted"), raw, clerk)
}

/// The id of the call that comes.
async fn asked(raw: &mut Raw) -> u64 {
    let Frame::Message { flags, id, .. } = raw.frame().await else { panic!("a call") };
    assert_eq!(flags & flag::WANTS_REPLY, flag::WANTS_REPLY);
    assert_eq!(id % 2, 1, "R19: a client's ids are odd");
    id
}

#[tokio::test(start_paused = true)]
async fn r35_a_server_that_breaks_the_protocol_is_closed_1002_and_calls_fail_at_once() {
    let metadata = [vec![17], [1, b'k', 0].repeat(17)].concat();
    for (what, frame) in [
        ("a second WELCOME", Hello::default().welcome()),
        ("a REJECT after the WELCOME", reject(1, 4501, b"changed my mind")),
        ("a HELLO", Hello::default().with_header(&[])),
        ("a call with an id of the client's parity", call(1, "Desk.ring", &[1])),
        ("an event with an id of the client's parity", event(1, "Desk.news", &[0])),
        ("a call with the id 0", call(0, "Desk.ring", &[1])),
        ("a call 33 deep", message(flag::WANTS_REPLY, 2, 33, "Desk.ring", &[], &[1])),
        ("17 keys of metadata", message(flag::HAS_METADATA, 2, 0, "Desk.news", &metadata, &[0])),
        ("an item of no stream", plain(frames::ITEM, &[0])),
        ("an unknown kind", vec![0x55, 0]),
    ] {
        let (client, mut raw, clerk) = accepted(short_grace(), Hello::default()).await;
        let pending = tokio::spawn(client.remote().hang(String::new()));
        asked(&mut raw).await;
        raw.send([frame]).await;
        assert_eq!(raw.close_code().await, 1002, "{what}");
        drop(raw);
        let info = client.closed().await;
        assert_eq!((info.code, info.by), (1002, ClosedBy::Local), "{what}");
        let error = pending.await.expect("no panic").expect_err("closed");
        let told = error.close_info().unwrap_or_else(|| panic!("{what}: {error:?}"));
        assert_eq!((told.code, told.by), (1002, ClosedBy::Local), "R15: {what}");
        assert_eq!(
            (client.pending(), client.running(), clerk.news.load(Ordering::SeqCst)),
            (0, 0, 0),
            "{what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r12_a_server_that_ignores_the_clients_limits_is_answered_then_closed() {
    let limits = short_grace().max_in_flight(3).max_violations(2).event_lane_messages(2);
    let (client, mut raw, clerk) = accepted(limits.clone(), Hello::default()).await;
    raw.send((1..=5).map(|i| call(2 * i, "Desk.busy", &[]))).await;
    for id in [8, 10] {
        assert_eq!(raw.frame().await, Frame::Fail { id, class: frames::class::OVERLOADED, body: vec![] });
    }
    assert_eq!((client.running(), clerk.live.load(Ordering::SeqCst)), (3, 3));
    raw.send([call(12, "Desk.busy", &[])]).await;
    assert_eq!(raw.close_code().await, 1008);
    drop(raw);
    assert_eq!(client.closed().await.code, 1008);
    assert_eq!((client.running(), clerk.live.load(Ordering::SeqCst)), (0, 0));

    let (client, mut raw, _) = accepted(limits, Hello::default()).await;
    raw.send((1..=3).map(|i| event(2 * i, "Desk.news", &[0]))).await;
    assert_eq!(raw.close_code().await, 1008);
    drop(raw);
    assert_eq!(client.closed().await.code, 1008);
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_but_allowed_of_a_server_ends_nothing() {
    let (client, mut raw, clerk) = accepted(short_grace(), Hello::default()).await;
    let wanted = clerk.news.load(Ordering::SeqCst) + 3;
    raw.send([
        vec![0x80],
        plain(frames::PONG, &[7]),
        plain(frames::CREDIT, &[0, u64::MAX, u64::MAX]),
        plain(frames::CREDIT, &[0, 0, 0]),
        ret(1, b"nobody asked"),
        fail(u64::MAX, 255, &[1; 100]),
        event(0, "Desk.news", &[0]),
        event(0, "Desk.news", &[0]),
        event(2, "Desk.news", &[0]),
        event(0, "Desk.none", &[0]),
        call(4, "Desk.ring", &[3]),
    ])
    .await;
    assert_eq!(raw.frame().await, Frame::Return { id: 4, body: vec![3] });
    until_true(|| clerk.news.load(Ordering::SeqCst) == wanted).await;
    let stats = client.stats();
    assert_eq!((stats.stray_replies, stats.events_refused, client.is_open()), (2, 1, true));
    let sum = tokio::spawn(client.remote().add(2, 3));
    let id = asked(&mut raw).await;
    raw.send([ret(id, &encoded(Encoding::Bincode, &5_i64)), ret(id, &[8])]).await;
    assert_eq!(sum.await.expect("no panic"), Ok(5), "the first answer counts");
    until_true(|| client.stats().stray_replies == 3).await;
    assert_eq!(client.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn r13_an_answer_that_does_not_decode_is_invalid_and_its_connection_lives() {
    let (client, mut raw, _) = accepted(short_grace(), Hello::default()).await;
    let claim = [vec![0xfd], (1_u64 << 60).to_le_bytes().to_vec()].concat();
    for (what, body) in
        [("nothing", vec![]), ("a byte too many", vec![2, 0]), ("a number too wide", vec![0xfe; 17])]
    {
        let sum = tokio::spawn(client.remote().add(2, 3));
        let id = asked(&mut raw).await;
        raw.send([ret(id, &body)]).await;
        let error = sum.await.expect("no panic").expect_err(what);
        assert_eq!(error, CallError::InvalidReply, "{what}");
        assert_eq!(error.fate(), Fate::Unknown, "it may have run");
    }
    let blob = tokio::spawn(client.remote().blob(3));
    let id = asked(&mut raw).await;
    raw.send([ret(id, &claim)]).await;
    assert_eq!(blob.await.expect("no panic"), Err(CallError::InvalidReply), "a text of 2^60 bytes");
    let tree = tokio::spawn(client.remote().grow());
    let id = asked(&mut raw).await;
    raw.send([ret(id, &[vec![1; 100_000], vec![0]].concat())]).await;
    assert!(matches!(tree.await.expect("no panic"), Err(CallError::InvalidReply)), "a tree of 100,000 nodes");
    for (class, body, expected) in [
        (0, vec![1], CallError::InvalidReply),
        (1, vec![], CallError::Timeout(Fate::Unknown)),
        (2, vec![], CallError::Cancelled(Fate::Unknown)),
        (3, vec![], CallError::UnknownMethod),
        (4, b"junk".to_vec(), CallError::NoProvider),
        (5, vec![], CallError::NoReply),
        (6, vec![], CallError::SchemaMismatch),
        (7, vec![], CallError::InvalidArguments),
        (8, vec![], CallError::Overloaded),
        (9, vec![], CallError::Denied),
        (10, vec![], CallError::TooLarge(Fate::Unknown)),
        (11, 7_u64.to_le_bytes().to_vec(), CallError::Internal(7)),
        (11, vec![1, 2, 3], CallError::Internal(0)),
        (12, vec![], CallError::NotAccepted),
        (200, vec![9; 8], CallError::Internal(u64::from_le_bytes([9; 8]))),
    ] {
        let sum = tokio::spawn(client.remote().add(2, 3));
        let id = asked(&mut raw).await;
        raw.send([fail(id, class, &body)]).await;
        assert_eq!(sum.await.expect("no panic"), Err(expected), "class {class}");
    }
    assert!(client.is_open());
    assert_eq!((client.pending(), client.stats().stray_replies), (0, 0));
    let sum = tokio::spawn(client.remote().add(2, 3));
    let id = asked(&mut raw).await;
    raw.send([ret(id, &[10])]).await;
    assert_eq!(sum.await.expect("no panic"), Ok(5));
}

#[tokio::test(start_paused = true)]
async fn r17_an_answer_to_a_call_that_was_not_sent_is_a_stray() {
    let hello = Hello { announced: [1 << 20, 1, 4 << 20, 1, 1 << 20, 0], ..Hello::default() };
    let (client, mut raw, _) = accepted(short_grace(), hello).await;
    let calls = [(); 3].map(|()| tokio::spawn(client.remote().add(2, 3)));
    let first = asked(&mut raw).await;
    until_true(|| client.pending() == 3).await;
    // The ids that the two which wait will have, or might.
    let guesses: Vec<u64> = (0..100).map(|i| 2 * i + 1).filter(|id| *id != first).collect();
    raw.send(guesses.iter().map(|id| ret(*id, &[99]))).await;
    raw.send([ret(first, &[10])]).await;
    for _ in 0..2 {
        let id = asked(&mut raw).await;
        raw.send([ret(id, &[10])]).await;
    }
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(5), "what answers it answers it after it was asked");
    }
    assert_eq!((client.stats().stray_replies, client.pending()), (guesses.len() as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn r12_a_server_that_promises_everything_binds_the_client_to_its_own_bounds() {
    let limits = short_grace().max_outgoing(50);
    let (client, mut raw, _) = accepted(limits, Hello { announced: [u64::MAX; 6], ..Hello::default() }).await;
    let calls = (0..200).map(|_| tokio::spawn(client.remote().add(2, 3))).collect::<Vec<_>>();
    until_true(|| client.pending() == 200).await;
    assert_eq!(client.stats().calls_sent, 50, "R12: the others wait here");
    for _ in 0..200 {
        let id = asked(&mut raw).await;
        raw.send([ret(id, &[10])]).await;
    }
    for outcome in join_all(calls).await {
        assert_eq!(outcome.expect("no panic"), Ok(5));
    }
    assert_eq!(client.pending(), 0);
    // A frame beyond what this implementation ever builds is refused here.
    let huge = client.remote().text("x".repeat(65 << 20)).await;
    assert_eq!(huge, Err(CallError::TooLarge(Fate::NotSent)));
    assert!(client.is_open());
}

#[tokio::test(start_paused = true)]
async fn r12_a_server_that_promises_next_to_nothing_is_kept_to() {
    let hello = Hello { announced: [1024, 1, 1, 1, 1, 0], ..Hello::default() };
    let (client, mut raw, _) = accepted(short_grace().send_timeout(Duration::from_millis(200)), hello).await;
    let calls = [(); 3].map(|()| tokio::spawn(client.remote().add(2, 3)));
    for sent in 1..=3 {
        let id = asked(&mut raw).await;
        until_true(|| client.pending() == 4 - sent as usize).await;
        assert_eq!(client.stats().calls_sent, sent, "one at a time");
        raw.send([ret(id, &[10])]).await;
    }
    for call in calls {
        assert_eq!(call.await.expect("no panic"), Ok(5));
    }
    assert_eq!(client.remote().text("x".repeat(1000)).await, Err(CallError::TooLarge(Fate::NotSent)));
    client.remote().note("one".to_owned()).await.expect("credit for one");
    let full = client.remote().note("two".to_owned()).await;
    assert_eq!(full, Err(ws_core::SendError::Full), "credit that never comes");
    assert!(client.is_open());
    assert_eq!(client.pending(), 0);
}

#[tokio::test]
async fn r15_a_socket_that_dies_fails_every_call_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    for how in ["end", "reset", "garbage"] {
        let connector = connector(Limits::default());
        let clerk = Clerk::default();
        let connecting = connector.connect(&url, DeskProvider::new(clerk.clone()));
        let serving = async {
            let (socket, _) = listener.accept().await.expect("the client comes");
            if how == "reset" {
                socket.set_zero_linger().expect("a fresh socket");
            }
            let mut raw = Raw::answer(Box::new(socket), Encoding::Bincode).await;
            raw.frame().await;
            raw.send([
                Hello { announced: [1 << 20, 10, 4 << 20, 2, 1 << 20, 0], ..Hello::default() }.welcome()
            ])
            .await;
            raw
        };
        let (client, mut raw) = tokio::join!(connecting, serving);
        let client = client.expect("accepted");
        let calls = (0..50).map(|_| tokio::spawn(client.remote().hang(String::new()))).collect::<Vec<_>>();
        let events = (0..5).map(|_| tokio::spawn(client.remote().note(String::new()))).collect::<Vec<_>>();
        for _ in 0..10 {
            asked(&mut raw).await;
        }
        raw.send([call(2, "Desk.busy", &[])]).await;
        until_true(|| clerk.live.load(Ordering::SeqCst) == 1 && client.pending() == 53).await;
        let (code, by) = match how {
            "garbage" => {
                raw.bytes(&[0xff; 100]).await;
                (1002, ClosedBy::Local)
            }
            _ => (1006, ClosedBy::Network),
        };
        drop(raw);
        let info = client.closed_within(Duration::from_secs(20)).await.expect("at once");
        assert_eq!((info.code, info.by, info.clean), (code, by, false), "{how}");
        assert_eq!(client.pending(), 0, "R15");
        let outcomes: Vec<CallError> = join_all(calls)
            .await
            .into_iter()
            .map(|outcome| outcome.expect("no panic").expect_err("closed"))
            .collect();
        for error in &outcomes {
            let told = error.close_info().unwrap_or_else(|| panic!("{how}: {error:?}"));
            assert_eq!((told.code, told.by), (code, by), "{how}");
        }
        let certain = outcomes.iter().filter(|error| error.fate() == Fate::NotSent).count();
        assert_eq!(
            certain, 40,
            "{how}: what waited for a slot certainly did not run, what was sent may have"
        );
        let unsent =
            join_all(events).await.into_iter().filter(|sent| sent.as_ref().expect("no panic").is_err());
        assert_eq!(unsent.count(), 3, "{how}");
        assert_eq!((client.running(), clerk.live.load(Ordering::SeqCst)), (0, 0), "{how}");
        assert_eq!(client.remote().add(1, 1).await.expect_err("closed").fate(), Fate::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn r3_a_server_that_says_it_goes_and_stays_gets_no_more_calls() {
    let (client, mut raw, _) = accepted(short_grace(), Hello::default()).await;
    let running = tokio::spawn(client.remote().add(1, 1));
    let id = asked(&mut raw).await;
    raw.send([plain(frames::GOAWAY, &[u64::MAX]), plain(frames::GOAWAY, &[0]), call(2, "Desk.ring", &[3])])
        .await;
    assert_eq!(raw.frame().await, Frame::Return { id: 2, body: vec![3] }, "P30: its own calls are answered");
    let error = client.remote().add(2, 2).await.expect_err("refused here");
    assert_eq!(error.fate(), Fate::NotSent);
    assert_eq!(error.close_info().map(|info| (info.code, info.by)), Some((1001, ClosedBy::Peer)));
    raw.send([ret(id, &[4])]).await;
    assert_eq!(running.await.expect("no panic"), Ok(2), "P30: calls in flight go on");
    assert!(client.is_open());
    assert_eq!(client.pending(), 0);
    drop(client);
    assert_eq!(raw.close_code().await, 1000, "the client may leave by itself");
}

#[tokio::test(start_paused = true)]
async fn r33_a_server_that_falls_silent_is_4007() {
    let limits =
        short_grace().ping_interval(Duration::from_millis(500)).ping_grace(Duration::from_millis(300));
    let (client, mut raw, _) = accepted(limits, Hello::default()).await;
    let began = Instant::now();
    let pending = tokio::spawn(client.remote().hang(String::new()));
    asked(&mut raw).await;
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Ping(_))));
    let info = client.closed().await;
    assert_eq!((info.code, info.by), (4007, ClosedBy::Local));
    assert_eq!(began.elapsed().as_millis() / 10, 80);
    assert!(matches!(pending.await.expect("no panic"), Err(CallError::Closed(info)) if info.code == 4007));
}

#[tokio::test(start_paused = true)]
async fn r14_a_server_that_never_answers_a_call_is_told_to_stop() {
    let (client, mut raw, _) =
        accepted(Limits::default().ping_interval(Duration::from_secs(60)), Hello::default()).await;
    let patient = client.remote().with(CallOptions::new().deadline(Duration::from_millis(300)));
    let call = tokio::spawn(patient.add(1, 2));
    let id = asked(&mut raw).await;
    assert_eq!(raw.frame().await, Frame::Cancel(id));
    assert_eq!(call.await.expect("no panic"), Err(CallError::Timeout(Fate::Unknown)));
    // The answer that comes too late is counted, and nothing else.
    raw.send([ret(id, &[6])]).await;
    until_true(|| client.stats().stray_replies == 1).await;
    assert!(client.is_open());
    assert_eq!(client.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn r38_a_server_that_does_not_read_stalls_the_client_4008() {
    let limits = short_grace()
        .outbox_bytes(100_000)
        .write_stall(Duration::from_millis(700))
        .ping_interval(Duration::from_secs(60))
        .send_timeout(Duration::from_millis(300));
    let (client, raw, _) = accepted(
        limits,
        Hello { announced: [1 << 20, 1000, 64 << 20, 1000, 64 << 20, 0], ..Hello::default() },
    )
    .await;
    let calls = (0..100).map(|_| tokio::spawn(client.remote().text("x".repeat(30_000)))).collect::<Vec<_>>();
    until_true(|| client.pending() == 100).await;
    assert!(
        client.stats().calls_sent <= 2 + 4 + 1,
        "{}: the pipe, the outbox, the transport",
        client.stats().calls_sent
    );
    assert_eq!(
        client.remote().note("x".repeat(10)).await,
        Err(ws_core::SendError::Full),
        "R12: within send_timeout"
    );
    let info = client.closed().await;
    assert_eq!((info.code, info.by), (4008, ClosedBy::Local));
    for outcome in join_all(calls).await {
        assert!(matches!(outcome.expect("no panic"), Err(CallError::Closed(info)) if info.code == 4008));
    }
    assert_eq!(client.pending(), 0);
    drop(raw);
}
