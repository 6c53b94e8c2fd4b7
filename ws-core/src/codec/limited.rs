//! The writer that both codecs encode into.

use super::Body;
use super::body::headroom_and;

/// Collects a body and fails as soon as it would exceed its limit, so that a huge value never takes more memory than
/// the limit allows.
#[derive(Debug)]
pub(super) struct Limited {
    buffer: Vec<u8>,
    /// Where the buffer may end at the most.
    end: usize,
    /// Up to where it can be filled without another look: the lesser of `end` and its capacity, never less than its
    /// length.
    room: usize,
    /// Whether something did not fit. Remembered here, because what a codec or a `Serialize` makes of the error of a
    /// writer is its own affair.
    overflown: bool,
}

/// The payload's first allocation: enough for most calls.
const FIRST: usize = 64;

impl Limited {
    #[inline]
    pub(super) fn new(limit: usize) -> Self {
        let buffer = headroom_and(FIRST);
        let end = Body::HEADROOM.saturating_add(limit);
        let room = buffer.capacity().min(end);
        Self { buffer, end, room, overflown: false }
    }

    #[inline]
    pub(super) const fn overflown(&self) -> bool {
        self.overflown
    }

    #[inline]
    pub(super) fn into_body(self) -> Body {
        Body::from_buffer(self.buffer)
    }

    /// Whether the bytes fitted.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.room - self.buffer.len() && !self.make_room(bytes.len()) {
            return false;
        }
        self.buffer.extend_from_slice(bytes);
        true
    }

    /// Doubles the buffer, as a `Vec` does, but never past the limit.
    #[cold]
    fn make_room(&mut self, more: usize) -> bool {
        if more > self.end - self.buffer.len() {
            self.overflown = true;
            return false;
        }
        let needed = self.buffer.len() + more;
        let wanted = self.buffer.capacity().saturating_mul(2).clamp(needed, self.end);
        self.buffer.reserve_exact(wanted - self.buffer.len());
        self.room = self.buffer.capacity().min(self.end);
        true
    }
}

#[cfg(feature = "bincode")]
impl ::bincode::enc::write::Writer for Limited {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), ::bincode::error::EncodeError> {
        if self.put(bytes) { Ok(()) } else { Err(::bincode::error::EncodeError::UnexpectedEnd) }
    }
}

#[cfg(feature = "msgpack")]
impl std::io::Write for Limited {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.put(bytes) { Ok(()) } else { Err(std::io::ErrorKind::WriteZero.into()) }
    }

    #[inline]
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
