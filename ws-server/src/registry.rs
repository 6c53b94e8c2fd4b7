//! The connections of a server: those that wait for their activation, and those that have it (R9).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ws_core::link::Link;
use ws_core::{Connection, ConnectionId, Context, Owns, Remote};

use crate::gate::Permit;

/// A connection enters at its upgrade, becomes visible by `accept`, and leaves once, when its driver has ended.
#[derive(Debug)]
pub(crate) struct Registry<C> {
    entries: Mutex<HashMap<ConnectionId, Entry<C>>>,
}

#[derive(Debug)]
struct Entry<C> {
    link: Link,
    /// Its place among those that wait: held until it is accepted or has ended (R6).
    permit: Option<Permit>,
    /// Set by `accept`.
    context: Option<Context<C>>,
}

impl<C> Registry<C> {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(HashMap::new()) }
    }

    pub(crate) fn enter(&self, link: &Link, permit: Permit) {
        let entry = Entry { link: link.clone(), permit: Some(permit), context: None };
        self.lock().insert(link.id(), entry);
    }

    /// Makes a connection visible; false where it has left already.
    pub(crate) fn activate(&self, id: ConnectionId, context: &Context<C>) -> bool {
        match self.lock().get_mut(&id) {
            Some(entry) => {
                entry.context = Some(context.clone());
                entry.permit = None;
                true
            }
            None => false,
        }
    }

    pub(crate) fn leave(&self, id: ConnectionId) {
        let left = self.lock().remove(&id);
        drop(left);
    }

    pub(crate) fn connections<R: Remote>(&self) -> Vec<Connection<R, C>> {
        let entries = self.lock();
        let active = entries.values().filter_map(|entry| {
            let context = entry.context.as_ref().filter(|_| entry.link.is_active())?;
            Some(entry.link.connection(context.clone(), Owns::Nothing))
        });
        active.collect()
    }

    pub(crate) fn connection<R: Remote>(&self, id: ConnectionId) -> Option<Connection<R, C>> {
        let entries = self.lock();
        let entry = entries.get(&id).filter(|entry| entry.link.is_active())?;
        Some(entry.link.connection(entry.context.clone()?, Owns::Nothing))
    }

    pub(crate) fn active(&self) -> usize {
        self.lock().values().filter(|entry| entry.context.is_some() && entry.link.is_active()).count()
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        self.lock().values().map(|entry| entry.link.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Entry<C>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
