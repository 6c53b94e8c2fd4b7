//! Which handler is being polled on this thread, so that the calls it makes are nested calls (R11).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// What a nested call inherits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) depth: u8,
    pub(crate) deadline: Option<Instant>,
}

thread_local! {
    static CURRENT: Cell<Option<Scope>> = const { Cell::new(None) };
    static AWAITING: RefCell<Option<Arc<Awaiting>>> = const { RefCell::new(None) };
    static END: RefCell<Option<Arc<ScopeEnd>>> = const { RefCell::new(None) };
}

/// The handler polled on this thread, if one is.
pub(crate) fn current() -> Option<Scope> {
    CURRENT.get()
}

/// What ends the calls made under `CallContext::scope`, if this thread polls such a future.
pub(crate) fn current_end() -> Option<Arc<ScopeEnd>> {
    END.with_borrow(Clone::clone)
}

/// Marks this thread as polling a handler until it is dropped; nests.
#[derive(Debug)]
pub(crate) struct Entered(Option<Scope>);

pub(crate) fn enter(scope: Scope) -> Entered {
    Entered(CURRENT.replace(Some(scope)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// How many calls of its own a handler awaits: known where a queue must know it (R11).
#[derive(Debug, Default)]
pub(crate) struct Awaiting(AtomicUsize);

impl Awaiting {
    pub(crate) fn is_awaiting(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// A call that is awaited, until it is dropped.
#[derive(Debug)]
pub(crate) struct Awaited(Arc<Awaiting>);

impl Awaited {
    /// By the handler polled on this thread, if it is one whose queue must know.
    pub(crate) fn by_current() -> Option<Self> {
        let awaiting = AWAITING.with_borrow(Clone::clone)?;
        awaiting.0.fetch_add(1, Ordering::AcqRel);
        Some(Self(awaiting))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Marks this thread as polling a handler whose queue must know what it awaits, until it is dropped.
#[derive(Debug)]
pub(crate) struct EnteredAwaiting(Option<Arc<Awaiting>>);

pub(crate) fn enter_awaiting(awaiting: Option<Arc<Awaiting>>) -> EnteredAwaiting {
    EnteredAwaiting(AWAITING.replace(awaiting))
}

impl Drop for EnteredAwaiting {
    fn drop(&mut self) {
        let outer = self.0.take();
        AWAITING.replace(outer);
    }
}

/// Told once, when the call that a scope belongs to ends.
#[derive(Debug, Default)]
pub(crate) struct ScopeEnd {
    state: Mutex<EndState>,
}

#[derive(Debug, Default)]
struct EndState {
    ended: bool,
    next: u64,
    wakers: HashMap<u64, Waker>,
}

impl ScopeEnd {
    pub(crate) fn end(&self) {
        let wakers = {
            let mut state = self.lock();
            state.ended = true;
            std::mem::take(&mut state.wakers)
        };
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    /// Whether it has ended; else wakes `waker` when it does. `ticket` is the caller's place, kept between polls.
    pub(crate) fn poll(&self, ticket: &mut Option<u64>, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.ended {
            return true;
        }
        let place = *ticket.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.wakers.insert(place, waker.clone());
        false
    }

    pub(crate) fn leave(&self, ticket: Option<u64>) {
        if let Some(place) = ticket {
            let left = self.lock().wakers.remove(&place);
            drop(left);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, EndState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was begun under a scope, and ends with it; nothing does where there is none.
#[derive(Debug, Default)]
pub(crate) struct ScopeGuard {
    end: Option<Arc<ScopeEnd>>,
    ticket: Option<u64>,
    /// The handler that began it is known to wait, as long as this lives.
    _awaited: Option<Awaited>,
}

impl ScopeGuard {
    pub(crate) const fn new(
        end: Option<Arc<ScopeEnd>>,
        ticket: Option<u64>,
        awaited: Option<Awaited>,
    ) -> Self {
        Self { end, ticket, _awaited: awaited }
    }

    /// Of what the handler polled on this thread begins now, where that has an end or must be counted.
    pub(crate) fn of_current() -> Option<Box<Self>> {
        let (end, awaited) = (current_end(), Awaited::by_current());
        if end.is_none() && awaited.is_none() {
            return None;
        }
        Some(Box::new(Self { end, ticket: None, _awaited: awaited }))
    }

    /// As [`ScopeEnd::poll`].
    pub(crate) fn has_ended(&mut self, waker: &Waker) -> bool {
        self.end.as_ref().is_some_and(|end| end.poll(&mut self.ticket, waker))
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        if let Some(end) = &self.end {
            end.leave(self.ticket);
        }
    }
}

/// A future whose calls belong to a handler's call, wherever it is polled. Made by `CallContext::scope`.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Scoped<F> {
    future: Pin<Box<F>>,
    scope: Scope,
    end: Arc<ScopeEnd>,
    awaiting: Option<Arc<Awaiting>>,
}

impl<F: Future> Scoped<F> {
    pub(crate) fn new(future: F, scope: Scope, end: Arc<ScopeEnd>, awaiting: Option<Arc<Awaiting>>) -> Self {
        Self { future: Box::pin(future), scope, end, awaiting }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = enter(self.scope);
        let _awaiting = enter_awaiting(self.awaiting.clone());
        let _end = EnteredEnd(END.replace(Some(Arc::clone(&self.end))));
        self.future.as_mut().poll(cx)
    }
}

struct EnteredEnd(Option<Arc<ScopeEnd>>);

impl Drop for EnteredEnd {
    fn drop(&mut self) {
        let outer = self.0.take();
        END.replace(outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nest_and_restore() {
        assert!(current().is_none());
        let outer = enter(Scope { depth: 1, deadline: None });
        {
            let _inner = enter(Scope { depth: 2, deadline: None });
            assert_eq!(current().map(|scope| scope.depth), Some(2));
        }
        assert_eq!(current().map(|scope| scope.depth), Some(1));
        drop(outer);
        assert!(current().is_none());
    }
}
