//! An encoded value with room for an envelope in front.

use std::fmt;

/// The encoded bytes of one value.
///
/// They lie behind [`Body::HEADROOM`] free bytes of the same buffer, so that an envelope can be put in front of them
/// without copying them.
#[derive(Clone, Default)]
pub struct Body {
    /// The headroom, zeroed, then the payload; or nothing at all, so that an empty body costs no allocation.
    buffer: Vec<u8>,
}

impl Body {
    /// How many bytes are free in front of the payload.
    pub const HEADROOM: usize = 64;

    /// The body without a byte.
    #[must_use]
    pub const fn empty() -> Self {
        Self { buffer: Vec::new() }
    }

    /// Copies bytes that are encoded already.
    #[must_use]
    pub fn from_bytes(payload: &[u8]) -> Self {
        let mut buffer = headroom_and(payload.len());
        buffer.extend_from_slice(payload);
        Self { buffer }
    }

    /// Takes a buffer that began as [`headroom_and`].
    pub(super) const fn from_buffer(buffer: Vec<u8>) -> Self {
        Self { buffer }
    }

    /// The encoded bytes.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.buffer.get(Self::HEADROOM..).unwrap_or_default()
    }

    /// How many bytes the payload has, the headroom not counted.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.payload().len()
    }

    /// Whether the payload has no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload().is_empty()
    }

    /// The whole buffer: [`Body::HEADROOM`] bytes of zero, then the payload.
    #[inline]
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        if self.buffer.is_empty() { headroom_and(0) } else { self.buffer }
    }
}

/// The headroom, with capacity for `payload` bytes behind it.
#[inline]
pub(super) fn headroom_and(payload: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(Body::HEADROOM + payload);
    buffer.extend_from_slice(&[0; Body::HEADROOM]);
    buffer
}

/// Only the length: payloads are users' data and have no place in logs.
impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Body").field("len", &self.len()).finish()
    }
}
