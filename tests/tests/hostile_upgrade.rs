//! R4: what comes before the 101, or instead of it, gets an HTTP answer or none, within its time, and takes nothing
//! from those who do better.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use ws_core::{Encoding, Limits};
use ws_server::upgrade::UpgradeChecks;
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, HONEST_PATH, MEMORY, Over, WELCOME, header};
use ws_tests::raw::frames::{self, Frame, Hello};
use ws_tests::raw::{Raw, Wire, read_head, read_to_end, status_of};

/// A good upgrade request, but for the lines that are replaced: a field's new line by its name, `GET` for the first.
fn request(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![
        "GET / HTTP/1.1",
        "Host: server.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: ws-service.v1.bincode",
    ];
    for (name, line) in changes {
        match lines.iter_mut().find(|known| known.starts_with(name)) {
            Some(known) => *known = line,
            None => lines.push(line),
        }
    }
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

/// The whole answer to these bytes; the server ends the stream after a refusal.
async fn answer(arena: &Arena, bytes: &[u8]) -> String {
    let mut wire = arena.wire().await;
    wire.write_all(bytes).await.expect("the server reads");
    String::from_utf8(read_to_end(&mut wire).await).expect("text")
}

#[tokio::test]
async fn r4_requests_that_are_no_upgrade_are_refused_with_their_status() {
    let checks = UpgradeChecks::new().path("/").path(HONEST_PATH);
    let arena = Arena::checked(Limits::default(), checks).await;
    let many: String = (0..70).map(|i| format!("X-{i}: y\r\n")).collect();
    let long = format!("X: {}", "y".repeat(9000));
    let before = arena.server.counts().turned_away;
    let refusals: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a plain GET", b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n".to_vec(), 426),
        ("another upgrade", request(&[("Upgrade", "Upgrade: h2c")]), 426),
        ("another version of WebSocket", request(&[("Sec-WebSocket-V", "Sec-WebSocket-Version: 8")]), 426),
        ("another path", request(&[("GET", "GET /other HTTP/1.1")]), 404),
        ("a path that is ours after decoding", request(&[("GET", "GET /%2F HTTP/1.1")]), 404),
        ("a foreign page", request(&[("Origin", "Origin: https://evil.example")]), 403),
        ("a page without an origin", request(&[("Origin", "Origin: null")]), 403),
        ("a page of another port", request(&[("Origin", "Origin: http://server.example:81")]), 403),
        ("no subprotocol", request(&[("Sec-WebSocket-P", "")]), 400),
        ("a foreign subprotocol", request(&[("Sec-WebSocket-P", "Sec-WebSocket-Protocol: chat")]), 400),
        ("no key", request(&[("Sec-WebSocket-K", "")]), 400),
        ("a key of another length", request(&[("Sec-WebSocket-K", "Sec-WebSocket-Key: abcd")]), 400),
        ("no host", request(&[("Host", "")]), 400),
        ("a POST", request(&[("GET", "POST / HTTP/1.1")]), 405),
        ("a body", request(&[("Content-Length", "Content-Length: 5")]), 400),
        ("HTTP/1.0", request(&[("GET", "GET / HTTP/1.0")]), 505),
        ("70 header fields", [b"GET / HTTP/1.1\r\n", many.as_bytes(), b"\r\n"].concat(), 431),
        ("9,000 bytes of a header field", request(&[("X", &long)]), 431),
        ("no HTTP at all", b"HELO server.example\r\n\r\n".to_vec(), 400),
        ("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], 400),
        ("our frames", vec![1, 0, 1, 0, 0x80, 0x80, 0x40], 400),
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 505),
        ("a header field with a control character", request(&[("X", "X: a\x01b")]), 400),
    ];
    let count = refusals.len() as u64;
    for (what, bytes, status) in refusals {
        let answer = answer(&arena, &bytes).await;
        assert_eq!(status_of(&answer), status, "{what}: {answer}");
        assert!(answer.contains("Connection: close"), "{what}: {answer}");
        for word in ["evil", "other", "chat", "HELO", "y".repeat(20).as_str()] {
            assert!(!answer.contains(word), "{what}: nothing of the request is reflected: {answer}");
        }
        arena.serves().await;
    }
    assert_eq!(arena.server.counts().turned_away - before, count);
    arena.ends_well().await;
}

#[tokio::test]
async fn r4_a_page_of_this_host_and_a_program_pass() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    for changes in [&[][..], &[("Origin", "Origin: https://server.example")]] {
        let mut wire = arena.wire().await;
        wire.write_all(&request(changes)).await.expect("the server reads");
        let head = read_head(&mut wire).await;
        assert_eq!(status_of(&head), 101, "{head}");
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455, 1.3: {head}");
        assert!(head.contains("Sec-WebSocket-Protocol: ws-service.v1.bincode"), "{head}");
        assert!(!head.contains("Extensions"), "R35: compression is never negotiated: {head}");
    }
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
    let mut wire = arena.wire().await;
    wire.write_all(&request(&[("Sec-WebSocket-E", offers)])).await.expect("the server reads");
    let head = read_head(&mut wire).await;
    assert!(status_of(&head) == 101 && !head.contains("deflate"), "{head}");
    drop(wire);
    arena.ends_well().await;
}

#[tokio::test]
async fn r4_frames_that_come_with_the_request_are_taken_however_many() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for padding in [0, 9000, 60_000] {
        let mut header = header(Encoding::Msgpack, WELCOME);
        // One more field, which is skipped.
        header[0] += 1;
        header.extend([0xa1, b'x', 0xda]);
        header.extend((padding as u16).to_be_bytes());
        header.extend(vec![b'.'; padding]);
        let frames = frames::batch([Hello::default().with_header(&header)]);
        let msgpack = request(&[("Sec-WebSocket-P", "Sec-WebSocket-Protocol: ws-service.v1.msgpack")]);
        let mut wire = arena.wire().await;
        let all = [msgpack, frames::websocket(0x82, Some([3; 4]), &frames)].concat();
        wire.write_all(&all).await.expect("the server reads");
        assert_eq!(status_of(&read_head(&mut wire).await), 101);
        let (mut raw, _) = arena.welcomed(Raw::upgraded(wire).await).await;
        raw.send([frames::call(1, "Target.add", &frames::encoded(Encoding::Msgpack, &(2, 4)))]).await;
        let Frame::Return { id: 1, body } = raw.frame().await else { panic!("a RETURN") };
        assert_eq!(body, [6]);
        arena.serves().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r4_random_bytes_instead_of_http_end_in_400() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    // A generator of its own, so that every run is the same.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..100 {
        let mut bytes: Vec<u8> = (0..random() % 2000 + 1).map(|_| random() as u8).collect();
        // In every one there is a byte that no head may contain.
        bytes.push(0);
        let answer = answer(&arena, &bytes).await;
        assert_eq!(status_of(&answer), 400, "{answer}");
    }
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r4_a_request_that_does_not_end_is_cut_at_the_deadline() {
    let limits = Limits::default().upgrade_timeout(Duration::from_millis(900));
    let arena = Arena::open(MEMORY, limits).await;
    for pace in [Duration::ZERO, Duration::from_millis(50)] {
        let began = Instant::now();
        let mut wire = arena.wire().await;
        let mut bytes = request(&[]).into_iter();
        // Every byte on its own; where there is no pace, one byte and no more.
        while let Some(byte) = bytes.next().filter(|_| began.elapsed() < Duration::from_millis(850)) {
            wire.write_all(&[byte]).await.expect("the server still reads");
            match pace {
                Duration::ZERO => break,
                pace => sleep(pace).await,
            }
        }
        arena.thrives().await;
        assert_eq!(arena.numbers(), (1, 1, 1), "it waits, and has no driver yet");
        assert_eq!(wire.read(&mut [0; 100]).await.expect("an end"), 0, "there is nothing to answer");
        assert_eq!(began.elapsed().as_millis() / 10, 90, "{pace:?}");
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r4_a_client_that_does_not_read_its_answer_is_cut() {
    // The answer does not fit into the pipe.
    let limits = Limits::default().upgrade_timeout(Duration::from_millis(900));
    let arena = Arena::open(MEMORY, limits).await;
    for (what, bytes, most) in
        [("101", request(&[]), 900), ("400", request(&[("Sec-WebSocket-P", "")]), 1000)]
    {
        let began = Instant::now();
        let mut wire = arena.pipe(64);
        wire.write_all(&bytes).await.expect("the server reads");
        arena.thrives().await;
        assert_eq!(arena.server.counts().unactivated, 1, "{what}");
        until_true(|| arena.numbers() == (1, 0, 1)).await;
        assert!(began.elapsed().as_millis() <= most + 10, "{what}: {:?}", began.elapsed());
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r4_a_refused_client_that_stays_is_cut_within_a_second() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    let mut wire: Wire = Box::new(arena.socket().await);
    wire.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the server reads");
    assert_eq!(status_of(&read_head(&mut wire).await), 426);
    let began = std::time::Instant::now();
    // It neither leaves nor stops to send.
    while wire.write_all(&[b'x'; 1000]).await.is_ok() {
        sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() < Duration::from_secs(10), "it is still listened to");
    }
    arena.only_honest().await;
    arena.ends_well().await;
}

#[tokio::test]
async fn r4_an_authenticator_that_fails_in_any_way_refuses() {
    let checks = UpgradeChecks::new().authenticate(|request| async move {
        match request.query() {
            Some("panic") => panic!("the password is swordfish"),
            Some("hang") => std::future::pending().await,
            _ => Ok(()),
        }
    });
    let limits = Limits::default().upgrade_timeout(Duration::from_secs(1));
    let arena = Arena::checked(limits, checks).await;
    for (query, status) in [("panic", 500), ("hang", 503)] {
        let line = format!("GET /?{query} HTTP/1.1");
        let answer = answer(&arena, &request(&[("GET", &line)])).await;
        assert_eq!(status_of(&answer), status, "{answer}");
        assert!(!answer.contains("swordfish"), "{answer}");
        arena.serves().await;
    }
    arena.ends_well().await;
}
