//! Items that came together: kept as they came, in one piece, until their reader decodes them.

use std::ops::Range;

use bytes::Bytes;

use super::Held;
use crate::limits::ITEM_COST;
use crate::protocol::{Frames, MAX_VARINT};

/// ITEM frames of one stream, each behind its length. They followed one another in one message, and are well formed.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    frames: Held,
    /// Of the bodies: what credit counts.
    bytes: u32,
    items: u16,
    /// What stands before each body, its length aside.
    envelope: u8,
}

/// One item alone costs no more than is reckoned for it.
const _: () = assert!(size_of::<Run>() <= ITEM_COST, "a run of one item");

/// How many items of how many bytes there are so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) items: u64,
    pub(super) bytes: u64,
}

impl Extent {
    pub(super) const fn and(self, other: Self) -> Self {
        Self { items: self.items + other.items, bytes: self.bytes + other.bytes }
    }
}

impl Run {
    /// No more items, so that their number can be kept.
    pub(super) const MOST: u64 = u16::MAX as u64;

    /// `frames` is a part of `message`; `envelope` is what stands before the body of each.
    pub(super) fn new(message: &Bytes, frames: &[u8], envelope: usize, extent: Extent) -> Self {
        debug_assert!(extent.items <= Self::MOST && envelope <= 2 + MAX_VARINT);
        let (items, bytes) = (extent.items as u16, extent.bytes as u32);
        Self { frames: Held::of(message, frames), bytes, items, envelope: envelope as u8 }
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent { items: self.items.into(), bytes: self.bytes.into() }
    }

    /// The body of the item whose frame begins at `position`, and where the next one begins.
    pub(crate) fn item(&self, position: usize) -> Option<(Range<usize>, usize)> {
        let all = self.frames.as_slice();
        let mut frames = Frames::new(all.get(position..)?);
        let frame = frames.next()?.ok()?;
        let end = all.len() - frames.rest().len();
        Some((end - frame.len() + usize::from(self.envelope)..end, end))
    }

    /// Whether no item begins at `position`.
    pub(crate) fn is_end(&self, position: usize) -> bool {
        position >= self.frames.as_slice().len()
    }

    #[cfg(test)]
    pub(super) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        let mut position = 0;
        std::iter::from_fn(move || {
            let (body, next) = self.item(position)?;
            position = next;
            Some(&self.frames.as_slice()[body])
        })
    }

    /// The bytes that [`item`](Self::item) tells of.
    pub(crate) const fn frames(&self) -> &Held {
        &self.frames
    }
}
