//! What became of a broadcast event.

use crate::engine::Posted;

/// What became of a broadcast event, in numbers of connections; each of the audience is counted once in `reached`,
/// `dropped`, `closed` or `refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// It is in their outbox, or in the queue before it.
    pub reached: usize,
    /// Of those reached: it waits in their queue, for their handlers return no credit or their outbox is full.
    pub waiting: usize,
    /// Of those reached: it has taken the place of an older one that waited under the same key.
    pub replaced: usize,
    /// There was no room for it.
    pub dropped: usize,
    /// They had ended, or were closed because they do not keep up.
    pub closed: usize,
    /// It is not for them: their contract differs, it is too large for them, an interceptor denies it, they are no
    /// clients, or it cannot be encoded at all.
    pub refused: usize,
}

impl Delivery {
    /// How many there were.
    #[must_use]
    pub const fn audience(&self) -> usize {
        self.reached + self.dropped + self.closed + self.refused
    }

    /// Whether all of them were reached.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.reached == self.audience()
    }

    pub(super) const fn count(&mut self, posted: Posted) {
        match posted {
            Posted::Sent => self.reached += 1,
            Posted::Waits => {
                self.reached += 1;
                self.waiting += 1;
            }
            Posted::Replaced => {
                self.reached += 1;
                self.waiting += 1;
                self.replaced += 1;
            }
            Posted::Dropped => self.dropped += 1,
            Posted::Closed => self.closed += 1,
            Posted::Refused => self.refused += 1,
        }
    }
}
