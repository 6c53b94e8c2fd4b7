//! When what ends. Entries of finished calls stay until they surface or until they outnumber the live ones, so that
//! finishing a call costs nothing here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::Key;

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A call or event of this side.
    Pending(Key),
    /// A call of the peer.
    Running(Key),
}

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, Due)>>,
}

impl Deadlines {
    /// Adds a deadline. `live` is the number of calls with one; `is_live` tells whether an entry still matters.
    pub(super) fn add(&mut self, at: Instant, due: Due, live: usize, is_live: impl Fn(Due) -> bool) {
        // Amortised: at least half of what is walked over goes away.
        if self.heap.len() > 2 * live + 64 {
            self.heap.retain(|Reverse((_, due))| is_live(*due));
        }
        self.heap.push(Reverse((at, due)));
    }

    /// The next entry that is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Due> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, due))| due),
            _ => None,
        }
    }

    /// When to look again; drops the entries in front that no longer matter.
    pub(super) fn next(&mut self, is_live: impl Fn(Due) -> bool) -> Option<Instant> {
        while let Some(Reverse((at, due))) = self.heap.peek() {
            if is_live(*due) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    pub(super) fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn finished_calls_do_not_pile_up() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        for index in 0..100_000 {
            let due = Due::Pending(Key { index, generation: 0 });
            deadlines.add(start + Duration::from_secs(30), due, 0, |_| false);
        }
        assert!(deadlines.heap.len() <= 66);
    }

    #[test]
    fn entries_come_in_time_order() {
        let start = Instant::now();
        let key = |index| Key { index, generation: 0 };
        let mut deadlines = Deadlines::default();
        deadlines.add(start + Duration::from_secs(2), Due::Pending(key(2)), 2, |_| true);
        deadlines.add(start + Duration::from_secs(1), Due::Running(key(1)), 2, |_| true);
        assert_eq!(deadlines.pop(start), None);
        assert_eq!(deadlines.next(|_| true), Some(start + Duration::from_secs(1)));
        assert_eq!(deadlines.pop(start + Duration::from_secs(2)), Some(Due::Running(key(1))));
        assert_eq!(deadlines.pop(start + Duration::from_secs(2)), Some(Due::Pending(key(2))));
    }
}
