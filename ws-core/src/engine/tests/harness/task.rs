//! A task without an executor: it knows whether it was woken since it was last polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The waker of one simulated task.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    bell: Arc<Bell>,
    heard: usize,
}

impl Alarm {
    /// Whether it was woken since it was last polled.
    pub(crate) fn rang(&self) -> bool {
        self.rings() > self.heard
    }

    /// How often it was woken in all.
    pub(crate) fn rings(&self) -> usize {
        self.bell.0.load(Ordering::Relaxed)
    }

    /// The waker for a poll that begins now.
    pub(crate) fn waker(&mut self) -> Waker {
        self.heard = self.rings();
        Waker::from(Arc::clone(&self.bell))
    }

    /// Another task polls from now on: what wakes the old one no longer counts.
    pub(crate) fn moves(&mut self) {
        *self = Self::default();
    }
}
