//! The handlers that are pending: polled only when woken, dropped by key.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::guarded::Guarded;
use super::ready::ReadyQueue;
use crate::engine::{Key, Verdict};

/// Nothing before the first one starts.
#[derive(Default)]
pub(super) struct Handlers(Option<Box<Table>>);

#[derive(Default)]
struct Table {
    /// By the engine's index of the running message.
    places: Vec<Place>,
    ready: Arc<ReadyQueue>,
    /// Woken, and not polled yet.
    due: VecDeque<u32>,
    live: usize,
}

#[derive(Default)]
struct Place {
    handler: Option<(Key, Handler)>,
    waker: Option<Waker>,
}

/// A handler polled by the driver, or one that runs in a task of its own and is awaited here.
pub(super) enum Handler {
    Inline(Guarded),
    Spawned(super::spawned::Spawned),
}

impl Handler {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        match self {
            Self::Inline(future) => Pin::new(future).poll(cx),
            Self::Spawned(task) => Pin::new(task).poll(cx),
        }
    }
}

impl Handlers {
    /// Polls a new handler once, in place; keeps it where it is not ready at once.
    pub(super) fn start(&mut self, key: Key, mut handler: Handler) -> Option<Verdict> {
        let index = key.index as usize;
        let table = self.0.get_or_insert_default();
        if table.places.len() <= index {
            // Many connections only ever have one at a time.
            if table.places.is_empty() {
                table.places.reserve_exact(index + 1);
            }
            table.places.resize_with(index + 1, Place::default);
        }
        let place = &mut table.places[index];
        let waker = place.waker.get_or_insert_with(|| table.ready.waker(key.index));
        match handler.poll(&mut Context::from_waker(waker)) {
            Poll::Ready(verdict) => Some(verdict),
            Poll::Pending => {
                // Whatever was there has ended for the engine, or the index would not be free.
                table.live += usize::from(place.handler.replace((key, handler)).is_none());
                None
            }
        }
    }

    /// Polls the next handler that was woken: `None` where none was, else its key and perhaps its verdict.
    pub(super) fn poll_next(&mut self) -> Option<Option<(Key, Verdict)>> {
        let table = self.0.as_mut()?;
        if table.due.is_empty() {
            if table.live == 0 {
                return None;
            }
            table.ready.take(&mut table.due);
        }
        let index = table.due.pop_front()?;
        let Some(place) = table.places.get_mut(index as usize) else { return Some(None) };
        let (Some((key, handler)), Some(waker)) = (&mut place.handler, &place.waker) else {
            return Some(None);
        };
        let Poll::Ready(verdict) = handler.poll(&mut Context::from_waker(waker)) else { return Some(None) };
        let key = *key;
        place.handler = None;
        table.live -= 1;
        Some(Some((key, verdict)))
    }

    /// Drops the handler of `key`, if it is still the one.
    pub(super) fn stop(&mut self, key: Key) {
        let Some(table) = &mut self.0 else { return };
        let Some(place) = table.places.get_mut(key.index as usize) else { return };
        if place.handler.as_ref().is_some_and(|(kept, _)| *kept == key) {
            place.handler = None;
            table.live -= 1;
        }
    }

    pub(super) fn stop_all(&mut self) {
        self.0 = None;
    }

    /// Gives back what nothing needs while no handler is pending.
    pub(super) fn rest(&mut self) {
        if self.0.as_ref().is_some_and(|table| table.live == 0 && table.due.is_empty()) {
            self.0 = None;
        }
    }

    /// Has the task woken by handlers that are woken from now on. Whoever was woken before is seen by
    /// [`has_due`](Self::has_due), asked after this.
    pub(super) fn register(&self, driver: &Waker) {
        if let Some(table) = self.0.as_ref().filter(|table| table.live > 0) {
            table.ready.driver.register(driver);
        }
    }

    /// Whether it keeps nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether none is pending and none is to be polled.
    pub(super) fn is_idle(&self) -> bool {
        self.0.as_ref().is_none_or(|table| table.live == 0 && table.due.is_empty())
    }

    /// Whether any was woken. Wakes of those that have ended stay where they are until another one is pending.
    pub(super) fn has_due(&self) -> bool {
        let woken = |table: &Table| table.live > 0 && !table.ready.is_empty();
        self.0.as_ref().is_some_and(|table| !table.due.is_empty() || woken(table))
    }
}
