//! Each request and the answer it gets (R4).

use super::*;

/// The valid request with one line replaced.
fn with(line: &str, instead: &str) -> String {
    assert!(VALID.contains(line), "{line}");
    valid().replace(line, instead)
}

/// The valid request with lines added.
fn plus(lines: &str) -> String {
    format!("{VALID}{lines}\r\n")
}

async fn expect(status: u16, requests: impl IntoIterator<Item = String>) {
    for request in requests {
        let text = refused(&request).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    }
}

async fn expect_accepted(requests: impl IntoIterator<Item = String>) {
    for request in requests {
        let outcome = received(request.as_bytes(), &UpgradeLimits::default()).await;
        assert!(outcome.is_ok(), "{request}\n{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_request_is_received_as_it_was_sent() {
    let received = received(valid().as_bytes(), &UpgradeLimits::default()).await.unwrap();
    let request = received.request;
    assert_eq!((request.path(), request.query()), ("/ws", Some("a=b")));
    assert_eq!(request.host(), Some("example.com"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(request.remote_address(), None);
    assert_eq!(received.accept_key.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(received.leftover, b"");
}

#[tokio::test(start_paused = true)]
async fn the_101_has_the_fields_it_needs_and_no_other() {
    let limits = UpgradeLimits::default();
    let received = received(valid().as_bytes(), &limits).await.unwrap();
    for (subprotocol, field) in [(None, ""), (Some("two"), "Sec-WebSocket-Protocol: two\r\n")] {
        let (mut client, mut server) = duplex(1024);
        accept(&mut server, &received.accept_key, subprotocol, limits.deadline()).await.unwrap();
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        let expected = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{field}\r\n"
        );
        assert_eq!(text, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_other_clients_write_is_accepted() {
    expect_accepted([
        with("Connection: keep-alive, Upgrade", "Connection: keep-alive\r\nconnection: x,UPGRADE , y"),
        with("Upgrade: websocket\r\n", "upgrade: h2c\r\nUPGRADE: other, WebSocket\r\n"),
        with("GET /ws?a=b", "GET http://example.com/ws?a=b"),
        with("GET /ws?a=b", "GET wss://EXAMPLE.com:443"),
        with("Host: example.com", "Host:[::1]:8080  "),
        plus("Content-Length: 0\r\n"),
        plus("Sec-WebSocket-Protocol: three\r\n"),
        plus("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        plus("X-Name: J\u{f6}rg\r\nX-Empty:\r\n"),
        valid().replace("\r\n", "\n"),
        format!("\r\n\n{}", valid()),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_gets_400() {
    expect(
        400,
        [
            "hello\r\n\r\n".to_owned(),
            "hello".to_owned(),
            "\r\n\r\n".to_owned(),
            "GET\r\n\r\n".to_owned(),
            "GET /\r\n\r\n".to_owned(),
            "GET / FTP/1.1\r\n\r\n".to_owned(),
            "\x16\x03\x01\x02".to_owned(),
            VALID.to_owned(),
            with("Host:", "Host :"),
            with("Host:", " Host:"),
            with("Upgrade: websocket\r\n", "Upgrade: websocket\r\n folded: yes\r\n"),
            with("Host: example.com\r\n", "Host: example.com\rX: y\r\n"),
            plus("no colon\r\n"),
            plus(": no name\r\n"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn control_characters_and_bad_utf8_get_400() {
    expect(400, ["\0", "\x01", "\x0b", "\x1b", "\x7f"].map(|bad| plus(&format!("X: a{bad}b\r\n")))).await;
    for bad in [&b"\xff"[..], b"\xc3", b"\xc0\x80", b"\xed\xa0\x80"] {
        let request = [VALID.as_bytes(), b"X: a", bad, b"\r\n\r\n"].concat();
        assert!(refused(&request).await.contains("UTF-8"));
    }
}

#[tokio::test(start_paused = true)]
async fn another_version_of_http_gets_505() {
    expect(
        505,
        [
            with("HTTP/1.1", "HTTP/1.0"),
            "GET / HTTP/1.0\r\n\r\n".to_owned(),
            with("HTTP/1.1", "HTTP/1.2"),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_method_gets_405_and_is_told_which() {
    let requests = ["POST", "HEAD", "OPTIONS", "CONNECT", "NONSENSE"].map(|method| with("GET", method));
    for request in &requests {
        assert!(refused(request).await.contains("\r\nAllow: GET\r\n"));
    }
    expect(405, requests).await;
    expect(405, ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_owned()]).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_for_something_else_than_websocket_13_gets_426_and_is_told_so() {
    let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        with("Connection: keep-alive, Upgrade\r\n", ""),
        with("Connection: keep-alive, Upgrade", "Connection: keep-alive, Upgrader"),
        with("Upgrade: websocket\r\n", ""),
        with("Upgrade: websocket", "Upgrade: h2c"),
        with("Upgrade: websocket", "Upgrade: websocket2"),
        with("Version: 13", "Version: 8"),
        with("Version: 13", "Version: 013"),
        with("Version: 13", "Version: 13, 8"),
        with("Sec-WebSocket-Version: 13\r\n", ""),
    ];
    for request in &requests {
        let text = refused(request).await;
        for field in ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"] {
            assert!(text.contains(&format!("\r\n{field}\r\n")), "{text}");
        }
    }
    expect(426, requests).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_senseless_host_target_or_key_gets_400() {
    expect(
        400,
        [
            with("Host: example.com\r\n", ""),
            with("Host: example.com", "Host:"),
            with("Host: example.com", "Host: a b"),
            with("Host: example.com", "Host: user@example.com"),
            with("Host: example.com", "Host: example.com:99999"),
            with("Host: example.com", "Host: http://example.com"),
            with("GET /ws?a=b", "GET http://other.example/ws"),
            with("GET /ws?a=b", "GET http://example.com:81/ws"),
            with("GET /ws?a=b", "GET http://user@example.com/ws"),
            with("GET /ws?a=b", "GET ftp://example.com/ws"),
            with("GET /ws?a=b", "GET example.com"),
            with("GET /ws?a=b", "GET example.com:80"),
            with("GET /ws?a=b", "GET *"),
            with("GET /ws?a=b", "GET ws"),
            with("GET /ws?a=b", "GET ?a=b"),
            with("GET /ws?a=b", "GET /ws#part"),
            with("GET /ws?a=b", "GET /\u{e4}"),
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            with("dGhlIHNhbXBsZSBub25jZQ==", ""),
            with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"),
            with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ== x"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_field_that_must_be_unique_gets_400() {
    expect(
        400,
        [
            plus("Host: example.com\r\n"),
            plus("host: other.example\r\n"),
            plus("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            plus("Sec-WebSocket-Version: 13\r\n"),
            plus("Origin: https://example.com\r\nOrigin: https://example.com\r\n"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_gets_400() {
    expect(
        400,
        [
            plus("Content-Length: 5\r\n") + "hello",
            plus("Content-Length: 00\r\n"),
            plus("Content-Length: -1\r\n"),
            plus("Content-Length: 0\r\nContent-Length: 5\r\n"),
            plus("Content-Length: 0, 5\r\n"),
            plus("Transfer-Encoding: chunked\r\n"),
            plus("Transfer-Encoding: identity\r\n"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn more_fields_than_allowed_get_431() {
    // The request has six of its own.
    expect(431, [plus(&"X: y\r\n".repeat(59))]).await;
    expect_accepted([plus(&"X: y\r\n".repeat(58))]).await;
}

#[tokio::test(start_paused = true)]
async fn more_bytes_than_allowed_get_431() {
    let padded = |length: usize| plus(&format!("X: {}\r\n", "y".repeat(length - plus("X: \r\n").len())));
    expect_accepted([padded(8192)]).await;
    expect(431, [padded(8193), padded(100_000), "x".repeat(8192), "\n".repeat(10_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_too_high_or_too_low() {
    let high = UpgradeLimits { max_bytes: usize::MAX, max_fields: usize::MAX, ..UpgradeLimits::default() };
    assert!(received(valid().as_bytes(), &high).await.is_ok());
    let many = plus(&(0..40_000).map(|n| format!("X{n}: y\r\n")).collect::<String>());
    assert!(
        matches!(received(many.as_bytes(), &high).await, Err(UpgradeError::Refused(refusal)) if refusal.status() == 431)
    );
    let low = UpgradeLimits { max_bytes: 0, max_fields: 0, ..UpgradeLimits::default() };
    assert!(
        matches!(received(valid().as_bytes(), &low).await, Err(UpgradeError::Refused(refusal)) if refusal.status() == 431)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_whole_http_response() {
    let text = answer(&UpgradeRefusal::unauthorized("who are you, J\u{f6}rg?")).await;
    let expected = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\nConnection: close\r\n\r\n\
        who are you, J\u{f6}rg?";
    assert_eq!(text, expected);
    assert!(answer(&UpgradeRefusal::unavailable("later")).await.contains("\r\nRetry-After: 1\r\n"));
}
