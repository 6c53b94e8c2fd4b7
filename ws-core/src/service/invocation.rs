//! One incoming message on its way to a provider.

use std::sync::Arc;
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::scope::Awaiting;
use super::{CallContext, MethodSpec, Refusal, Responder};
use crate::codec::Encoding;
use crate::context::Metadata;
use crate::limits::DecodeLimits;
use crate::message::MessageHandle;
use crate::peer::Peer;

/// One incoming message: its arguments still encoded, and what its handler may ask about it.
#[derive(Debug)]
pub struct Invocation<'a> {
    body: &'a [u8],
    parts: &'a InvocationParts,
}

/// What stays the same from message to message, and what the envelope said.
#[derive(Debug)]
pub(crate) struct InvocationParts {
    pub(crate) peer: Peer,
    pub(crate) encoding: Encoding,
    pub(crate) decode_limits: DecodeLimits,
    pub(crate) max_reply: usize,
    pub(crate) spec: MethodSpec,
    pub(crate) depth: u8,
    pub(crate) deadline: Option<Instant>,
    pub(crate) event_id: u64,
    pub(crate) reply_to: Option<u64>,
    pub(crate) metadata: Option<Arc<Metadata>>,
    pub(crate) awaiting: Option<Arc<Awaiting>>,
}

impl<'a> Invocation<'a> {
    pub(crate) const fn new(body: &'a [u8], parts: &'a InvocationParts) -> Self {
        Self { body, parts }
    }

    /// Decodes the arguments, a tuple in the order of the signature.
    ///
    /// # Errors
    /// [`Refusal::InvalidArguments`] where they are malformed, exceed a decoding limit (R35) or are followed by
    /// other bytes.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.parts
            .encoding
            .decode(self.body, &self.parts.decode_limits)
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

    /// What encodes the handler's result.
    #[must_use]
    pub const fn responder(&self) -> Responder {
        Responder::new(self.parts.encoding, self.parts.max_reply)
    }
}
