//! Counts what arrives anywhere in a process, and wakes who waits for a number.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts arrivals. One task at a time may wait.
#[derive(Debug, Default)]
pub struct Counter {
    arrived: AtomicU64,
    awaited: AtomicU64,
    there: Notify,
}

impl Counter {
    /// One more has arrived.
    pub fn count(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::SeqCst) + 1;
        if arrived >= self.awaited.load(Ordering::SeqCst) {
            self.there.notify_one();
        }
    }

    /// Waits until so many have arrived, since the beginning.
    pub async fn reach(&self, number: u64) {
        self.awaited.store(number, Ordering::SeqCst);
        while self.arrived.load(Ordering::SeqCst) < number {
            self.there.notified().await;
        }
    }
}
