//! How an answer is written to a client that does not cooperate.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_left_after_a_second() {
    let (mut client, mut server) = duplex(4096);
    let begun = Instant::now();
    refuse(&mut server, &UpgradeRefusal::not_found()).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));

    // The write side was shut before the second passed: the client sees the end though the server still stands.
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_leaves_is_not_waited_for() {
    let (mut client, mut server) = duplex(4096);
    let leave = async {
        sleep(Duration::from_millis(100)).await;
        client.write_all(b"the rest of a request").await.unwrap();
        sleep(Duration::from_millis(100)).await;
        drop(client);
    };
    let begun = Instant::now();
    let refusal = UpgradeRefusal::not_found();
    let ((), outcome) = tokio::join!(leave, refuse(&mut server, &refusal));
    outcome.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_floods_is_left_after_64_kib() {
    let mut flood = Flood { read: 0 };
    let begun = Instant::now();
    refuse(&mut flood, &UpgradeRefusal::not_found()).await.unwrap();
    assert_eq!(flood.read, 64 * 1024);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_left() {
    let (_client, mut server) = duplex(16);
    let begun = Instant::now();
    let refusal = refuse(&mut server, &UpgradeRefusal::not_found()).await;
    assert!(matches!(refusal, Err(UpgradeError::Timeout)), "{refusal:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(1));

    let limits = UpgradeLimits::default();
    let received = received(valid().as_bytes(), &limits).await.unwrap();
    let (_client, mut server) = duplex(16);
    let begun = Instant::now();
    let acceptance = accept(&mut server, &received.accept_key, None, limits.deadline()).await;
    assert!(matches!(acceptance, Err(UpgradeError::Timeout)), "{acceptance:?}");
    assert_eq!(begun.elapsed(), limits.timeout);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_an_error_and_no_panic() {
    let (client, mut server) = duplex(4096);
    drop(client);
    let outcome = refuse(&mut server, &UpgradeRefusal::not_found()).await;
    assert!(matches!(outcome, Err(UpgradeError::Io(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subprotocol_that_is_no_header_value_is_not_written() {
    let limits = UpgradeLimits::default();
    let received = received(valid().as_bytes(), &limits).await.unwrap();
    let (mut client, mut server) = duplex(4096);
    let outcome = accept(&mut server, &received.accept_key, Some("a\r\nX: y"), limits.deadline()).await;
    assert!(matches!(outcome, Err(UpgradeError::Io(error)) if error.kind() == io::ErrorKind::InvalidInput));
    drop(server);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

/// A client that sends for ever and reads everything.
struct Flood {
    read: usize,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read += buf.remaining();
        let filled = buf.remaining();
        buf.initialize_unfilled();
        buf.advance(filled);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
