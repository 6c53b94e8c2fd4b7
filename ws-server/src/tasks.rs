//! The tasks that a server owns: counted, awaited at its close, aborted when it is dropped (R3).

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

#[derive(Debug, Default)]
pub(crate) struct Tasks {
    table: Mutex<Table>,
    on_empty: Notify,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// None while the task is being spawned.
    alive: HashMap<u64, Option<AbortHandle>>,
    /// The server is gone: whatever still comes is aborted at once.
    aborted: bool,
}

impl Tasks {
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let place = {
            let mut table = self.lock();
            table.next += 1;
            let place = table.next;
            table.alive.insert(place, None);
            place
        };
        let leave = Leave { tasks: Arc::clone(self), place };
        // Not an async block, which has room for what it awaits twice. In every case the task is dropped first.
        let handle = tokio::spawn(task.map(move |()| drop(leave))).abort_handle();
        let mut table = self.lock();
        if table.aborted {
            handle.abort();
        } else if let Some(kept) = table.alive.get_mut(&place) {
            *kept = Some(handle);
        }
    }

    pub(crate) fn abort_all(&self) {
        let handles: Vec<_> = {
            let mut table = self.lock();
            table.aborted = true;
            table.alive.values_mut().filter_map(Option::take).collect()
        };
        for handle in handles {
            handle.abort();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().alive.len()
    }

    /// Aborts those that are alive now; others may be spawned after.
    pub(crate) fn abort_alive(&self) {
        let handles: Vec<_> = self.lock().alive.values_mut().filter_map(Option::take).collect();
        for handle in handles {
            handle.abort();
        }
    }

    pub(crate) async fn empty(&self) {
        loop {
            let notified = self.on_empty.notified();
            if self.len() == 0 {
                return;
            }
            notified.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Leave {
    tasks: Arc<Tasks>,
    place: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut table = self.tasks.lock();
        let handle = table.alive.remove(&self.place);
        let empty = table.alive.is_empty();
        drop(table);
        drop(handle);
        if empty {
            self.tasks.on_empty.notify_waiters();
        }
    }
}
