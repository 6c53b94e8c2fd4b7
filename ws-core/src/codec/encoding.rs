//! Which codec a connection speaks.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sharing::{SHARED, sharing};
use super::{Body, DecodeError, EncodeError};
use crate::limits::DecodeLimits;

/// How the values of one connection become bytes. The two sides agree on it by subprotocol name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Positional and compact: both sides must be built from the same types.
    ///
    /// What serde can only do in a self-describing encoding (`untagged`, internally tagged enums, `flatten`) fails as
    /// [`DecodeError::Unsupported`]; a field that is skipped must be skipped by both sides, always.
    #[cfg(feature = "bincode")]
    Bincode,
    /// MessagePack with named fields and variants: survives added fields and every serde attribute.
    ///
    /// `None` and `()` are the same byte in it, so that `Some(None)` and `Some(())` come back as `None`.
    #[cfg(feature = "msgpack")]
    Msgpack,
}

impl Encoding {
    /// The encodings that are compiled in. The first is the default.
    #[must_use]
    pub const fn available() -> &'static [Self] {
        &[
            #[cfg(feature = "bincode")]
            Self::Bincode,
            #[cfg(feature = "msgpack")]
            Self::Msgpack,
        ]
    }

    /// The WebSocket subprotocol that names the protocol's version and this encoding.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => "ws-service.v1.bincode",
            #[cfg(feature = "msgpack")]
            Self::Msgpack => "ws-service.v1.msgpack",
        }
    }

    /// The encoding that a subprotocol names; `None` where it is not ours or not compiled in.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::available().iter().copied().find(|encoding| encoding.subprotocol() == name)
    }

    /// Encodes a value into at most `limit` bytes.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] as soon as the value needs more than `limit` bytes, and before they are allocated;
    /// [`EncodeError::Unsupported`] where the value, or its `Serialize`, refuses this encoding.
    #[inline]
    pub fn encode<T: Serialize + ?Sized>(self, value: &T, limit: usize) -> Result<Body, EncodeError> {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::encode(value, limit),
            #[cfg(feature = "msgpack")]
            Self::Msgpack => super::msgpack::encode(value, limit),
        }
    }

    /// Decodes the one value that `body` consists of (R35).
    ///
    /// Whatever the body holds, this neither panics nor recurses deeper than `limits.depth`, and it visits at most
    /// `body.len() + limits.spare_elements` elements.
    ///
    /// # Errors
    /// Any [`DecodeError`].
    #[inline]
    pub fn decode<T: DeserializeOwned>(self, body: &[u8], limits: &DecodeLimits) -> Result<T, DecodeError> {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::decode(body, limits),
            #[cfg(feature = "msgpack")]
            Self::Msgpack => super::msgpack::decode(body, limits),
        }
    }
    /// As [`decode`](Self::decode); large byte strings of the value may be parts of `source`, of which the body is one.
    #[inline]
    pub(crate) fn decode_from<T: DeserializeOwned>(
        self,
        source: Option<&Bytes>,
        body: &[u8],
        limits: &DecodeLimits,
    ) -> Result<T, DecodeError> {
        match source {
            Some(source) if body.len() >= SHARED => sharing(source, || self.decode(body, limits)),
            _ => self.decode(body, limits),
        }
    }
}
