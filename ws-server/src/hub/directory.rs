//! The directory: the tables behind their lock, and who tells what happens to them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use ws_core::link::Link;
use ws_core::{CloseInfo, Connection, ConnectionId, Context, Owns, Remote};

use super::connection::Home;
use super::delivery::{Batch, Delivery, OnServerEvent, OnUserEvent, Resync};
use super::event::ServerEvent;
use super::stream::{Events, Readers};
use super::tables::Tables;
use super::user::{UserEvent, UserOptions};
use crate::gate::Permit;

/// What the builder says about users, groups and events.
pub(crate) struct Settings {
    pub(crate) users: UserOptions,
    pub(crate) on_event: Vec<OnServerEvent>,
    pub(crate) on_user_event: Vec<OnUserEvent>,
    pub(crate) max_groups: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { users: UserOptions::new(), on_event: Vec::new(), on_user_event: Vec::new(), max_groups: 1024 }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("users", &self.users)
            .field("on_event", &self.on_event.len())
            .field("on_user_event", &self.on_user_event.len())
            .field("max_groups", &self.max_groups)
            .finish()
    }
}

/// Held by the server and its tasks; everybody else has it weakly, so that no handle keeps a server's tables.
pub(crate) struct Directory {
    pub(crate) settings: Settings,
    /// What its connections know of it, all the same.
    home: Arc<Home>,
    tables: Mutex<Tables>,
    pub(super) server_readers: Readers<ServerEvent>,
    pub(super) user_readers: Readers<UserEvent>,
    /// Told when a user goes offline while nobody else is.
    pub(super) on_offline: Arc<Notify>,
}

impl Directory {
    pub(crate) fn new(settings: Settings, tells_roster: bool) -> Arc<Self> {
        let tables = Tables::new(tells_roster, settings.users.kick_after);
        Arc::new_cyclic(|this| Self {
            settings,
            home: Arc::new(Home(this.clone())),
            tables: Mutex::new(tables),
            server_readers: Readers::default(),
            user_readers: Readers::default(),
            on_offline: Arc::default(),
        })
    }

    /// Changes the tables, then tells what that means.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        let (result, delivery, first_offline) = {
            let mut tables = self.lock();
            let nobody_offline = tables.offline.is_empty();
            let result = change(&mut tables);
            (result, tables.log.take_turn(), nobody_offline && !tables.offline.is_empty())
        };
        if first_offline {
            self.on_offline.notify_one();
        }
        if let Some(delivery) = delivery {
            self.deliver(delivery);
        }
        result
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One at a time: what happens meanwhile, also what a callback makes happen, is told in the same turn.
    fn deliver(&self, mut delivery: Box<Delivery>) {
        loop {
            let batch = {
                let mut tables = self.lock();
                if tables.log.is_told() {
                    return tables.log.give_turn_back(delivery);
                }
                let (items, lost) = tables.log.take();
                Batch { items, lost, resync: lost.roster.then(|| resync(&tables)) }
            };
            delivery.run(self, batch);
        }
    }

    /// From the upgrade on.
    pub(crate) fn enter(&self, link: &Link, permit: Permit) {
        link.extend(Arc::clone(&self.home) as Arc<dyn Any + Send + Sync>);
        self.with(|tables| tables.enter(link, permit));
    }

    /// Before the acceptance, so that it is listed as soon as it is accepted.
    pub(crate) fn enroll(&self, id: ConnectionId, header: Arc<dyn Any + Send + Sync>) {
        let replaced = self.with(|tables| {
            let entry = tables.entries.get_mut(&id)?;
            entry.enrolled = true;
            entry.header.replace(header)
        });
        drop(replaced);
    }

    /// It is accepted: its place at the gate is free.
    pub(crate) fn activated(&self, id: ConnectionId) {
        let permit = self.with(|tables| {
            let permit = tables.entries.get_mut(&id)?.permit.take();
            tables.server_event(ServerEvent::Activated { id });
            permit
        });
        drop(permit);
    }

    /// Its driver has ended.
    pub(crate) fn leave(&self, id: ConnectionId, info: CloseInfo) {
        let left = self.with(|tables| tables.leave(id, info));
        // The header is the application's, and so is its destructor.
        drop(left);
    }

    pub(crate) fn event(&self, event: ServerEvent) {
        self.with(|tables| tables.server_event(event));
    }

    /// As [`event`](Self::event), told with the next one, or by [`tell`](Self::tell).
    pub(crate) fn note(&self, event: ServerEvent) {
        self.lock().server_event(event);
    }

    pub(crate) fn tell(&self) {
        self.with(|_| ());
    }

    pub(crate) fn events(&self) -> Events<ServerEvent> {
        self.server_readers.subscribe()
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        self.look(|tables| tables.entries.values().map(|entry| entry.link.clone()).collect())
    }

    /// Those that are accepted and open.
    pub(crate) fn active(&self) -> Vec<Link> {
        let enrolled = |tables: &Tables| {
            let entries = tables.entries.values().filter(|entry| entry.enrolled);
            entries.map(|entry| entry.link.clone()).collect::<Vec<_>>()
        };
        let mut links = self.look(enrolled);
        links.retain(Link::is_active);
        links
    }

    pub(crate) fn connections<R: Remote, C: Send + 'static>(&self) -> Vec<Connection<R, C>> {
        self.active().iter().filter_map(typed).collect()
    }

    pub(crate) fn connection<R: Remote, C: Send + 'static>(
        &self,
        id: ConnectionId,
    ) -> Option<Connection<R, C>> {
        typed(&self.link_of(id)?)
    }

    pub(crate) fn contexts<C: Send + 'static>(&self) -> Vec<Context<C>> {
        self.active().iter().filter_map(|link| link.peer().context()).collect()
    }

    pub(crate) fn header(&self, id: ConnectionId) -> Option<Arc<dyn Any + Send + Sync>> {
        self.look(|tables| tables.entries.get(&id).filter(|entry| entry.is_active())?.header.clone())
    }

    fn link_of(&self, id: ConnectionId) -> Option<Link> {
        let link =
            |tables: &Tables| Some(tables.entries.get(&id).filter(|entry| entry.enrolled)?.link.clone());
        self.look(link).filter(Link::is_active)
    }

    /// Users, linked connections, groups.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        self.look(|tables| (tables.users.len(), tables.linked, tables.groups.len()))
    }

    /// Kicks who is offline for too long; gives the time of the next one.
    pub(super) fn sweep(&self) -> Option<Instant> {
        self.with(|tables| tables.sweep(Instant::now()))
    }
}

/// The context is there until the connection ends.
pub(super) fn typed<R: Remote, C: Send + 'static>(link: &Link) -> Option<Connection<R, C>> {
    Some(link.connection(link.peer().context()?, Owns::Nothing))
}

fn resync(tables: &Tables) -> Resync {
    let users = tables.users.iter();
    let watchers = tables.entries.values().filter(|entry| entry.user.is_some());
    Resync {
        users: users
            .map(|(name, record)| {
                (Arc::clone(name), u32::try_from(record.connections.len()).unwrap_or(u32::MAX))
            })
            .collect(),
        watchers: watchers.map(|entry| entry.link.peer()).collect(),
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
