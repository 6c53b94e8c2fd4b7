//! Bytes buffered over all connections of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The server's bound. Connections draw from it in chunks, so that small messages do not meet on one counter.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// What every connection has without asking; part of its cost at rest.
const FREE: usize = 16 << 10;
const CHUNK: usize = 64 << 10;

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.limit)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// One connection's part; given back when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Share {
    budget: Option<Arc<Budget>>,
    held: usize,
}

impl Share {
    pub(super) const fn of(budget: Option<Arc<Budget>>) -> Self {
        Self { budget, held: 0 }
    }

    /// Whether `total` bytes may be buffered on this connection now.
    pub(super) fn covers(&mut self, total: usize) -> bool {
        let Some(budget) = &self.budget else { return true };
        if total <= FREE + self.held {
            return true;
        }
        let missing = (total - FREE - self.held).div_ceil(CHUNK) * CHUNK;
        let taken = budget.take(missing);
        self.held += if taken { missing } else { 0 };
        taken
    }

    /// Gives back what `total` no longer needs, keeping one chunk in hand.
    pub(super) fn settle(&mut self, total: usize) {
        let Some(budget) = &self.budget else { return };
        let needed = total.saturating_sub(FREE).div_ceil(CHUNK) * CHUNK;
        let keep = if total == 0 { 0 } else { needed + CHUNK };
        if self.held > keep {
            budget.give_back(self.held - keep);
            self.held = keep;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settle(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_given_back() {
        let budget = Budget::new(1 << 20);
        let mut share = Share::of(Some(Arc::clone(&budget)));
        assert!(share.covers(FREE));
        assert_eq!(budget.used(), 0, "the first bytes are free");
        assert!(share.covers(FREE + 100_000));
        assert_eq!(budget.used(), 2 * CHUNK);
        assert!(!share.covers(2 << 20));
        share.settle(0);
        assert_eq!(budget.used(), 0);
        assert!(share.covers(FREE + 1));
        drop(share);
        assert_eq!(budget.used(), 0);
    }
}
