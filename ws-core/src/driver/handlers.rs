//! The handlers that are pending: polled only when woken, dropped by key.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::guarded::Guarded;
use super::ready::ReadyQueue;
use crate::engine::{Key, Verdict};

#[derive(Default)]
pub(super) struct Handlers {
    /// By the engine's index of the running message.
    places: Vec<Place>,
    pub(super) ready: Arc<ReadyQueue>,
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
        if self.places.len() <= index {
            self.places.resize_with(index + 1, Place::default);
        }
        let place = &mut self.places[index];
        let waker = place.waker.get_or_insert_with(|| self.ready.waker(key.index));
        match handler.poll(&mut Context::from_waker(waker)) {
            Poll::Ready(verdict) => Some(verdict),
            Poll::Pending => {
                // Whatever was there has ended for the engine, or the index would not be free.
                self.live += usize::from(place.handler.replace((key, handler)).is_none());
                None
            }
        }
    }

    /// Polls the next handler that was woken: `None` where none was, else its key and perhaps its verdict.
    pub(super) fn poll_next(&mut self) -> Option<Option<(Key, Verdict)>> {
        if self.due.is_empty() {
            if self.live == 0 {
                return None;
            }
            self.ready.take(&mut self.due);
        }
        let index = self.due.pop_front()?;
        let Some(place) = self.places.get_mut(index as usize) else { return Some(None) };
        let (Some((key, handler)), Some(waker)) = (&mut place.handler, &place.waker) else {
            return Some(None);
        };
        let Poll::Ready(verdict) = handler.poll(&mut Context::from_waker(waker)) else { return Some(None) };
        let key = *key;
        place.handler = None;
        self.live -= 1;
        Some(Some((key, verdict)))
    }

    /// Drops the handler of `key`, if it is still the one.
    pub(super) fn stop(&mut self, key: Key) {
        let Some(place) = self.places.get_mut(key.index as usize) else { return };
        if place.handler.as_ref().is_some_and(|(kept, _)| *kept == key) {
            place.handler = None;
            self.live -= 1;
        }
    }

    pub(super) fn stop_all(&mut self) {
        self.places = Vec::new();
        self.due = VecDeque::new();
        self.live = 0;
    }

    /// Gives back what nothing needs while no handler is pending.
    pub(super) fn rest(&mut self) {
        if self.live == 0 && self.due.is_empty() {
            self.places = Vec::new();
            self.due = VecDeque::new();
        }
    }

    /// Whether any was woken. Wakes of those that have ended stay where they are until another one is pending.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty() || (self.live > 0 && !self.ready.is_empty())
    }

    /// Whether any is pending.
    pub(super) const fn is_live(&self) -> bool {
        self.live > 0
    }

    /// Has those that are pending wake this task; to be called before it is asked whether any was woken.
    pub(super) fn register(&self, driver: &Waker) {
        if self.live > 0 {
            self.ready.driver.register(driver);
        }
    }
}
