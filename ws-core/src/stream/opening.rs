//! A call whose answer is a stream: the future that streaming methods of a remote return.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Streaming;
use crate::call::{RawCall, Reply, decode};
use crate::error::{CallError, Never};
use crate::service::Payload;

/// A call that opens a stream: `remote.countdown(9).await?`. It is sent when first polled, and its deadline counts
/// from then until the stream is open (R14); the stream itself has none.
///
/// Where the other side streams as much as it takes already, it waits for one of them to be read to its end or dropped.
/// So whoever opens a stream while it holds others, as many others do, may wait until its deadline.
///
/// # Errors
/// As for a [`Call`](crate::Call). What fails later is an error of the stream.
///
/// # Cancel safety
/// Dropping it cancels the call, also where it was opened meanwhile.
#[must_use = "a call is sent when it is awaited"]
pub struct Opening<T, E = Never> {
    raw: RawCall,
    types: PhantomData<fn() -> (T, E)>,
}

impl<T: Payload, E: Payload> Opening<T, E> {
    pub(crate) const fn new(raw: RawCall) -> Self {
        Self { raw, types: PhantomData }
    }
}

impl<T: Payload, E: Payload> Future for Opening<T, E> {
    type Output = Result<Streaming<T, E>, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(reply) = self.raw.poll(cx) else { return Poll::Pending };
        Poll::Ready(match reply {
            Reply::Opened(flow) => Ok(Streaming::new(self.raw.shared(), Some(flow), self.raw.take_end())),
            // The engine takes none for a call that streams.
            Reply::Value(_) => Err(CallError::InvalidReply),
            Reply::Declared(body) => {
                Err(decode(&self.raw.shared(), &body).map_or(CallError::InvalidReply, CallError::App))
            }
            Reply::Failed(error) => Err(error.widen()),
        })
    }
}

impl<T, E> std::fmt::Debug for Opening<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("method", &self.raw.method()).finish_non_exhaustive()
    }
}
