//! R36, R35: what a server can do to this toolkit's client. `connect` ends with the error of its kind and in its time;
//! a connection that stands fails its calls at once and for good, or lives on where only one answer was bad.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{CallError, CallOptions, ClosedBy, Connection, Encoding, Fate, Limits, ws_service};
use ws_tests::fixture::until_true;
use ws_tests::raw::frames::{
    self, Frame, Hello, call, encoded, event, fail, flag, message, plain, reject, ret, websocket,
};
use ws_tests::raw::target::{Login, TargetRemote};
use ws_tests::raw::{Raw, Seen, Wire, head_101, key_of, read_head};

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

fn impatient() -> Limits {
    Limits::default().connect_timeout(Duration::from_millis(800)).close_grace(Duration::from_millis(300))
}

/// Connects to a server that does this with the byte stream; gives the outcome, and what the server kept.
async fn connect<F, K>(limits: Limits, serve: impl FnOnce(Wire) -> F) -> (Result<Client, ConnectError>, K)
where
    F: Future<Output = K> + Send + 'static,
    K: Send + 'static,
{
    let (here, there) = duplex(64 << 10);
    let served = tokio::spawn(serve(Box::new(there)));
    let outcome = connector(limits)
        .connect_over(here, "ws://server.example/", DeskProvider::new(Clerk::default()))
        .await;
    (outcome, served.await.expect("the server's side does not panic"))
}

/// The outcome where the server answers the upgrade request with these bytes and then waits for the client to leave.
async fn answered_with(bytes: impl AsRef<[u8]> + Send + 'static) -> ConnectError {
    let serve = |mut wire: Wire| async move {
        read_head(&mut wire).await;
        // It need not read all of it, nor leave in good order.
        let _ = wire.write_all(bytes.as_ref()).await;
        let _ = wire.read_to_end(&mut Vec::new()).await;
    };
    connect(impatient(), serve).await.0.expect_err("no connection comes of this")
}

/// As [`answered_with`], and the answer depends on the request.
async fn answered_by(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> ConnectError {
    let serve = |mut wire: Wire| async move {
        let head = read_head(&mut wire).await;
        let _ = wire.write_all(&answer(&head)).await;
        let _ = wire.read_to_end(&mut Vec::new()).await;
    };
    connect(impatient(), serve).await.0.expect_err("no connection comes of this")
}

fn good_101(head: &str) -> Vec<u8> {
    head_101(&derive_accept_key(key_of(head).as_bytes()), Some("ws-service.v1.bincode")).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn r36_a_server_that_never_answers_is_a_timeout() {
    let never = |mut wire: Wire| async move {
        read_head(&mut wire).await;
        // The client gives up and leaves.
        wire.read_to_end(&mut Vec::new()).await.expect("an end")
    };
    let slowly = |mut wire: Wire| async move {
        read_head(&mut wire).await;
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n".iter().cycle() {
            if wire.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        0
    };
    let undecided = |wire: Wire| async move {
        let mut raw = Raw::answer(wire, Encoding::Bincode).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        // Life is no decision.
        for number in 0..70 {
            raw.bytes(&websocket(0x89, None, &[number])).await;
            raw.send([vec![0x80]]).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(raw.close_code().await, 1000, "the client that gives up closes");
        0
    };
    for which in 0..3 {
        let began = Instant::now();
        let (outcome, _) = match which {
            0 => connect(impatient(), never).await,
            1 => connect(impatient(), slowly).await,
            _ => connect(impatient(), undecided).await,
        };
        assert!(matches!(outcome, Err(ConnectError::Timeout)), "{which}: {outcome:?}");
        assert!(
            began.elapsed() >= Duration::from_millis(800) && began.elapsed() < Duration::from_millis(1200)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r36_a_status_other_than_101_is_told() {
    for status in [200, 204, 301, 400, 401, 404, 426, 500, 503] {
        let error = answered_with(format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\nno")).await;
        assert!(
            matches!(error, ConnectError::Status { status: told } if told == status),
            "{status}: {error:?}"
        );
        assert_eq!(error.may_retry(), status >= 500, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn r36_an_answer_that_is_not_ours_is_not_our_protocol() {
    let with = |subprotocol: Option<&'static str>| {
        move |head: &str| head_101(&derive_accept_key(key_of(head).as_bytes()), subprotocol).into_bytes()
    };
    let lacking = |word: &'static str| {
        move |head: &str| {
            let head = String::from_utf8(good_101(head)).expect("text");
            let lines = head.split_inclusive("\r\n").filter(|line| !line.starts_with(word));
            lines.collect::<String>().into_bytes()
        }
    };
    let twice = |head: &str| {
        let extra = "\r\nSec-WebSocket-Protocol: ws-service.v1.msgpack\r\n\r\n";
        [good_101(head).strip_suffix(b"\r\n\r\n").expect("a head"), extra.as_bytes()].concat()
    };
    let extended = |head: &str| {
        let extra = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        [good_101(head).strip_suffix(b"\r\n\r\n").expect("a head"), extra.as_bytes()].concat()
    };
    let cases: Vec<(&str, ConnectError)> = vec![
        ("no subprotocol", answered_by(with(None)).await),
        ("a foreign subprotocol", answered_by(with(Some("chat"))).await),
        ("an encoding that was not offered", answered_by(with(Some("ws-service.v1.msgpack"))).await),
        ("two subprotocols", answered_by(twice).await),
        ("an extension that was not offered", answered_by(extended).await),
        (
            "a wrong accept key",
            answered_with(head_101("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", Some("ws-service.v1.bincode"))).await,
        ),
        ("no accept key", answered_by(lacking("Sec-WebSocket-Accept")).await),
        ("no Upgrade", answered_by(lacking("Upgrade")).await),
        ("no Connection", answered_by(lacking("Connection")).await),
        ("no HTTP", answered_with("220 mail.example ESMTP\r\n\r\n").await),
        ("random bytes", answered_with([0x16, 3, 1, 0, 0xff, 0xfe, 0, 0]).await),
        (
            "a header without an end",
            answered_with(["HTTP/1.1 101 X\r\n".to_owned(), "X: y\r\n".repeat(30_000)].concat()).await,
        ),
        (
            "one line without an end",
            answered_with(["HTTP/1.1 101 X\r\nX: ".to_owned(), "y".repeat(200_000)].concat()).await,
        ),
        (
            "a frame that a server must not mask",
            answered_by(|head| [good_101(head), websocket(0x82, Some([1; 4]), &[1, 0x80])].concat()).await,
        ),
        (
            "a reserved opcode",
            answered_by(|head| [good_101(head), websocket(0x83, None, b"x")].concat()).await,
        ),
        (
            "a frame of 2^60 bytes",
            answered_by(|head| [good_101(head), frames::websocket_head(0x82, None, 1 << 60)].concat()).await,
        ),
        ("text", answered_by(|head| [good_101(head), websocket(0x81, None, b"{}")].concat()).await),
        (
            "text that is not UTF-8",
            answered_by(|head| [good_101(head), websocket(0x81, None, b"\xff")].concat()).await,
        ),
    ];
    let others: Vec<_> =
        cases.iter().filter(|(_, error)| !matches!(error, ConnectError::NotOurProtocol(_))).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(cases.iter().all(|(_, error)| !error.may_retry()));
}

#[tokio::test(start_paused = true)]
async fn r36_a_stream_that_ends_too_soon_is_refused_or_closed() {
    let ends_at_once = |wire: Wire| async move { drop(wire) };
    let ends_after_the_request = |mut wire: Wire| async move {
        read_head(&mut wire).await;
    };
    let ends_in_the_answer = |mut wire: Wire| async move {
        read_head(&mut wire).await;
        wire.write_all(b"HTTP/1.1 101 Swit").await.expect("the client reads");
    };
    for (what, outcome) in [
        ("at once", connect(impatient(), ends_at_once).await.0),
        ("after the request", connect(impatient(), ends_after_the_request).await.0),
        ("in the answer", connect(impatient(), ends_in_the_answer).await.0),
    ] {
        let error = outcome.expect_err("no connection");
        assert!(matches!(error, ConnectError::Refused(_)), "{what}: {error:?}");
        assert!(error.may_retry(), "{what}");
    }
    let ends_before_the_decision = |wire: Wire| async move {
        let mut raw = Raw::answer(wire, Encoding::Bincode).await;
        raw.frame().await;
    };
    let closes_before_the_decision = |wire: Wire| async move {
        let mut raw = Raw::answer(wire, Encoding::Bincode).await;
        raw.frame().await;
        raw.bytes(&websocket(0x88, None, &4013_u16.to_be_bytes())).await;
        raw.drain().await;
    };
    for (outcome, code, by) in [
        (connect(impatient(), ends_before_the_decision).await.0, 1006, ClosedBy::Network),
        (connect(impatient(), closes_before_the_decision).await.0, 4013, ClosedBy::Peer),
    ] {
        let Err(ConnectError::Closed(info)) = outcome else { panic!("closed: {outcome:?}") };
        assert_eq!((info.code, info.by), (code, by));
        assert!(ConnectError::Closed(info).may_retry());
    }
}

/// The outcome where the server answers the HELLO with these frames; the close code that the client answered with.
async fn decided_with(frames: Vec<Vec<u8>>) -> (Result<Client, ConnectError>, Option<u16>) {
    let serve = |wire: Wire| async move {
        let mut raw = Raw::answer(wire, Encoding::Bincode).await;
        assert!(matches!(raw.frame().await, Frame::Hello { version: 1 }));
        raw.send(frames).await;
        raw.drain().await.1.map(|(code, _)| code)
    };
    connect(impatient(), serve).await
}

#[tokio::test(start_paused = true)]
async fn r36_a_rejection_is_told_with_code_and_reason() {
    for (code, reason, again) in
        [(4501, "bad token", false), (4013, "busy", true), (1008, "", false), (0, "ä", false)]
    {
        let (outcome, _) = decided_with(vec![reject(1, code, reason.as_bytes())]).await;
        let error = outcome.expect_err("rejected");
        assert!(
            matches!(&error, ConnectError::Rejected { code: told, reason: text } if *told == code && text == reason),
            "{error:?}"
        );
        assert_eq!(error.may_retry(), again, "{code}");
    }
    let (outcome, _) = decided_with(vec![reject(2, 4505, b"speak up")]).await;
    assert!(matches!(outcome, Err(ConnectError::Version { ours: 1, theirs: 2 })), "{outcome:?}");
    // What follows a rejection is not looked at, an acceptance least of all.
    let (outcome, _) =
        decided_with(vec![reject(1, 4501, b"no"), Hello::default().welcome(), vec![0x55, 0]]).await;
    assert!(matches!(outcome, Err(ConnectError::Rejected { code: 4501, .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn r36_a_first_frame_that_decides_nothing_is_not_our_protocol() {
    let welcome = Hello::default().welcome();
    let impossible = Hello { announced: [1 << 20, 0, 1, 1, 1, 0], ..Hello::default() }.welcome();
    let version_2 = Hello { version: 2, ..Hello::default() }.welcome();
    for (what, frame) in [
        ("a call", call(2, "Desk.ring", &[1])),
        ("an event", event(2, "Desk.news", &[0])),
        ("a broadcast", event(0, "Desk.news", &[0])),
        ("a RETURN", ret(1, &[])),
        ("a PING", plain(frames::PING, &[1])),
        ("a GOAWAY", plain(frames::GOAWAY, &[0])),
        ("a HELLO", Hello::default().with_header(&[])),
        ("a WELCOME cut short", welcome[..8].to_vec()),
        ("a WELCOME and a byte", [welcome.clone(), vec![0]].concat()),
        ("a WELCOME of another version", version_2),
        ("a WELCOME that takes no calls", impossible),
        (
            "a WELCOME of 2^60 mismatches",
            [welcome[..welcome.len() - 1].to_vec(), frames::varint(1 << 60)].concat(),
        ),
        ("a REJECT cut short", vec![frames::REJECT, 0, 1, 7]),
        ("a REJECT of 1,025 bytes", reject(1, 4501, &[b'x'; 1025])),
        ("a REJECT that is not UTF-8", reject(1, 4501, &[0xff])),
        ("no kind that is known", vec![0x55, 0]),
    ] {
        let (outcome, close) = decided_with(vec![frame]).await;
        assert!(matches!(outcome, Err(ConnectError::NotOurProtocol(_))), "{what}: {outcome:?}");
        assert_eq!(close, Some(1002), "{what}");
    }
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
    let metadata = [vec![17], vec![1, b'k', 0].repeat(17)].concat();
    for (what, frame) in [
        ("a second WELCOME", Hello::default().welcome()),
        ("a REJECT after the WELCOME", reject(1, 4501, b"changed my mind")),
        ("a HELLO", Hello::default().with_header(&[])),
        ("a call with an id of the client's parity", call(1, "Desk.ring", &[1])),
        ("an event with an id of the client's parity", event(1, "Desk.news", &[0])),
        ("a call with the id 0", call(0, "Desk.ring", &[1])),
        ("a call 33 deep", message(flag::WANTS_REPLY, 2, 33, "Desk.ring", &[], &[1])),
        ("17 keys of metadata", message(flag::HAS_METADATA, 2, 0, "Desk.news", &metadata, &[0])),
        ("credit for a stream that is not", plain(frames::CREDIT, &[2, 1, 1])),
        ("an unknown kind", vec![0x55, 0]),
    ] {
        let (client, mut raw, clerk) = accepted(impatient(), Hello::default()).await;
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
    let limits = impatient().max_in_flight(3).max_violations(2).event_lane_messages(2);
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
    let (client, mut raw, clerk) = accepted(impatient(), Hello::default()).await;
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
    let (client, mut raw, _) = accepted(impatient(), Hello::default()).await;
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
async fn r12_a_server_that_promises_everything_binds_the_client_to_its_own_bounds() {
    let limits = impatient().max_outgoing(50);
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
    let (client, mut raw, _) = accepted(impatient().send_timeout(Duration::from_millis(200)), hello).await;
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
    let (client, mut raw, _) = accepted(impatient(), Hello::default()).await;
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
    let limits = impatient().ping_interval(Duration::from_millis(500)).ping_grace(Duration::from_millis(300));
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
    let limits = impatient()
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
