//! R8, `EarlyFrames::Accept`: the acceptor takes what the client sent before the decision; its answers are held until the
//! acceptance, and what it does not take is the provider's.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use tokio::io::duplex;
use tokio::sync::mpsc;
use ws_core::service::Refusal;
use ws_core::{EarlyAnswerError, EarlyFrames, EarlyMessage, Encoding, Limits, Overflow, ws_service};
use ws_server::{Acceptor, Rejection, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{self, Frame, Hello, call, cancel, class, encoded, event, flag, message};
use ws_tests::raw::{Raw, Seen, in_time};

#[ws_service]
trait Door {
    async fn knock(&self, name: String) -> String;
    async fn count(&self, n: u64) -> u64;
    #[ws(event)]
    async fn ring(&self, times: u8);
}

/// What reached the provider.
type Log = Arc<Mutex<Vec<String>>>;

struct Porter(Log);

impl Porter {
    fn note(&self, line: String) {
        self.0.lock().expect("no panic").push(line);
    }
}

impl Door for Porter {
    async fn knock(&self, name: String) -> String {
        self.note(format!("knock {name}"));
        format!("come in, {name}")
    }
    async fn count(&self, n: u64) -> u64 {
        self.note(format!("count {n}"));
        n
    }
    async fn ring(&self, times: u8) {
        self.note(format!("ring {times}"));
    }
}

type Server = WebSocketServer<(), DoorProvider<Porter>, ()>;
type Taken = Acceptor<(), DoorProvider<Porter>, ()>;

/// A client, its acceptor in the test's hands, and what reached the provider.
struct House {
    server: Server,
    raw: Raw,
    taken: Taken,
    log: Log,
}

impl House {
    async fn open(early: EarlyFrames, limits: Limits, frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let server = Server::builder().limits(limits).early_frames(early).build().expect("good options");
        let (tell, mut told) = mpsc::unbounded_channel();
        let (here, there) = duplex(64 << 10);
        let attached = server.clone();
        tokio::spawn(async move {
            let hand_over = move |taken| {
                let _ = tell.send(taken);
                async { Ok(()) }
            };
            attached.accept_stream(there, None, hand_over).await
        });
        let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
        raw.send(std::iter::once(Hello::default().with_header(&[])).chain(frames)).await;
        let taken = in_time("a header", told.recv()).await.expect("the server lives");
        Self { server, raw, taken, log: Arc::default() }
    }

    async fn early(frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::open(EarlyFrames::accept(), Limits::default(), frames).await
    }

    async fn next(&self) -> EarlyMessage {
        in_time("an early message", self.taken.early()).await.expect("one has come")
    }

    /// Accepts, and sees the WELCOME.
    async fn accept(self) -> Accepted {
        let Self { server, mut raw, taken, log } = self;
        let provider = DoorProvider::new(Porter(Arc::clone(&log)));
        let serving = taken.accept(provider).await.expect("it lives");
        let first = raw.next().await;
        assert!(matches!(first, Seen::Frame(Frame::Welcome { .. })), "R9: {first:?}");
        Accepted { _server: server, raw, serving, log }
    }
}

struct Accepted {
    /// Dropped, it would end the connection.
    _server: Server,
    raw: Raw,
    serving: ws_core::Connection<()>,
    log: Log,
}

impl Accepted {
    fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }
}

fn knock(id: u64, name: &str) -> Vec<u8> {
    call(id, "Door.knock", &encoded(Encoding::Bincode, &(name.to_owned(),)))
}

fn text(text: &str) -> Vec<u8> {
    encoded(Encoding::Bincode, &text.to_owned())
}

#[tokio::test]
async fn the_acceptor_answers_and_the_answers_wait_for_the_acceptance() {
    let mut house = House::early([knock(1, "Ada"), event(3, "Door.ring", &[2])]).await;
    let first = house.next().await;
    assert_eq!((first.method(), first.event_id(), first.wants_reply()), (Some("Door.knock"), 1, true));
    assert!(first.decode::<(u8, u8)>().is_err(), "no such arguments");
    assert_eq!(first.decode::<(String,)>().expect("its arguments"), ("Ada".to_owned(),));
    first.answer(&"who is Ada?".to_owned()).expect("it is held");
    let second = house.next().await;
    assert_eq!((second.method(), second.wants_reply()), (Some("Door.ring"), false));
    assert_eq!(second.decode::<(u8,)>().expect("its arguments"), (2,));
    drop(second);
    // One that comes while the acceptor waits.
    let (third, sent) = tokio::join!(house.taken.early(), house.raw.send([knock(5, "Bob")]));
    assert!(sent);
    third.expect("it has come").answer_error(&7_u8).expect("it is held");
    let mut accepted = house.accept().await;
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 1, body: text("who is Ada?") });
    assert_eq!(accepted.raw.frame().await, Frame::Fail { id: 5, class: 0, body: vec![7] });
    accepted.raw.send([knock(1, "Eve")]).await;
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 1, body: text("come in, Eve") });
    assert_eq!(accepted.log(), ["knock Eve"], "the provider saw none that the acceptor took");
    assert_eq!(accepted.serving.running(), 0);
}

#[tokio::test]
async fn what_is_left_is_the_providers_in_its_place() {
    let house = House::early((0..5).map(|i| event(1 + 2 * i, "Door.ring", &[i as u8]))).await;
    house.next().await.leave();
    drop(house.next().await);
    house.next().await.leave();
    let accepted = house.accept().await;
    until_true(|| accepted.log().len() == 4).await;
    assert_eq!(accepted.log(), ["ring 0", "ring 2", "ring 3", "ring 4"]);
}

#[tokio::test]
async fn what_is_taken_and_not_answered_fails() {
    let house = House::early([knock(1, "a"), knock(3, "b"), call(5, "Door.gone", &[]), knock(7, "d")]).await;
    drop(house.next().await);
    house.next().await.refuse(&Refusal::Denied("not you".to_owned()));
    let unknown = house.next().await;
    assert_eq!(unknown.method(), None);
    unknown.refuse(&Refusal::UnknownMethod);
    // Answered when the decision is over.
    let late = house.next().await;
    let mut accepted = house.accept().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        let Frame::Fail { id, class, .. } = accepted.raw.frame().await else { panic!("a failure") };
        failed.push((id, class));
    }
    assert_eq!(failed, [(1, class::NO_REPLY), (3, class::DENIED), (5, class::UNKNOWN_METHOD)]);
    assert_eq!(accepted.serving.running(), 1, "the last one still runs");
    late.answer(&"at last".to_owned()).expect("it is sent");
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 7, body: text("at last") });
    until_true(|| accepted.serving.running() == 0).await;
    assert!(accepted.log().is_empty());
}

#[tokio::test]
async fn what_is_cancelled_is_forgotten() {
    let mut house = House::early([knock(1, "a"), knock(3, "b"), knock(5, "c")]).await;
    let (first, second) = (house.next().await, house.next().await);
    second.answer(&"b".to_owned()).expect("it is held");
    house.raw.send([cancel(1), cancel(3), knock(7, "d")]).await;
    until_true(|| house.taken.stats().early_kept == 4).await;
    first.answer(&"a".to_owned()).expect("nobody waits for it");
    let third = house.next().await;
    assert_eq!(third.event_id(), 5);
    let mut accepted = house.accept().await;
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 7, body: text("come in, d") });
    accepted.raw.send([cancel(5)]).await;
    until_true(|| accepted.serving.running() == 0).await;
    third.answer(&"c".to_owned()).expect("nobody waits for it");
    accepted.raw.send([knock(9, "e")]).await;
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 9, body: text("come in, e") });
}

#[tokio::test(start_paused = true)]
async fn r14_the_deadline_of_a_taken_call_goes_on() {
    let flags = flag::WANTS_REPLY | flag::HAS_DEADLINE;
    let with_deadline = |id, ms: u64| message(flags, id, 0, "Door.count", &frames::varint(ms), &[9]);
    let house = House::early([with_deadline(1, 100), with_deadline(3, 100), with_deadline(5, 300)]).await;
    let first = house.next().await;
    let answered = house.next().await;
    let third = house.next().await;
    answered.answer(&1_u64).expect("it is held");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut accepted = house.accept().await;
    for id in [1, 3] {
        assert_eq!(accepted.raw.frame().await, Frame::Fail { id, class: class::TIMEOUT, body: vec![] });
    }
    assert_eq!(accepted.raw.frame().await, Frame::Fail { id: 5, class: class::TIMEOUT, body: vec![] });
    for late in [first, third] {
        late.answer(&1_u64).expect("nobody waits for it");
    }
    accepted.raw.send([knock(9, "e")]).await;
    assert_eq!(accepted.raw.frame().await, Frame::Return { id: 9, body: text("come in, e") });
}

#[tokio::test]
async fn a_rejection_takes_the_held_answers_along() {
    let House { server, mut raw, taken, .. } = House::early([knock(1, "a"), knock(3, "b")]).await;
    let first = taken.early().await.expect("it has come");
    taken.early().await.expect("it has come").answer(&"b".to_owned()).expect("it is held");
    taken.reject(Rejection::unauthorized("no")).await.expect("rejecting does not fail");
    assert_eq!(raw.rejected().await.0, 4501);
    first.answer(&"a".to_owned()).expect("nobody waits for it");
    drop(raw);
    until_true(|| server.counts().connections == 0).await;
}

#[tokio::test]
async fn the_held_answers_are_bounded() {
    let limits = Limits::default().outbox_bytes(1000);
    let House { server, mut raw, taken, .. } =
        House::open(EarlyFrames::accept(), limits, (0..4).map(|i| knock(1 + 2 * i, "x"))).await;
    let long = "x".repeat(600);
    for held in [true, true, false] {
        let answered = taken.early().await.expect("it has come").answer(&long);
        assert_eq!(answered.is_ok(), held, "{answered:?}");
        assert!(held || answered == Err(EarlyAnswerError::Full));
    }
    // More than the client takes.
    let huge = taken.early().await.expect("it has come").answer(&"x".repeat(2 << 20));
    assert!(huge.is_err());
    let serving = taken.accept(DoorProvider::new(Porter(Arc::default()))).await.expect("it lives");
    assert!(matches!(raw.next().await, Seen::Frame(Frame::Welcome { .. })));
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(match raw.frame().await {
            Frame::Return { id, .. } => (id, true),
            Frame::Fail { id, class: class::TOO_LARGE, .. } => (id, false),
            other => panic!("{other:?}"),
        });
    }
    answers.sort_unstable();
    assert_eq!(answers, [(1, true), (3, true), (5, false), (7, false)]);
    assert_eq!(serving.running(), 0);
    drop(server);
}

#[tokio::test]
async fn taken_messages_count_until_the_decision() {
    let size = knock(1, "0123456789").len();
    let early = EarlyFrames::Accept { max_bytes: 2 * size, overflow: Overflow::Notify };
    let knocks = (0..4).map(|i| knock(1 + 2 * i, "0123456789"));
    let house = House::open(early, Limits::default(), knocks).await;
    assert_eq!(in_time("the news", house.taken.early_overflow()).await, 2);
    house.next().await.answer(&String::new()).expect("it is held");
    drop(house.next().await);
    assert!(house.taken.early().now_or_never().is_none(), "there are no more");
    assert!(house.taken.early_overflow().now_or_never().is_none(), "and no news");
}

#[tokio::test]
async fn nobody_waits_for_early_messages_in_vain() {
    for early in [EarlyFrames::Drop, EarlyFrames::queue()] {
        let House { taken, .. } = House::open(early, Limits::default(), [knock(1, "a")]).await;
        assert!(in_time("none", taken.early()).await.is_none(), "{early:?}");
    }
    // The socket dies.
    let House { raw, taken, server, .. } = House::early([knock(1, "a")]).await;
    let kept = in_time("an early message", taken.early()).await.expect("it has come");
    let waiting = tokio::spawn(async move {
        let ends = tokio::join!(taken.early(), taken.early(), taken.early_overflow());
        (ends.0.is_none(), ends.1.is_none(), ends.2)
    });
    tokio::task::yield_now().await;
    drop(raw);
    assert_eq!(in_time("the end", waiting).await.expect("no panic"), (true, true, 0));
    kept.answer(&String::new()).expect("nobody waits for it");
    until_true(|| server.counts().connections == 0).await;
}

/// A broken one would keep the handler that waits for early messages of a client that is gone.
#[tokio::test]
async fn r9_a_handler_amid_an_early_message_is_dropped_with_the_socket() {
    let server = Server::builder().early_frames(EarlyFrames::accept()).build().expect("good options");
    let (here, there) = duplex(64 << 10);
    let held = Arc::new(());
    let handler = {
        let held = Arc::clone(&held);
        move |taken: Taken| {
            let held = Arc::clone(&held);
            async move {
                let _message = taken.early().await;
                let _held = held;
                pending().await
            }
        }
    };
    let attached = server.clone();
    let attached = tokio::spawn(async move { attached.accept_stream(there, None, handler).await });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.send([Hello::default().with_header(&[]), knock(1, "a")]).await;
    until_true(|| Arc::strong_count(&held) == 3).await;
    drop(raw);
    in_time("the end", attached).await.expect("no panic").expect("it was served");
    until_true(|| server.counts().connections == 0 && Arc::strong_count(&held) == 1).await;
}
