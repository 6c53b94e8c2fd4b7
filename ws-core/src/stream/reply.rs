//! Answering a call with a stream, from anywhere.

use std::fmt;

use futures::Stream;

use super::ItemSink;
use crate::error::Never;
use crate::service::{CallContext, Payload, ReplyHandle};

/// Answers one call with a stream, once, from any task. Dropped without an answer, the caller hears `NoReply` at once.
#[must_use = "a reply handle that is dropped fails the call with `NoReply`"]
pub struct StreamReply<T, E = Never> {
    handle: ReplyHandle<T, E>,
}

impl<T: Payload, E: Payload> StreamReply<T, E> {
    /// What answers through this handle.
    pub const fn new(handle: ReplyHandle<T, E>) -> Self {
        Self { handle }
    }

    /// Answers with a stream, which is polled with the connection, no longer by this task.
    pub fn send(self, items: impl Stream<Item = T> + Send + 'static) {
        self.handle.produce(Box::new(|sink: ItemSink| Box::pin(sink.run(items))));
    }

    /// Answers with a stream that ends with its first error.
    pub fn try_send(self, items: impl Stream<Item = Result<T, E>> + Send + 'static) {
        self.handle.produce(Box::new(|sink: ItemSink| Box::pin(sink.try_run(items))));
    }

    /// Answers with the error that the method declares, in place of a stream.
    pub fn fail(self, error: E) {
        self.handle.fail(error);
    }

    /// Answers that the call is not allowed. The caller learns `Denied`, the reason stays on this side.
    pub fn deny(self, reason: impl Into<String>) {
        self.handle.deny(reason);
    }
}

impl<T, E> StreamReply<T, E> {
    /// What may be asked about the call: its connection, peer, deadline and metadata.
    #[must_use]
    pub const fn context(&self) -> &CallContext {
        self.handle.context()
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.handle.is_cancelled()
    }
}

impl<T, E> fmt::Debug for StreamReply<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamReply").field(&self.handle).finish()
    }
}
