//! The sets of listeners on one connection.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use super::set::Listeners;
use crate::engine::{Arrived, Start};
use crate::failure::{Report, log_internal, panic_text};
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::{Event, Invocation, InvocationParts, MethodTable, Methods, Refusal};
use crate::shared::Shared;

/// A set of listeners without its type.
pub(super) trait Group: Send + Sync {
    fn methods(&self) -> Methods;
    fn attach(&self, connection: Weak<Shared>);
    /// Whether any of its listeners sees messages on their arrival.
    fn observes(&self) -> bool;
    fn arrived(&self, index: usize, invocation: &Invocation<'_>, seen: &Seen<'_>);
    fn turn(&self, index: usize, invocation: &Invocation<'_>, seen: &Seen<'_>);
    fn closed(&self, connection: &Shared, info: &CloseInfo);
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// The message that listeners see, for what they report.
pub(super) struct Seen<'a> {
    pub(super) report: &'a Report,
}

impl Seen<'_> {
    /// Reads the message; decoding is the application's code.
    pub(super) fn read<V>(&self, read: impl FnOnce() -> Result<V, Refusal>) -> Option<V> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(event)) => Some(event),
            // A streaming method has no variant, and so no listeners.
            Ok(Err(Refusal::UnknownMethod)) => None,
            Ok(Err(refusal)) => {
                tracing::debug!(
                    method = self.report.method,
                    ?refusal,
                    "a message for listeners does not decode"
                );
                None
            }
            Err(panic) => {
                let error = panic_text(panic.as_ref());
                tracing::error!(method = self.report.method, error, "decoding for listeners panicked");
                None
            }
        }
    }
}

/// The sets of listeners on one connection. They hold closures of the application, which may hold remotes of this very
/// connection: it lets go of them when it ends.
#[derive(Default)]
pub(crate) struct Hub {
    attached: Mutex<Sets>,
    /// Whether there are any, to be asked without the lock.
    any: AtomicBool,
    /// Whether messages are seen on their arrival, listeners or not.
    always: AtomicBool,
    /// Held while the engine is told of it all.
    telling: Mutex<()>,
}

struct Sets {
    /// Replaced, not changed, so that it can be walked without the lock.
    sets: Arc<Vec<Attached>>,
    is_closed: bool,
}

impl Default for Sets {
    fn default() -> Self {
        Self { sets: Arc::clone(&NONE), is_closed: false }
    }
}

/// What all connections without listeners share.
static NONE: LazyLock<Arc<Vec<Attached>>> = LazyLock::new(Arc::default);

#[derive(Clone)]
struct Attached {
    group: Arc<dyn Group>,
    table: Arc<MethodTable>,
    /// Goes when what serves is replaced.
    by_provider: bool,
}

impl Hub {
    /// The one set of this type that is attached beside the provider; attaches it where there is none.
    pub(crate) fn listen<V: Event>(&self, shared: &Arc<Shared>) -> Listeners<V> {
        let found =
            self.sets().iter().filter(|set| !set.by_provider).find_map(|set| Listeners::of(&set.group));
        if let Some(listeners) = found {
            return listeners;
        }
        let listeners = Listeners::<V>::new();
        self.add(shared, &listeners.group(), None, false);
        listeners
    }

    /// Attaches the set of a provider, whose contract may go by another name.
    pub(super) fn attach(&self, shared: &Arc<Shared>, group: &Arc<dyn Group>, renamed: Option<&'static str>) {
        self.add(shared, group, renamed, true);
    }

    fn add(
        &self,
        shared: &Arc<Shared>,
        group: &Arc<dyn Group>,
        renamed: Option<&'static str>,
        by_provider: bool,
    ) {
        let methods = group.methods();
        let methods = renamed.map_or(methods.clone(), |name| methods.renamed(name));
        // One whose names collide serves nothing, and its messages are found by nobody.
        let table = Arc::new(MethodTable::new(methods).unwrap_or_default());
        group.attach(Arc::downgrade(shared));
        let set = Attached { group: Arc::clone(group), table, by_provider };
        if self.change(|sets| sets.push(set)) {
            self.update(shared);
            return;
        }
        // It ended, and has said so to those that were there.
        let info = shared.look(|engine| engine.closed().cloned());
        group.closed(shared, &info.unwrap_or_else(CloseInfo::dropped));
    }

    /// What serves is replaced: its sets go, and who waits in them learns that nothing comes any more.
    pub(crate) fn forget_provider(&self, shared: &Arc<Shared>) {
        if self.any.load(Ordering::Acquire) {
            let mut gone: Vec<Attached> = Vec::new();
            self.change(|sets| {
                let (by_provider, beside) = sets.drain(..).partition(|set| set.by_provider);
                (gone, *sets) = (by_provider, beside);
            });
            self.update(shared);
            let info = CloseInfo::new(code::NORMAL, "what serves was replaced", ClosedBy::Local);
            for set in gone {
                set.group.closed(shared, &info);
            }
        }
    }

    /// Messages are seen on their arrival from now on, listeners or not.
    pub(crate) fn observe_always(&self, shared: &Shared) {
        self.always.store(true, Ordering::Release);
        self.update(shared);
    }

    /// Tells the engine whether anybody observes, and whether messages beyond the provider's contract are wanted.
    ///
    /// One after another: of two who come and go at once, the one who looked first must not be the last to tell.
    pub(crate) fn update(&self, shared: &Shared) {
        // Dropped after the lock: this may be the last hold on a set, and on what its listeners own.
        let sets;
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        sets = self.sets();
        let observed = self.always.load(Ordering::Acquire) || sets.iter().any(|set| set.group.observes());
        let serves = &shared.serves;
        let beyond = sets.iter().any(|set| {
            let mut methods = set.table.specs().iter();
            methods.any(|method| serves.index(method.id).is_none())
        });
        // Without the wakers that `with` runs: they are the application's.
        let mut state = shared.lock();
        state.engine.set_observed(observed);
        state.engine.set_listened(beyond);
    }

    /// Has the observers see a message.
    pub(crate) fn arrived(&self, shared: &Arc<Shared>, arrived: &Arrived) {
        guarded(|| self.show_arrived(shared, arrived));
    }

    fn show_arrived(&self, shared: &Arc<Shared>, arrived: &Arrived) {
        for set in self.sets().iter() {
            let Some(index) = set.table.index(arrived.method) else { continue };
            let parts = InvocationParts::arrived(
                shared,
                &set.table,
                index,
                arrived.event_id,
                arrived.reply_to,
                arrived.wants_answer,
                arrived.metadata.clone(),
            );
            let report = shared.report(parts.method, arrived.event_id);
            set.group.arrived(index, &Invocation::new(&arrived.body, &parts), &Seen { report: &report });
        }
    }

    /// Has the listeners see a message whose turn it is; false where none are for its method.
    pub(crate) fn turn(&self, shared: &Arc<Shared>, start: &Start) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut known = false;
        guarded(|| self.show_turn(shared, start, &mut known));
        known
    }

    fn show_turn(&self, shared: &Arc<Shared>, start: &Start, known: &mut bool) {
        for set in self.sets().iter() {
            let Some(index) = set.table.index(start.id) else { continue };
            *known = true;
            let metadata = start.metadata.clone();
            let parts = InvocationParts::arrived(
                shared,
                &set.table,
                index,
                start.event_id,
                start.reply_to,
                start.wants_answer,
                metadata,
            );
            let report = shared.report(parts.method, start.event_id);
            set.group.turn(index, &Invocation::new(&start.body, &parts), &Seen { report: &report });
        }
    }

    /// The connection has ended: nothing comes any more.
    pub(crate) fn close(&self, shared: &Shared, info: &CloseInfo) {
        let sets = {
            let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
            attached.is_closed = true;
            self.any.store(false, Ordering::Release);
            std::mem::replace(&mut attached.sets, Arc::clone(&NONE))
        };
        for set in sets.iter() {
            set.group.closed(shared, info);
        }
    }

    fn sets(&self) -> Arc<Vec<Attached>> {
        Arc::clone(&self.attached.lock().unwrap_or_else(PoisonError::into_inner).sets)
    }

    /// Changes the list; false where the connection has ended.
    fn change(&self, change: impl FnOnce(&mut Vec<Attached>)) -> bool {
        // The old list is dropped outside the lock.
        let _old = {
            let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
            if attached.is_closed {
                return false;
            }
            let mut sets = Vec::clone(&attached.sets);
            change(&mut sets);
            self.any.store(!sets.is_empty(), Ordering::Release);
            std::mem::replace(&mut attached.sets, Arc::new(sets))
        };
        true
    }
}

/// The panics of listeners are caught one by one; these are of destructors: of a listener that told itself off, or of the
/// message that all have seen. They end nothing (R16).
fn guarded(show: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(show)) {
        log_internal("what listeners let go of", &panic_text(panic.as_ref()));
    }
}
