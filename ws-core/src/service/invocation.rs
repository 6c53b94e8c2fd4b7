//! One incoming message on its way to a provider.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::scope::{Awaited, Awaiting, ScopeGuard};
use super::{CallContext, Refusal, Responder, Streams};
use crate::codec::Encoding;
use crate::context::Metadata;
use crate::engine::{Held, Key};
use crate::limits::DecodeLimits;
use crate::message::MessageHandle;
use crate::peer::Peer;
use crate::stream::{ItemSink, Streaming};

/// One incoming message: its arguments still encoded, and what its handler may ask about it.
#[derive(Debug)]
pub struct Invocation<'a> {
    body: &'a [u8],
    /// What a large argument may share.
    source: Option<&'a Bytes>,
    parts: &'a InvocationParts,
}

/// What stays the same from message to message, and what the envelope said.
#[derive(Debug)]
pub(crate) struct InvocationParts {
    pub(crate) peer: Peer,
    pub(crate) encoding: Encoding,
    pub(crate) decode_limits: DecodeLimits,
    pub(crate) max_reply: usize,
    pub(crate) method: &'static str,
    pub(crate) streams: Streams,
    pub(crate) depth: u8,
    pub(crate) deadline: Option<Instant>,
    pub(crate) event_id: u64,
    pub(crate) reply_to: Option<u64>,
    /// Where the sender waits for a message that answers this one: true until the first one.
    pub(crate) asked: Option<Arc<AtomicBool>>,
    pub(crate) metadata: Option<Arc<Metadata>>,
    pub(crate) awaiting: Option<Arc<Awaiting>>,
    /// What a method that streams reads from and writes to.
    pub(crate) flow: Option<Key>,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new(body: &'a Bytes, parts: &'a InvocationParts) -> Self {
        Self { body, source: Some(body), parts }
    }

    pub(crate) fn of_held(body: &'a Held, parts: &'a InvocationParts) -> Self {
        Self { body: body.as_slice(), source: body.shared(), parts }
    }

    /// Decodes the arguments, a tuple in the order of the signature.
    ///
    /// # Errors
    /// [`Refusal::InvalidArguments`] where they are malformed, exceed a decoding limit (R35) or are followed by
    /// other bytes.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.parts
            .encoding
            .decode_from(self.source, self.body, &self.parts.decode_limits)
            .map_err(|error| Refusal::InvalidArguments(error.to_string()))
    }

    /// What the handler may ask about this message.
    #[must_use]
    pub fn context(&self) -> CallContext {
        CallContext::new(self.parts)
    }

    /// Which message it is, and how to answer it with another.
    #[must_use]
    pub fn handle(&self) -> MessageHandle {
        self.parts.handle()
    }

    /// Where the handler of a method that streams values puts them.
    pub fn sink(&self) -> ItemSink {
        let flow = self.parts.flow.filter(|_| self.parts.streams.down());
        ItemSink::new(Arc::clone(self.parts.peer.shared()), flow, self.responder())
    }

    /// What the caller uploads, for a method that takes a stream. To be asked for once: a second reader, and that of
    /// a method that takes none, ends `Cancelled` at once.
    pub fn upload<T>(&self) -> Streaming<T> {
        let shared = Arc::clone(self.parts.peer.shared());
        let flow = self.parts.flow.filter(|flow| shared.ask(|engine| engine.claim(*flow)));
        // From here on the handler counts as one that waits, whether or not it reads yet (R11).
        let awaited = flow.and_then(|_| Awaited::by_current());
        Streaming::new(shared, flow, ScopeGuard::new(None, None, awaited))
    }

    /// What encodes the handler's result.
    #[must_use]
    pub const fn responder(&self) -> Responder {
        Responder::new(self.parts.encoding, self.parts.max_reply)
    }
}
