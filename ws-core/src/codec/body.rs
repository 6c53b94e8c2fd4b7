//! An encoded value with room for an envelope in front.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;

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
    /// The same, and bytes that end it and lie elsewhere.
    Tailed(Box<Tailed>),
}

#[derive(Clone)]
struct Tailed {
    buffer: Vec<u8>,
    tail: Bytes,
    /// Once somebody wanted it in one piece.
    joined: OnceLock<Vec<u8>>,
}

impl Tailed {
    fn join(&self) -> Vec<u8> {
        let mut joined = Vec::with_capacity(self.buffer.len() + self.tail.len());
        joined.extend_from_slice(&self.buffer);
        joined.extend_from_slice(&self.tail);
        joined
    }
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
        Self(Repr::Buffer(buffer))
    }

    /// Takes so many bytes.
    #[inline]
    pub(super) const fn from_inline(length: usize, bytes: [u8; Self::INLINE]) -> Self {
        Self(Repr::Inline(length as u8, bytes))
    }

    /// Takes a buffer that began as [`headroom_and`], and the bytes that end it, if they are not in there.
    #[inline]
    pub(super) fn from_buffer(buffer: Vec<u8>, tail: Option<Bytes>) -> Self {
        Self(match tail {
            None => Repr::Buffer(buffer),
            Some(tail) => Repr::Tailed(Box::new(Tailed { buffer, tail, joined: OnceLock::new() })),
        })
    }

    /// The encoded bytes. Those of a large [`Bytes`] that lie elsewhere are copied for the first who asks.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Repr::Buffer(buffer) => &buffer[Self::HEADROOM..],
            Repr::Tailed(tailed) => &tailed.joined.get_or_init(|| tailed.join())[Self::HEADROOM..],
        }
    }

    /// How many bytes the payload has, the headroom not counted.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline(length, _) => usize::from(*length),
            Repr::Buffer(buffer) => buffer.len() - Self::HEADROOM,
            Repr::Tailed(tailed) => tailed.buffer.len() - Self::HEADROOM + tailed.tail.len(),
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
            Repr::Tailed(mut tailed) => tailed.joined.take().unwrap_or_else(|| tailed.join()),
            Repr::Inline(length, bytes) => {
                let mut buffer = headroom_and(usize::from(length));
                buffer.extend_from_slice(&bytes[..usize::from(length)]);
                buffer
            }
        }
    }

    /// The buffer without the bytes that end it and lie elsewhere, and these.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<Bytes>) {
        match self.0 {
            Repr::Tailed(tailed) => (tailed.buffer, Some(tailed.tail)),
            _ => (self.into_buffer(), None),
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
