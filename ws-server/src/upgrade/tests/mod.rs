//! The upgrade as a client sees it, over an in-memory stream and a paused clock.

mod answers;
mod checks;
mod hostile;
mod interop;
mod leaving;
mod reading;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// The head of a request that is accepted, but for the empty line at its end.
const VALID: &str = "GET /ws?a=b HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: one, two\r\n";

/// A whole request that is accepted.
fn valid() -> String {
    format!("{VALID}\r\n")
}

/// What comes of a stream on which exactly this arrives, before it ends.
async fn received(bytes: &[u8], limits: &UpgradeLimits) -> Result<Received, UpgradeError> {
    let (mut client, mut server) = duplex(bytes.len().max(1));
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    receive(&mut server, None, limits, limits.deadline()).await
}

/// What a refused client reads, up to the end of its stream.
async fn answer(refusal: &UpgradeRefusal) -> String {
    let (mut client, mut server) = duplex(64 * 1024);
    client.shutdown().await.unwrap();
    refuse(&mut server, refusal).await.unwrap();
    drop(server);
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

/// The whole answer to a request that must be refused.
async fn refused(request: impl AsRef<[u8]>) -> String {
    match received(request.as_ref(), &UpgradeLimits::default()).await {
        Err(UpgradeError::Refused(refusal)) => answer(&refusal).await,
        other => panic!("not refused: {other:?}"),
    }
}

/// The request that axum or hyper would hand over.
fn request(target: &str, headers: &[(&str, &str)]) -> UpgradeRequest {
    let mut builder = http::Request::get(target);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    UpgradeRequest::from_http(builder.body(()).unwrap().into_parts().0)
}
