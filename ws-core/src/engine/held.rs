//! Bytes that outlive the read which brought them.

use bytes::Bytes;

use crate::codec::{Body, SHARED};

/// A body that waits for its reader. Small ones lie inline; a larger one shares the message that brought it only
/// where it makes up most of it, so that no small body pins a large buffer.
#[derive(Clone)]
pub(crate) enum Held {
    Inline(u8, [u8; Self::INLINE]),
    Shared(Bytes),
}

impl Held {
    const INLINE: usize = 54;

    #[inline]
    pub(crate) fn of(message: &Bytes, body: &[u8]) -> Self {
        if body.len() <= Self::INLINE {
            let mut bytes = [0; Self::INLINE];
            bytes[..body.len()].copy_from_slice(body);
            return Self::Inline(body.len() as u8, bytes);
        }
        Self::Shared(detached(message, body))
    }

    /// A body of this side's own making.
    pub(crate) fn own(body: &Body) -> Self {
        let bytes = Bytes::copy_from_slice(body.payload());
        Self::of(&bytes, &bytes)
    }

    /// The bytes that a decoded value may share.
    #[inline]
    pub(crate) const fn shared(&self) -> Option<&Bytes> {
        match self {
            Self::Inline(..) => None,
            Self::Shared(bytes) => Some(bytes),
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The part `body` of `message` for a handler that decodes it at once. What it decodes may share a large one, and so
/// keep it.
#[inline]
pub(super) fn part(message: &Bytes, body: &[u8]) -> Bytes {
    if body.len() < SHARED { message.slice_ref(body) } else { detached(message, body) }
}

/// The part `body` of `message`, as bytes of its own where it is less than half of it.
pub(super) fn detached(message: &Bytes, body: &[u8]) -> Bytes {
    if body.len() * 2 >= message.len() { message.slice_ref(body) } else { Bytes::copy_from_slice(body) }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.as_slice().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_handler_may_keep_is_no_small_part_of_a_large_message() {
        let message = Bytes::from(vec![7; 4 * SHARED]);
        let shares = |length: usize| {
            let part = part(&message, &message[..length]);
            assert_eq!(part.len(), length);
            std::ptr::eq(part.as_ptr(), message.as_ptr())
        };
        assert!(!shares(SHARED) && !shares(2 * SHARED - 1), "it would keep all of it");
        assert!(shares(2 * SHARED) && shares(4 * SHARED));
        assert!(shares(SHARED - 1), "nothing of it is kept");
    }
}
