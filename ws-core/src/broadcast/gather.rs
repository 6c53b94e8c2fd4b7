//! A call of many, and their answers as they come.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};

use crate::call::Call;
use crate::error::{CallError, Never};
use crate::id::ConnectionId;
use crate::service::Payload;

/// A call of an audience: awaited, it is sent to all of them, and gives their answers as a [`Gather`].
///
/// # Cancel safety
/// Dropped before it is polled, nobody is called.
#[must_use = "calls are sent when this is awaited"]
pub struct Gathering<T, E = Never> {
    calls: Vec<(ConnectionId, Call<T, E>)>,
    /// Those whose arguments could not even be encoded.
    failed: Vec<(ConnectionId, CallError<E>)>,
}

impl<T: Payload, E: Payload> Gathering<T, E> {
    pub(super) const fn new(
        calls: Vec<(ConnectionId, Call<T, E>)>,
        failed: Vec<(ConnectionId, CallError<E>)>,
    ) -> Self {
        Self { calls, failed }
    }
}

// Nothing in it is pinned.
impl<T, E> Unpin for Gathering<T, E> {}

impl<T: Payload, E: Payload> Future for Gathering<T, E> {
    type Output = Gather<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Gather<T, E>> {
        let mut gather = Gather { ready: VecDeque::new(), calls: FuturesUnordered::new() };
        gather.ready.extend(self.failed.drain(..).map(|(id, error)| (id, Err(error))));
        for (id, mut call) in std::mem::take(&mut self.calls) {
            // Sent here, all of them, before any is waited for.
            match Pin::new(&mut call).poll(cx) {
                Poll::Ready(answer) => gather.ready.push_back((id, answer)),
                Poll::Pending => gather.calls.push(Asked { id, call }),
            }
        }
        Poll::Ready(gather)
    }
}

impl<T, E> std::fmt::Debug for Gathering<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gathering").field("audience", &self.calls.len()).finish_non_exhaustive()
    }
}

/// The answers of an audience: a stream of each connection's id and its result, in the order of their arrival. It ends
/// when all have answered or failed, at the latest when the call's deadline has passed: that of the method, of
/// `CallOptions`, or `Limits::call_timeout`.
///
/// Dropped, it cancels the calls that have no answer yet.
#[must_use = "answers come as this is read"]
pub struct Gather<T, E = Never> {
    ready: VecDeque<(ConnectionId, Result<T, CallError<E>>)>,
    calls: FuturesUnordered<Asked<T, E>>,
}

/// One of those called.
struct Asked<T, E> {
    id: ConnectionId,
    call: Call<T, E>,
}

impl<T: Payload, E: Payload> Future for Asked<T, E> {
    type Output = (ConnectionId, Result<T, CallError<E>>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        Pin::new(&mut self.call).poll(cx).map(|answer| (id, answer))
    }
}

impl<T, E> Gather<T, E> {
    /// How many answers are still to be read, those that have not come yet included.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.ready.len() + self.calls.len()
    }
}

// Nothing in it is pinned.
impl<T, E> Unpin for Gather<T, E> {}

impl<T: Payload, E: Payload> Stream for Gather<T, E> {
    type Item = (ConnectionId, Result<T, CallError<E>>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.ready.pop_front() {
            Some(answer) => Poll::Ready(Some(answer)),
            None => self.calls.poll_next_unpin(cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining(), Some(self.remaining()))
    }
}

impl<T, E> std::fmt::Debug for Gather<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gather").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
