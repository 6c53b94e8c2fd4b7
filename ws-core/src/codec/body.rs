//! An encoded value with room for an envelope in front.

use std::fmt;

/// The encoded bytes of one value.
///
/// Small ones lie inline, and cost no allocation: they are copied into a batch anyway. Others lie behind
/// [`Body::HEADROOM`] free bytes of the same buffer, so that an envelope can be put in front of them without copying
/// them.
#[derive(Clone)]
pub struct Body(Repr);

#[derive(Clone)]
enum Repr {
    /// How many bytes, and the bytes.
    Inline(u8, [u8; Body::INLINE]),
    /// The headroom, zeroed, then the payload.
    Buffer(Vec<u8>),
}

impl Body {
    /// How many bytes are free in front of the payload.
    pub const HEADROOM: usize = 64;

    /// Payloads up to this many bytes lie inline.
    pub(super) const INLINE: usize = 62;

    /// The body without a byte.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Repr::Inline(0, [0; Self::INLINE]))
    }

    /// Copies bytes that are encoded already.
    #[must_use]
    pub fn from_bytes(payload: &[u8]) -> Self {
        let mut inline = [0; Self::INLINE];
        if let Some(bytes) = inline.get_mut(..payload.len()) {
            bytes.copy_from_slice(payload);
            return Self::from_inline(payload.len(), inline);
        }
        let mut buffer = headroom_and(payload.len());
        buffer.extend_from_slice(payload);
        Self::from_buffer(buffer)
    }

    /// Takes so many bytes.
    #[inline]
    pub(super) const fn from_inline(length: usize, bytes: [u8; Self::INLINE]) -> Self {
        Self(Repr::Inline(length as u8, bytes))
    }

    /// Takes a buffer that began as [`headroom_and`].
    #[inline]
    pub(super) const fn from_buffer(buffer: Vec<u8>) -> Self {
        Self(Repr::Buffer(buffer))
    }

    /// The encoded bytes.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Repr::Buffer(buffer) => &buffer[Self::HEADROOM..],
        }
    }

    /// How many bytes the payload has, the headroom not counted.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline(length, _) => usize::from(*length),
            Repr::Buffer(buffer) => buffer.len() - Self::HEADROOM,
        }
    }

    /// Whether the payload has no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole buffer: [`Body::HEADROOM`] bytes of zero, then the payload.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        match self.0 {
            Repr::Buffer(buffer) => buffer,
            Repr::Inline(length, bytes) => {
                let mut buffer = headroom_and(usize::from(length));
                buffer.extend_from_slice(&bytes[..usize::from(length)]);
                buffer
            }
        }
    }
}

/// It is moved on the way of every call.
const _: () = assert!(size_of::<Body>() == 64, "a body that takes one line of the cache");

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

/// The headroom, with capacity for `payload` bytes behind it.
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
