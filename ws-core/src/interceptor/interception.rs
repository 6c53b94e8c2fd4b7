//! A message at one of the four points.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Body, DecodeError, EncodeError};
use crate::context::Metadata;
use crate::error::CallError;
use crate::peer::Peer;
use crate::service::{MethodId, MethodName};

/// A message at one of the four points of an [`Interceptor`](super::Interceptor).
pub struct Interception<'a> {
    pub(super) peer: &'a Peer,
    pub(super) method: &'static str,
    pub(super) id: MethodId,
    pub(super) is_call: bool,
    pub(super) event_id: Option<u64>,
    pub(super) metadata: Option<&'a Metadata>,
    pub(super) outcome: Option<Outcome<'a>>,
    pub(super) began: Instant,
    pub(super) at: Instant,
    /// What a replaced body may be long.
    pub(super) limit: usize,
    pub(super) body: &'a [u8],
    pub(super) replaced: Option<Body>,
    pub(super) rerouted: Option<MethodId>,
}

/// What became of a call, at `returns` and `complete`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// A value, which the body is.
    Value,
    /// The error that the method declares, which the body is.
    Declared,
    /// A stream is open; the body is empty, and its items pass no interceptor.
    Opened,
    /// None of these; the body is empty.
    Failed(&'a CallError),
}

/// Why an interceptor lets a message go no further.
#[derive(Debug)]
pub struct Denial(pub(super) Reason);

#[derive(Debug)]
pub(super) enum Reason {
    /// For this side's eyes.
    Private(String),
    /// In place of the error that the method declares.
    Declared(Body),
}

impl Denial {
    /// Not allowed; the caller hears `Denied`, the reason stays on this side.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Reason::Private(reason.into()))
    }
}

impl Interception<'_> {
    /// The untyped handle of the other side.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        self.peer
    }

    /// `Contract.method`; of a route, what was called is known by [`is`](Self::is) alone.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Whether the message is for this method: `message.is(CalculatorMethod::Add)`, or by its wire name.
    #[must_use]
    pub fn is(&self, method: impl MethodName) -> bool {
        self.id == MethodId::of(method.name())
    }

    /// Whether its sender awaits a result.
    #[must_use]
    pub const fn is_call(&self) -> bool {
        self.is_call
    }

    /// The message's id; none at `send`, where it has none yet.
    #[must_use]
    pub const fn event_id(&self) -> Option<u64> {
        self.event_id
    }

    /// A value that travels with the message.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.and_then(|metadata| metadata.get(key))
    }

    /// What became of the call; none at `send` and `receive`.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome<'_>> {
        self.outcome
    }

    /// When this point was reached.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// When the message reached the first point on this side: `send` or `receive`.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// The time between the two.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.at.saturating_duration_since(self.began)
    }

    /// Bytes of the encoded body.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether the encoded body is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the body: the arguments as a tuple in the order of the signature, at `returns` and `complete` the result.
    ///
    /// # Errors
    /// It is not a `T`, or exceeds a limit of decoding (R35).
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let shared = self.peer.shared();
        shared.encoding.decode(self.bytes(), &shared.limits.decode())
    }

    /// Puts another body in the place of this one.
    ///
    /// # Errors
    /// The value cannot be encoded, or exceeds what may be sent; the body stays as it was.
    pub fn replace<T: Serialize>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.replaced = Some(self.peer.shared().encoding.encode(value, self.limit)?);
        Ok(())
    }

    /// Sends the message to another method or route: at `send` on the other side, at `receive` on this one. Elsewhere it
    /// changes nothing.
    pub fn reroute(&mut self, method: impl MethodName) {
        self.rerouted = Some(MethodId::of(method.name()));
    }

    /// A denial that the caller hears as the error that the method declares.
    ///
    /// # Errors
    /// The error cannot be encoded.
    pub fn deny_with<E: Serialize>(&self, error: &E) -> Result<Denial, EncodeError> {
        let body = self.peer.shared().encoding.encode(error, self.limit)?;
        Ok(Denial(Reason::Declared(body)))
    }

    fn bytes(&self) -> &[u8] {
        self.replaced.as_ref().map_or(self.body, Body::payload)
    }
}

impl fmt::Debug for Interception<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interception")
            .field("method", &self.method)
            .field("event_id", &self.event_id)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
