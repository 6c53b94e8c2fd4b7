//! Which handlers asked to be polled again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Wake, Waker};

use futures::task::AtomicWaker;

/// The indices of handlers that were woken, each at most once, in order.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    woken: Mutex<Vec<Arc<HandlerWake>>>,
    /// The task that drives the connection.
    pub(super) driver: AtomicWaker,
}

/// The waker of one place in the table of handlers. It outlives the handler: the next one in its place may be woken
/// once too often, which is harmless.
#[derive(Debug)]
pub(super) struct HandlerWake {
    pub(super) index: u32,
    queued: AtomicBool,
    /// Weak, or a handler woken while its connection ends would keep the queue, and the queue it.
    queue: Weak<ReadyQueue>,
}

impl ReadyQueue {
    pub(super) fn waker(self: &Arc<Self>, index: u32) -> Waker {
        Arc::new(HandlerWake { index, queued: AtomicBool::new(false), queue: Arc::downgrade(self) }).into()
    }

    /// Moves the woken ones behind `taken`.
    pub(super) fn take(&self, taken: &mut std::collections::VecDeque<u32>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.is_empty() {
            return;
        }
        taken.extend(woken.drain(..).map(|wake| {
            // From here on a wake counts again: the poll that follows comes after it.
            wake.queued.store(false, Ordering::Release);
            wake.index
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Wake for HandlerWake {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(queue) = self.queue.upgrade() else { return };
        queue.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self);
        queue.driver.wake();
    }
}
