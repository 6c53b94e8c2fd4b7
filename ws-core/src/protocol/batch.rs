//! One WebSocket message: one or more frames, each behind its length (P2).

use super::reader::{Malformed, Reader};
use super::varint;

/// The frames of one WebSocket message, in order. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: Reader<'a>,
    begun: bool,
}

impl<'a> Frames<'a> {
    /// The frames in `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: Reader::new(message), begun: false }
    }
}

impl<'a> Frames<'a> {
    /// What follows the last frame taken.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest.rest()
    }

    /// Whether nothing follows the last frame taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            if self.begun {
                return None;
            }
            self.begun = true;
            return Some(Err(Malformed("a message holds no frame")));
        }
        self.begun = true;
        let frame = self.rest.bytes();
        if frame.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(frame)
    }
}

/// Appends the length that stands before a frame.
#[inline]
pub fn put_length(length: usize, push: impl FnMut(u8)) {
    varint::put(length as u64, push);
}

/// How many bytes stand before a frame of `length` bytes.
#[inline]
pub(crate) const fn length_of(length: usize) -> usize {
    varint::length(length as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_order() {
        let frames: Vec<_> = Frames::new(&[1, 0xaa, 2, 0xbb, 0xcc, 0]).collect();
        assert_eq!(frames, [Ok(&[0xaa][..]), Ok(&[0xbb, 0xcc][..]), Ok(&[][..])]);
    }

    #[test]
    fn a_claim_beyond_the_message_ends_it() {
        // A length of 2^60.
        let claim = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1, 2, 3];
        let mut frames = Frames::new(&claim);
        assert!(frames.next().expect("an error").is_err());
        assert!(frames.next().is_none());
        assert!(Frames::new(&[]).next().expect("an error").is_err(), "an empty message");
    }
}
