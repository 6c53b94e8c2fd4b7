//! Writes the answer to a request.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{AcceptKey, UpgradeError, UpgradeRefusal};

/// How long a refused client may take to read its answer and to leave.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what a refused client still sends is read.
const LINGER_BYTES: u64 = 64 * 1024;

/// Answers 101: from here on the stream carries WebSocket frames, the first of which may be in
/// [`leftover`](super::Received::leftover). The subprotocol has to be one that the client offered, as
/// [`negotiate`](super::negotiate()) returns it.
///
/// # Errors
/// [`Timeout`](UpgradeError::Timeout) where the client does not take the answer before the deadline,
/// [`Io`](UpgradeError::Io) where the stream fails, or with [`io::ErrorKind::InvalidInput`] where the subprotocol has
/// characters that no header field may have.
///
/// # Cancel safety
/// Not cancel safe: the answer may be half written.
pub async fn accept<S>(
    io: &mut S,
    accept_key: &AcceptKey,
    subprotocol: Option<&str>,
    deadline: Instant,
) -> Result<(), UpgradeError>
where
    S: AsyncWrite + Unpin,
{
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    let response = accept_key.response(subprotocol).map_err(invalid)?;
    let bytes = encode(response.status(), response.headers(), "");
    let written = timeout_at(deadline, async {
        io.write_all(&bytes).await?;
        io.flush().await
    });
    Ok(written.await.map_err(|_| UpgradeError::Timeout)??)
}

/// Answers with a refusal, then ends the stream so that the client can read it: closing while bytes of the client
/// are unread would send a TCP reset, which destroys an answer under way. So the rest is read first, at most 64 KiB
/// of it. All of this ends within a second.
///
/// # Errors
/// [`Io`](UpgradeError::Io) or [`Timeout`](UpgradeError::Timeout) where the answer could not be written. A client
/// that does not leave, or leaves badly, once it is answered is no error.
///
/// # Cancel safety
/// Not cancel safe: the answer may be half written. The stream is to be dropped in any case.
pub async fn refuse<S>(io: &mut S, refusal: &UpgradeRefusal) -> Result<(), UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut response = refusal.response();
    response.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
    let bytes = encode(response.status(), response.headers(), response.body());

    let deadline = Instant::now() + LINGER;
    let written = timeout_at(deadline, async {
        io.write_all(&bytes).await?;
        io.shutdown().await
    });
    written.await.map_err(|_| UpgradeError::Timeout)??;
    let mut rest = io.take(LINGER_BYTES);
    let _ = timeout_at(deadline, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}

fn encode(status: StatusCode, headers: &HeaderMap, body: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + body.len());
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    for (name, value) in headers {
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(customary(name).as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// The name in its customary case. Any case will do, but small devices are known to compare bytes.
fn customary(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| match word {
        "websocket" => "WebSocket".to_owned(),
        "www" => "WWW".to_owned(),
        _ => {
            let mut word = word.to_owned();
            if let Some(first) = word.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            word
        }
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_people_write_them() {
        for name in ["Sec-WebSocket-Accept", "WWW-Authenticate", "Retry-After", "X--Y", "-", "A"] {
            assert_eq!(customary(&name.parse().unwrap()), name);
        }
    }
}
