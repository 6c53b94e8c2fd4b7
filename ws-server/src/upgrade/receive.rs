//! Reads a request from a stream.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::handshake::AcceptKey;
use super::head_end::HeadEnd;
use super::parse::parse;
use super::{UpgradeError, UpgradeLimits, UpgradeRefusal, UpgradeRequest};

/// A request of a few header fields fits at once.
const FIRST_CAPACITY: usize = 1024;

/// A valid upgrade request that waits for its answer.
#[derive(Debug)]
pub struct Received {
    /// What was asked.
    pub request: UpgradeRequest,
    /// What [`accept`](super::accept) answers with.
    pub accept_key: AcceptKey,
    /// Bytes that came behind the request: the first frames of a client that did not wait. The WebSocket layer has
    /// to read them before it reads the stream.
    pub leftover: Vec<u8>,
}

/// Reads a request and judges it by the rules of HTTP and WebSocket; whether it is wanted is for
/// [`UpgradeChecks`](super::UpgradeChecks) to say. At most `max_bytes` are read from the stream.
///
/// # Errors
/// [`Refused`](UpgradeError::Refused) where it is not a valid upgrade request or is larger than `limits`: the peer is
/// still there, [`refuse`](super::refuse) answers it. Otherwise there is nobody to answer.
///
/// # Cancel safety
/// Not cancel safe: what was read is lost, and the stream is of no more use.
pub async fn receive<S>(
    io: &mut S,
    remote_address: Option<SocketAddr>,
    limits: &UpgradeLimits,
    deadline: Instant,
) -> Result<Received, UpgradeError>
where
    S: AsyncRead + Unpin,
{
    // One deadline around the whole head: a read at a time, a slow client could stretch it for ever.
    let read = timeout_at(deadline, read_head(io, limits.max_bytes)).await;
    let (head, leftover) = read.map_err(|_| UpgradeError::Timeout)??;
    let parts = parse(&head, limits.max_fields)?;
    let accept_key = AcceptKey::for_request(&parts)?;
    let mut request = UpgradeRequest::from_http(parts);
    if let Some(address) = remote_address {
        request = request.with_remote_address(address);
    }
    Ok(Received { request, accept_key, leftover })
}

/// The head, and what came with it.
async fn read_head<S>(io: &mut S, max_bytes: usize) -> Result<(Vec<u8>, Vec<u8>), UpgradeError>
where
    S: AsyncRead + Unpin,
{
    let mut buffer = Vec::with_capacity(FIRST_CAPACITY.min(max_bytes));
    let mut scan = HeadEnd::default();
    loop {
        if let Some(end) = scan.advance(&buffer)? {
            let leftover = buffer.split_off(end);
            return Ok((buffer, leftover));
        }
        let room = max_bytes.saturating_sub(buffer.len());
        if room == 0 {
            return Err(UpgradeRefusal::too_many("the request is too large").into());
        }
        if (&mut *io).take(room as u64).read_buf(&mut buffer).await? > 0 {
            continue;
        }
        if buffer.is_empty() {
            return Err(UpgradeError::Closed);
        }
        // The peer may have closed its half only, and still read.
        return Err(UpgradeRefusal::bad_request("the request is incomplete").into());
    }
}
