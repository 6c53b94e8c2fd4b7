//! The listeners of one contract.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::entry::{Action, Entry, ListenerOutcome, Stage};
use super::hub::{Group, Seen};
use super::subscription::{Leave, Subscription};
use crate::message::{Message, MessageHandle};
use crate::peer::Peer;
use crate::protocol::CloseInfo;
use crate::service::{Event, HandlerFuture, Invocation, Methods, Provider, Refusal};
use crate::shared::Shared;

/// Synchronous closures that see the messages of one contract.
///
/// Attached to a connection, `connection.listen::<ChatEvent>()`, they see its messages beside the provider. As a
/// provider of their own they are all that serves the contract: events end with them, calls are answered `NoReply`
/// unless a listener answers with a message. Cloned, for more connections, it is the same set.
///
/// Listeners run in the task of the connection, so they must be quick. One that fails or panics stops neither the others
/// nor the connection (R23). Subscribing and unsubscribing inside a listener is allowed, and counts from the next
/// message, for what sees messages on their arrival from the next one that arrives; whoever is told off sees nothing more
/// at once.
pub struct Listeners<V> {
    set: Arc<Set<V>>,
}

/// The wait for a message; see [`Listeners::wait_for`]. It has begun when it is made.
#[must_use = "a wait that is not awaited waits for nothing"]
pub struct Waiting<V> {
    waiting: oneshot::Receiver<Result<Message<V>, CloseInfo>>,
    _subscription: Subscription,
}

impl<V> Future for Waiting<V> {
    type Output = Result<Message<V>, CloseInfo>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The sender is gone without a word only with the whole set, or where the filter panicked.
        let closed = |_| Err(CloseInfo::dropped());
        Pin::new(&mut self.waiting).poll(cx).map(|answer| answer.unwrap_or_else(closed))
    }
}

impl<V> fmt::Debug for Waiting<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

struct Set<V> {
    state: Mutex<State<V>>,
}

struct State<V> {
    next: u64,
    /// By id. Changed in place unless it is being walked, which happens without the lock: then a copy takes its place.
    entries: Arc<Vec<Arc<Entry<V>>>>,
    /// How many of them see messages on their arrival.
    observers: usize,
    /// The connections it is attached to.
    connections: Vec<Weak<Shared>>,
    /// How the last of them ended, where none is left.
    ended: Option<CloseInfo>,
}

impl<V: Event> Listeners<V> {
    /// No listeners yet.
    #[must_use]
    pub fn new() -> Self {
        let state =
            State { next: 0, entries: Arc::default(), observers: 0, connections: Vec::new(), ended: None };
        Self { set: Arc::new(Set { state: Mutex::new(state) }) }
    }

    /// Has `listener` see each message in its turn: events of one connection one after another, in the order of their
    /// sending; calls as they start. A message that answers one that is waited for goes there only (R20).
    pub fn on<O: ListenerOutcome>(
        &self,
        listener: impl Fn(&V, &MessageHandle) -> O + Send + Sync + 'static,
    ) -> Subscription {
        self.see(Stage::Turn, listener)
    }

    /// Has `listener` see every message first: on its arrival, before anything becomes of it, those that answer others
    /// included.
    pub fn all<O: ListenerOutcome>(
        &self,
        listener: impl Fn(&V, &MessageHandle) -> O + Send + Sync + 'static,
    ) -> Subscription {
        self.see(Stage::Arrival, listener)
    }

    /// Has `listener` see, in its turn, the first message that `filter` lets through, and no other.
    pub fn once<O: ListenerOutcome>(
        &self,
        filter: impl Fn(&V) -> bool + Send + Sync + 'static,
        listener: impl FnOnce(&V, &MessageHandle) -> O + Send + 'static,
    ) {
        let run = Box::new(|event: &V, handle: &MessageHandle| listener(event, handle).failure());
        let action = Action::Once { filter: Box::new(filter), run: Mutex::new(Some(run)) };
        self.set.add(Stage::Turn, action);
    }

    /// Waits for the first message that `filter` lets through, from now on; it is seen on its arrival.
    ///
    /// # Errors
    /// How the last connection that it was attached to ended, where that came first; or that this set served it and was
    /// replaced.
    ///
    /// # Cancel safety
    /// Safe: dropped, it waits no more. A message that had arrived is lost with it.
    pub fn wait_for(&self, filter: impl Fn(&V) -> bool + Send + Sync + 'static) -> Waiting<V> {
        let (waiter, waiting) = oneshot::channel();
        let action = Action::Wait { filter: Box::new(filter), waiter: Mutex::new(Some(waiter)) };
        let id = self.set.add(Stage::Arrival, action);
        Waiting { waiting, _subscription: self.subscription(id) }
    }

    /// How many listeners there are, those that wait included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.entries().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn see<O: ListenerOutcome>(
        &self,
        stage: Stage,
        listener: impl Fn(&V, &MessageHandle) -> O + Send + Sync + 'static,
    ) -> Subscription {
        let see = move |event: &V, handle: &MessageHandle| listener(event, handle).failure();
        let id = self.set.add(stage, Action::See(Box::new(see)));
        self.subscription(id)
    }

    fn subscription(&self, id: u64) -> Subscription {
        let set: Arc<dyn Leave> = Arc::clone(&self.set) as Arc<dyn Leave>;
        Subscription::new(Arc::downgrade(&set), id)
    }

    pub(super) fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.set) as Arc<dyn Group>
    }

    /// The set behind a group, where it is of this type.
    pub(super) fn of(group: &Arc<dyn Group>) -> Option<Self> {
        let set = Arc::clone(group).into_any().downcast::<Set<V>>().ok()?;
        Some(Self { set })
    }
}

impl<V: Event> Set<V> {
    fn entries(&self) -> Arc<Vec<Arc<Entry<V>>>> {
        Arc::clone(&self.lock().entries)
    }

    fn add(&self, stage: Stage, action: Action<V>) -> u64 {
        let (id, entry, ended) = {
            let mut state = self.lock();
            let id = state.next;
            state.next += 1;
            state.observers += usize::from(stage == Stage::Arrival);
            let entry = Arc::new(Entry::new(id, stage, action));
            Arc::make_mut(&mut state.entries).push(Arc::clone(&entry));
            (id, entry, state.ended.clone())
        };
        if let Some(info) = ended {
            entry.close(&info);
        }
        if stage == Stage::Arrival {
            self.tell_connections();
        }
        id
    }

    fn remove(&self, id: u64) {
        // Dropped outside the lock: what it captured is the application's.
        let removed = {
            let mut state = self.lock();
            let Ok(position) = state.entries.binary_search_by_key(&id, |entry| entry.id) else { return };
            let removed = Arc::make_mut(&mut state.entries).remove(position);
            state.observers -= usize::from(removed.stage == Stage::Arrival);
            removed
        };
        removed.turn_off();
        if removed.stage == Stage::Arrival {
            self.tell_connections();
        }
    }

    /// Observing costs, so connections do it only where somebody observes.
    fn tell_connections(&self) {
        let connections = self.lock().connections.clone();
        for connection in connections {
            if let Some(shared) = connection.upgrade() {
                shared.hub.update(&shared);
            }
        }
    }

    fn show(&self, stage: Stage, index: usize, invocation: &Invocation<'_>, seen: &Seen<'_>) {
        let entries = self.entries();
        let mut due = entries.iter().filter(|entry| entry.stage == stage).peekable();
        if due.peek().is_none() {
            return;
        }
        let Some(event) = seen.read(|| V::read(index, invocation)) else { return };
        let handle = invocation.handle();
        for entry in due {
            let again = || seen.read(|| V::read(index, invocation));
            if entry.show(&event, &handle, &again, seen.report) {
                self.remove(entry.id);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Event> Leave for Set<V> {
    fn leave(&self, id: u64) {
        self.remove(id);
    }
}

impl<V: Event> Group for Set<V> {
    fn methods(&self) -> Methods {
        V::methods()
    }

    fn attach(&self, connection: Weak<Shared>) {
        let mut state = self.lock();
        state.connections.push(connection);
        state.ended = None;
    }

    fn observes(&self) -> bool {
        self.lock().observers > 0
    }

    fn arrived(&self, index: usize, invocation: &Invocation<'_>, seen: &Seen<'_>) {
        self.show(Stage::Arrival, index, invocation, seen);
    }

    fn turn(&self, index: usize, invocation: &Invocation<'_>, seen: &Seen<'_>) {
        self.show(Stage::Turn, index, invocation, seen);
    }

    fn closed(&self, connection: &Shared, info: &CloseInfo) {
        let entries = {
            let mut state = self.lock();
            let is_other =
                |other: &Weak<Shared>| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), connection);
            state.connections.retain(is_other);
            if !state.connections.is_empty() {
                return;
            }
            state.ended = Some(info.clone());
            Arc::clone(&state.entries)
        };
        for entry in entries.iter() {
            entry.close(info);
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// Serves the contract by the listeners alone.
impl<V: Event> Provider for Listeners<V> {
    fn methods() -> Methods {
        V::methods()
    }

    fn start(&self, _method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        // The connection shows each message to the sets attached to it, of which this is one.
        let responder = invocation.responder();
        Ok(Box::pin(std::future::ready(responder.nothing())))
    }

    fn attached(&self, peer: &Peer, renamed: Option<&'static str>) {
        peer.shared().hub.attach(peer.shared(), &self.group(), renamed);
    }
}

impl<V: Event> Default for Listeners<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Clone for Listeners<V> {
    fn clone(&self) -> Self {
        Self { set: Arc::clone(&self.set) }
    }
}

impl<V: Event> fmt::Debug for Listeners<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("len", &self.len()).finish()
    }
}
