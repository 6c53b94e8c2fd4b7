//! Events of one connection, handled one at a time in arrival order (R12). Bounded by the credit that was granted.

use std::collections::VecDeque;

use super::{Key, Start};
use crate::limits::Limits;

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
    /// An answer that came too late: it cost no credit.
    pub(super) late: bool,
}

/// Answers that came too late and are handled as events, or wait for it. Bounded like the events that have credit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Late {
    messages: u64,
    bytes: u64,
}

impl Late {
    pub(super) fn admits(&self, limits: &Limits) -> bool {
        self.messages < limits.event_lane_messages as u64 && self.bytes < limits.event_lane_bytes as u64
    }

    pub(super) const fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    pub(super) const fn remove(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes as u64;
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
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
