//! R36: what a server can do to this toolkit's client before it decides. `connect` ends with the error of its kind and
//! in its time, and leaves nothing open.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{ClosedBy, Connection, Encoding, Limits};
use ws_tests::raw::frames::{self, Frame, Hello, call, event, plain, reject, ret, websocket};
use ws_tests::raw::target::{Login, TargetRemote};
use ws_tests::raw::{Raw, Wire, head_101, key_of, read_head};

type Client = Connection<TargetRemote>;

/// Connects, within 800 ms, to a server that does this with the byte stream; gives the outcome, and what the server kept.
async fn connect<F, K>(serve: impl FnOnce(Wire) -> F) -> (Result<Client, ConnectError>, K)
where
    F: Future<Output = K> + Send + 'static,
    K: Send + 'static,
{
    let (here, there) = duplex(64 << 10);
    let served = tokio::spawn(serve(Box::new(there)));
    let limits =
        Limits::default().connect_timeout(Duration::from_millis(800)).close_grace(Duration::from_millis(300));
    let connector =
        WebSocketConnector::<Login, (), TargetRemote>::builder(Login { token: "honest".to_owned() })
            .limits(limits)
            .encodings([Encoding::Bincode])
            .build()
            .expect("good limits");
    let outcome = connector.connect_over(here, "ws://server.example/", ()).await;
    (outcome, served.await.expect("the server's side does not panic"))
}

/// The outcome where the server answers the upgrade request with these bytes and waits for the client to leave.
async fn answered_with(bytes: impl AsRef<[u8]> + Send + 'static) -> ConnectError {
    answered_by(move |_| bytes.as_ref().to_vec()).await
}

/// As [`answered_with`], where the answer depends on the request.
async fn answered_by(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> ConnectError {
    let serve = |mut wire: Wire| async move {
        let head = read_head(&mut wire).await;
        // The client need not read all of it, nor leave in good order.
        let _ = wire.write_all(&answer(&head)).await;
        let _ = wire.read_to_end(&mut Vec::new()).await;
    };
    connect(serve).await.0.expect_err("no connection comes of this")
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
            0 => connect(never).await,
            1 => connect(slowly).await,
            _ => connect(undecided).await,
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
        ("at once", connect(ends_at_once).await.0),
        ("after the request", connect(ends_after_the_request).await.0),
        ("in the answer", connect(ends_in_the_answer).await.0),
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
        (connect(ends_before_the_decision).await.0, 1006, ClosedBy::Network),
        (connect(closes_before_the_decision).await.0, 4013, ClosedBy::Peer),
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
    connect(serve).await
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
        ("a WELCOME of 8,193 mismatches", with_mismatches(8193)),
        ("a REJECT cut short", vec![frames::REJECT, 0, 1, 7]),
        ("a REJECT of 1,025 bytes", reject(1, 4501, &[b'x'; 1025])),
        ("a REJECT that is not UTF-8", reject(1, 4501, &[0xff])),
        ("no kind that is known", vec![0x55, 0]),
    ] {
        let (outcome, close) = decided_with(vec![frame]).await;
        assert!(matches!(outcome, Err(ConnectError::NotOurProtocol(_))), "{what}: {outcome:?}");
        assert_eq!(close, Some(1002), "{what}");
    }
    // P5: the longest frame that there may be before the decision, and one byte more.
    let (outcome, close) = decided_with(vec![vec![0x80; 173_057]]).await;
    assert!(matches!(outcome, Err(ConnectError::NotOurProtocol(_))), "{outcome:?}");
    assert_eq!(close, Some(1009));
    let longest_of_both = |wire: Wire| async move {
        let mut raw = Raw::answer(wire, Encoding::Bincode).await;
        raw.frame().await;
        raw.send([vec![0x80; 173_056]]).await;
        raw.send([with_mismatches(8192)]).await;
    };
    let (outcome, ()) = connect(longest_of_both).await;
    assert_eq!(outcome.expect("accepted").mismatches(), [], "none that this client knows");
}

/// A WELCOME with this many mismatches.
fn with_mismatches(count: usize) -> Vec<u8> {
    let welcome = Hello::default().welcome();
    let none = welcome.strip_suffix(&[0]).expect("an empty list in the end");
    [none.to_vec(), frames::varint(count as u64), [0; 13].repeat(count)].concat()
}
