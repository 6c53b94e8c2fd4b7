//! The application's own state of one connection (R40).

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle of the application's own state for one connection: cheap to clone, every clone the same state.
///
/// The acceptor has it, the connection has it, and handlers ask for it by `ctx.context::<C>()`. It is reached through
/// closures that do not wait, so that no lock can be held across an await:
///
/// ```
/// use ws_core::Context;
///
/// let visits = Context::new(0_u32);
/// let same = visits.clone();
/// assert_eq!(visits.update(|visits| { *visits += 1; *visits }), 1);
/// assert_eq!(same.get(), 1);
/// ```
///
/// Keep the closures short: they run one at a time for each connection. A closure that panics ends nothing but itself;
/// what it had changed by then stays.
///
/// It lives as long as anybody holds a handle. The connection itself lets go of it when it ends, so a context may hold
/// remotes of its own connection.
pub struct Context<C> {
    cell: Arc<Cell<C>>,
}

/// Behind a lock of its own, which is held while a closure runs.
struct Cell<C> {
    value: Mutex<C>,
    /// The thread that runs a closure, by an address of its own; 0 for none.
    user: AtomicUsize,
}

/// What one closure holds.
struct Used<'a, C> {
    value: MutexGuard<'a, C>,
    user: &'a AtomicUsize,
}

impl<C> Drop for Used<'_, C> {
    fn drop(&mut self) {
        // Before the lock is released: fields are dropped after this.
        self.user.store(0, Ordering::Relaxed);
    }
}

impl<C> Context<C> {
    /// A state of its own, of no connection yet.
    #[must_use]
    pub fn new(value: C) -> Self {
        Self { cell: Arc::new(Cell { value: Mutex::new(value), user: AtomicUsize::new(0) }) }
    }

    /// Looks at the state.
    ///
    /// # Panics
    /// Inside a closure of the same context, where it would wait for itself.
    pub fn with<V>(&self, look: impl FnOnce(&C) -> V) -> V {
        look(&self.used().value)
    }

    /// Changes the state.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn update<V>(&self, change: impl FnOnce(&mut C) -> V) -> V {
        change(&mut self.used().value)
    }

    /// A copy of the state.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    #[must_use]
    pub fn get(&self) -> C
    where
        C: Clone,
    {
        self.with(C::clone)
    }

    /// Puts another state in the place of this one, which is dropped.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn set(&self, value: C) {
        // Not under the lock: the old one's destructor may use the context.
        drop(self.replace(value));
    }

    /// Puts another state in the place of this one, and gives this one back.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn replace(&self, value: C) -> C {
        self.update(|current| std::mem::replace(current, value))
    }

    /// Whether both are handles of one state.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }

    fn used(&self) -> Used<'_, C> {
        let (cell, here) = (&*self.cell, this_thread());
        // Only this thread stores its own address, so nobody else can make this true.
        assert!(cell.user.load(Ordering::Relaxed) != here, "a context is used inside a closure of its own");
        // A closure that panicked has left a state behind, which is the best there is.
        let value = cell.value.lock().unwrap_or_else(PoisonError::into_inner);
        cell.user.store(here, Ordering::Relaxed);
        Used { value, user: &cell.user }
    }
}

/// An address that no other thread has at the same time.
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

impl<C: Send + 'static> Context<C> {
    /// Without its type, for the connection to keep.
    pub(crate) fn erase(&self) -> AnyContext {
        AnyContext(Arc::clone(&self.cell) as Arc<dyn std::any::Any + Send + Sync>)
    }
}

/// A context whose type is asked for when it is taken.
#[derive(Clone)]
pub(crate) struct AnyContext(Arc<dyn std::any::Any + Send + Sync>);

impl AnyContext {
    pub(crate) fn downcast<C: Send + 'static>(self) -> Option<Context<C>> {
        self.0.downcast().ok().map(|cell| Context { cell })
    }
}

impl<C> Clone for Context<C> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell) }
    }
}

impl<C: Default> Default for Context<C> {
    fn default() -> Self {
        Self::new(C::default())
    }
}

/// Never the state: it may hold what is not for logs.
impl<C> fmt::Debug for Context<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_closure_that_panics_leaves_the_context_usable() {
        let context = Context::new(vec![1]);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            context.update(|numbers| {
                numbers.push(2);
                panic!("in a closure");
            });
        }));
        assert!(panicked.is_err());
        assert_eq!(context.get(), [1, 2], "what it had changed stays");
        context.set(vec![]);
        assert!(context.with(Vec::is_empty));
    }

    #[test]
    fn a_context_inside_its_own_closure_is_a_panic_and_no_hang() {
        let context = Context::new(1);
        let nested = catch_unwind(AssertUnwindSafe(|| context.with(|_| context.get())));
        assert!(nested.is_err());
        assert_eq!(context.get(), 1, "and it is usable after");
    }

    #[test]
    fn a_destructor_may_use_the_context_that_held_it() {
        struct Looks(Option<Context<Self>>);
        impl Drop for Looks {
            fn drop(&mut self) {
                if let Some(context) = self.0.take() {
                    assert!(context.with(|looks| looks.0.is_none()));
                }
            }
        }
        let context = Context::new(Looks(None));
        context.update(|looks| looks.0 = Some(context.clone()));
        context.set(Looks(None));
    }
}
