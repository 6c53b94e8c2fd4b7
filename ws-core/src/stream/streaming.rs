//! The reader of a stream.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::StreamError;
use crate::clock;
use crate::codec::Sharing;
use crate::engine::{Held, Key, Read, Run, StreamEnd};
use crate::error::Never;
use crate::service::Payload;
use crate::service::scope::ScopeGuard;
use crate::shared::Shared;

/// What is read from a stream: the values of a call that streams them, or, in a handler, what its caller uploads.
///
/// It ends with `None` where it is complete, else with exactly one error, and is fused: `None` follows ever after. It
/// is weak as a remote is, so that it does not keep its connection open. What was received before an end is given
/// first.
///
/// The producer sends ahead within a window (`Limits::stream_items`, `Limits::stream_bytes`) that widens while this
/// is read quickly; a reader that is slow stops its own producer and nobody else's.
///
/// # Cancel safety
/// Waiting for an item may be given up at any time; none is lost. Dropping the reader ends the stream: a call's
/// producer is dropped where it stands, an uploader stops while the call goes on.
#[must_use = "a stream goes on while it is read, and is cancelled when it is dropped"]
pub struct Streaming<T, E = Never> {
    raw: RawReader,
    types: PhantomData<fn() -> (T, E)>,
}

/// A reader without its types, so that each type adds only its decoding.
struct RawReader {
    shared: Arc<Shared>,
    /// None where there is nothing to read.
    flow: Option<Key>,
    /// Taken out of the engine, and not given yet.
    runs: VecDeque<Run>,
    /// Where in the first of them the next item begins.
    position: usize,
    over: bool,
    /// The call that it was opened for, where that is known to it (R11).
    scope: ScopeGuard,
}

impl<T, E> Streaming<T, E> {
    pub(crate) fn new(shared: Arc<Shared>, flow: Option<Key>, scope: ScopeGuard) -> Self {
        let raw = RawReader { shared, flow, runs: VecDeque::new(), position: 0, over: false, scope };
        Self { raw, types: PhantomData }
    }
}

impl<T: Payload, E: Payload> Stream for Streaming<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let raw = &mut self.get_mut().raw;
        if raw.runs.is_empty() {
            if raw.over {
                return Poll::Ready(None);
            }
            if raw.scope.has_ended(cx.waker()) {
                raw.give_up();
                return Poll::Ready(Some(Err(StreamError::Cancelled)));
            }
            let now = clock::now();
            let RawReader { shared, flow, runs, .. } = raw;
            let read = match *flow {
                Some(flow) => {
                    shared.with(|engine, effects| engine.read(now, flow, runs, cx.waker(), effects))
                }
                None => Read::End(StreamEnd::Cancelled),
            };
            match read {
                Read::Wait => return Poll::Pending,
                // The credit goes out first, so that the producer makes more while these are read.
                Read::Items { credit: true } => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Read::Items { credit: false } => {}
                Read::End(end) => {
                    raw.over = true;
                    raw.scope = ScopeGuard::default();
                    let error = StreamError::of(end, |body| raw.decode(body, 0..body.as_slice().len()));
                    return Poll::Ready(error.map(Err));
                }
            }
        }
        let decoded = raw.next_item();
        if decoded.is_none() {
            raw.give_up();
        }
        Poll::Ready(Some(decoded.ok_or(StreamError::InvalidItem)))
    }
}

impl<T: Payload, E: Payload> futures::stream::FusedStream for Streaming<T, E> {
    fn is_terminated(&self) -> bool {
        self.raw.over && self.raw.runs.is_empty()
    }
}

impl RawReader {
    fn decode<T: Payload>(&self, held: &Held, body: Range<usize>) -> Option<T> {
        let (encoding, limits) = (self.shared.encoding, self.shared.limits.decode());
        let decoded = encoding.decode_from(held.shared(), held.as_slice().get(body)?, &limits);
        if let Err(error) = &decoded {
            tracing::debug!(%error, "an item of a stream does not decode");
        }
        decoded.ok().map(|Sharing(item)| item)
    }

    /// The next item of those that were taken out; none where it does not decode.
    fn next_item<T: Payload>(&mut self) -> Option<T> {
        let run = self.runs.front()?;
        let (body, next) = run.item(self.position)?;
        let is_last = run.is_end(next);
        // Before it is decoded: should that panic, the same item is not met again.
        self.position = if is_last { 0 } else { next };
        if is_last {
            let run = self.runs.pop_front()?;
            return self.decode(run.frames(), body);
        }
        self.decode(self.runs.front()?.frames(), body)
    }

    fn give_up(&mut self) {
        if let (false, Some(flow)) = (std::mem::replace(&mut self.over, true), self.flow) {
            self.shared.with(|engine, effects| engine.drop_reader(clock::now(), flow, effects));
        }
        self.runs = VecDeque::new();
        self.position = 0;
        self.scope = ScopeGuard::default();
    }
}

impl Drop for RawReader {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T, E> std::fmt::Debug for Streaming<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streaming")
            .field("connection", &self.raw.shared.id)
            .field("over", &self.raw.over)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_goes_anywhere_whatever_it_reads() {
        fn anywhere<S: Send + Sync + Unpin + 'static>() {}
        anywhere::<Streaming<std::cell::Cell<u8>, std::cell::Cell<u8>>>();
    }
}
