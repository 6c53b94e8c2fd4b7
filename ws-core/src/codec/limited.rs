//! The writer that both codecs encode into.

use bytes::Bytes;

use super::body::headroom_and;
use super::sharing::offered;
use super::{Body, SHARED};

/// Collects a body and fails as soon as it would exceed its limit, so that a huge value never takes more memory than
/// the limit allows.
#[derive(Debug)]
pub(super) struct Limited {
    /// The first bytes, until there are more.
    inline: [u8; Body::INLINE],
    /// Empty as long as they lie there; else the headroom, and all bytes.
    buffer: Vec<u8>,
    /// The last bytes, which are not copied unless others follow.
    tail: Option<Bytes>,
    /// Bytes collected.
    length: usize,
    limit: usize,
    /// How many there may be without another look.
    room: usize,
    /// Whether something did not fit. Remembered here, because what a codec or a `Serialize` makes of the error of a
    /// writer is its own affair.
    overflown: bool,
}

/// The payload's first allocation.
const FIRST: usize = 192;

impl Limited {
    #[inline]
    pub(super) fn new(limit: usize) -> Self {
        let (inline, room) = ([0; Body::INLINE], limit.min(Body::INLINE));
        Self { inline, buffer: Vec::new(), tail: None, length: 0, limit, room, overflown: false }
    }

    #[inline]
    pub(super) const fn overflown(&self) -> bool {
        self.overflown
    }

    #[inline]
    pub(super) fn into_body(self) -> Body {
        if self.buffer.is_empty() {
            Body::from_inline(self.length, self.inline)
        } else {
            Body::from_buffer(self.buffer, self.tail)
        }
    }

    /// Whether the bytes fitted.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.room - self.length {
            return self.put_more(bytes);
        }
        let end = self.length + bytes.len();
        if self.buffer.is_empty() {
            self.inline[self.length..end].copy_from_slice(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.length = end;
        true
    }

    #[cold]
    fn put_more(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.limit - self.length {
            self.overflown = true;
            return false;
        }
        if let Some(tail) = self.tail.take() {
            // It is not the last.
            self.make_room(tail.len() + bytes.len());
            self.buffer.extend_from_slice(&tail);
        }
        let shared = if bytes.len() >= SHARED { offered(bytes) } else { None };
        match shared {
            Some(tail) => {
                self.make_room(0);
                self.tail = Some(tail);
                self.length += bytes.len();
                // Whatever comes next comes here.
                self.room = self.length;
            }
            None => {
                self.make_room(bytes.len());
                self.buffer.extend_from_slice(bytes);
                self.length += bytes.len();
                // What may be shared comes here as well.
                let room = (self.buffer.capacity() - Body::HEADROOM).min(self.limit);
                self.room = room.min(self.length + SHARED - 1);
            }
        }
        true
    }

    /// Takes a buffer for so many bytes more, or doubles it, as a `Vec` does, but never past the limit.
    fn make_room(&mut self, more: usize) {
        let most = Body::HEADROOM.saturating_add(self.limit);
        if self.buffer.is_empty() {
            let inline = self.length;
            self.buffer = headroom_and((inline + more).max(FIRST).min(self.limit));
            self.buffer.extend_from_slice(&self.inline[..inline]);
        } else {
            let needed = self.buffer.len() + more;
            if needed > self.buffer.capacity() {
                let wanted = self.buffer.capacity().saturating_mul(2).clamp(needed, most);
                self.buffer.reserve_exact(wanted - self.buffer.len());
            }
        }
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
