//! When what ends. Entries of finished calls stay until they surface or until they outnumber the live ones, so that
//! finishing a call costs nothing here.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
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

/// Most deadlines are the same time ahead, so that they come in order: those are a queue, and only the others a heap.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    in_order: VecDeque<(Instant, Due)>,
    others: BinaryHeap<Reverse<(Instant, Due)>>,
}

impl Deadlines {
    /// Adds a deadline. `live` is the number of calls with one; `is_live` tells whether an entry still matters.
    pub(super) fn add(&mut self, at: Instant, due: Due, live: usize, is_live: impl Fn(Due) -> bool) {
        // Amortised: at least half of what is walked over goes away.
        if self.len() > 2 * live + 64 {
            self.in_order.retain(|(_, due)| is_live(*due));
            self.others.retain(|Reverse((_, due))| is_live(*due));
        }
        if self.in_order.back().is_none_or(|(last, _)| *last <= at) {
            if self.in_order.capacity() == 0 {
                self.in_order.reserve_exact(1);
            }
            self.in_order.push_back((at, due));
        } else {
            self.others.push(Reverse((at, due)));
        }
    }

    /// The next entry that is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Due> {
        let next = if self.others_first() {
            self.others.peek().map(|Reverse(next)| next)
        } else {
            self.in_order.front()
        };
        if next.is_some_and(|(at, _)| *at <= now) { self.pop_next() } else { None }
    }

    /// When to look again; drops the entries in front that no longer matter.
    pub(super) fn next(&mut self, is_live: impl Fn(Due) -> bool) -> Option<Instant> {
        while self.in_order.front().is_some_and(|(_, due)| !is_live(*due)) {
            self.in_order.pop_front();
        }
        while self.others.peek().is_some_and(|Reverse((_, due))| !is_live(*due)) {
            self.others.pop();
        }
        let (first, other) = (self.in_order.front(), self.others.peek());
        match (first, other) {
            (Some((first, _)), Some(Reverse((other, _)))) => Some(*first.min(other)),
            (first, other) => first.map(|(at, _)| *at).or(other.map(|Reverse((at, _))| *at)),
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back what an idle connection does not need.
    pub(super) fn rest(&mut self) {
        if self.len() == 0 {
            self.clear();
        }
    }

    fn len(&self) -> usize {
        self.in_order.len() + self.others.len()
    }

    /// Whether the next entry is one of those out of order.
    fn others_first(&self) -> bool {
        match (self.in_order.front(), self.others.peek()) {
            (Some(first), Some(Reverse(other))) => other < first,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    fn pop_next(&mut self) -> Option<Due> {
        if self.others_first() {
            self.others.pop().map(|Reverse((_, due))| due)
        } else {
            self.in_order.pop_front().map(|(_, due)| due)
        }
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
        assert!(deadlines.len() <= 66);
    }

    #[test]
    fn any_order_comes_out_in_time_order() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        // 7 generates the numbers below 101, so these come in no order at all.
        let times: Vec<u32> = (0..100).scan(1, |at, _| (*at = *at * 7 % 101, Some(*at)).1).collect();
        for at in &times {
            let due = Due::Running(Key { index: *at, generation: 0 });
            deadlines.add(start + Duration::from_secs(u64::from(*at)), due, 100, |_| true);
        }
        for at in 1..=100 {
            let now = start + Duration::from_secs(u64::from(at));
            assert_eq!(deadlines.next(|_| true), Some(now));
            assert_eq!(deadlines.pop(now - Duration::from_millis(1)), None);
            assert_eq!(deadlines.pop(now), Some(Due::Running(Key { index: at, generation: 0 })));
        }
        assert_eq!(deadlines.next(|_| true), None);
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
