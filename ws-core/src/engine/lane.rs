//! Events of one connection, handled one at a time in arrival order (R12). Bounded by the credit that was granted.

use std::collections::VecDeque;

use super::{Key, Start};

#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<Queued>,
    busy: Option<Key>,
}

/// An event that waits for its turn; its start has no key yet.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) start: Start,
    pub(super) bytes: usize,
}

impl Lane {
    pub(super) const fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    pub(super) const fn begin(&mut self, key: Key) {
        self.busy = Some(key);
    }

    pub(super) fn push(&mut self, event: Queued) {
        self.waiting.push_back(event);
    }

    /// The handler of `key` is done; gives the event whose turn it is, where `key` was the lane's.
    pub(super) fn end(&mut self, key: Key) -> Option<Queued> {
        if self.busy != Some(key) {
            return None;
        }
        self.busy = None;
        self.waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
