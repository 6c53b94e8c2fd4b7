//! Slots and bytes in use at each depth (R11, R12). Both sides keep one such table for each direction, by the same
//! rule, so that a caller that keeps to it is never refused.

use crate::limits::{Limits, MAX_DEPTH, NESTED_SLOTS, NESTED_STREAMS};
use crate::protocol::Announced;

/// The bounds that a callee announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    slots: u64,
    nested_slots: u64,
    bytes: u64,
    nested_bytes: u64,
}

impl Bounds {
    /// Those that this side announces.
    pub(super) const fn here(limits: &Limits) -> Self {
        let (slots, nested) = (limits.max_in_flight, NESTED_SLOTS);
        Self {
            slots: slots as u64,
            nested_slots: if slots < nested { slots } else { nested } as u64,
            bytes: limits.max_call_bytes as u64,
            nested_bytes: limits.max_message as u64,
        }
    }

    pub(super) fn of(announced: &Announced) -> Self {
        Self {
            slots: announced.max_in_flight,
            nested_slots: announced.max_in_flight.min(u64::from(NESTED_SLOTS)),
            bytes: announced.max_call_bytes,
            nested_bytes: announced.max_message,
        }
    }

    /// The bounds of calls that stream: their number alone.
    pub(super) fn of_streams(max_streams: u64) -> Self {
        let nested_slots = max_streams.min(u64::from(NESTED_STREAMS));
        Self { slots: max_streams, nested_slots, bytes: u64::MAX, nested_bytes: u64::MAX }
    }
}

#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Grows to the deepest depth seen, at most [`MAX_DEPTH`].
    depths: Vec<Use>,
    total: Use,
}

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    calls: u64,
    bytes: u64,
}

impl Usage {
    /// Whether one more call fits. One call always fits where none runs, or a large one never could.
    pub(super) fn admits(&self, bounds: &Bounds, depth: u8, bytes: usize) -> bool {
        let used = self.depths.get(usize::from(depth)).copied().unwrap_or_default();
        let (slots, limit) = match depth {
            0 => (bounds.slots, bounds.bytes),
            _ => (bounds.nested_slots, bounds.nested_bytes),
        };
        used.calls == 0 || (used.calls < slots && used.bytes + bytes as u64 <= limit)
    }

    pub(super) fn add(&mut self, depth: u8, bytes: usize) {
        debug_assert!(depth <= MAX_DEPTH);
        let index = usize::from(depth);
        if self.depths.len() <= index {
            // Mostly there is one depth.
            self.depths.reserve_exact(index + 1 - self.depths.len());
            self.depths.resize(index + 1, Use::default());
        }
        for used in [&mut self.depths[index], &mut self.total] {
            used.calls += 1;
            used.bytes += bytes as u64;
        }
    }

    pub(super) fn remove(&mut self, depth: u8, bytes: usize) {
        for used in [&mut self.depths[usize::from(depth)], &mut self.total] {
            used.calls -= 1;
            used.bytes -= bytes as u64;
        }
    }

    pub(super) fn calls_at(&self, depth: u8) -> u64 {
        self.depths.get(usize::from(depth)).map_or(0, |used| used.calls)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.total.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { slots: 2, nested_slots: 2, bytes: 100, nested_bytes: 50 };

    #[test]
    fn each_depth_counts_alone() {
        let mut usage = Usage::default();
        usage.add(0, 10);
        usage.add(0, 10);
        assert!(!usage.admits(&BOUNDS, 0, 1), "both slots are taken");
        assert!(usage.admits(&BOUNDS, 1, 1), "R11: a nested call has slots of its own");
        usage.remove(0, 10);
        assert!(usage.admits(&BOUNDS, 0, 90));
        assert!(!usage.admits(&BOUNDS, 0, 91));
    }

    #[test]
    fn a_large_call_fits_where_none_runs() {
        let usage = Usage::default();
        assert!(usage.admits(&BOUNDS, 3, 1000));
    }
}
