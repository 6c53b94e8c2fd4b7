//! Tells what stands in the log: to callbacks, to streams, and to the connections that watch the roster.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ws_core::broadcast::{BroadcastHandle, Delivery as Report, Recipients};
use ws_core::presence::{RosterChange, RosterUser, RosterWatcherBroadcast};
use ws_core::{Broadcast, ConnectionId, Peer, code};

use super::directory::Directory;
use super::event::ServerEvent;
use super::log::{Item, Lost};
use super::stream::Readers;
use super::user::UserEvent;

/// What only the one who tells needs to know. It keeps the roster for itself, so that a snapshot is made without the
/// lock of the tables, and is exact for its place in the log.
///
/// All that is told of the roster is broadcast, to one or to many: in one queue of each connection, so in order, and who
/// does not keep up is closed (R32), so that who stays has seen everything.
#[derive(Debug)]
pub(super) struct Delivery {
    roster: BTreeMap<Arc<str>, u32>,
    sequence: u64,
    watchers: Arc<Watchers>,
    everybody: RosterWatcherBroadcast,
}

/// Those who watch the roster; only the one who tells changes them.
#[derive(Debug, Default)]
struct Watchers(Mutex<HashMap<ConnectionId, Peer>>);

/// For the broadcast to everybody.
#[derive(Debug)]
struct Everybody(Arc<Watchers>);

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Peer> {
        self.lock().values().cloned().collect()
    }
}

impl Recipients for Everybody {
    fn recipients(&self) -> Vec<Peer> {
        self.0.all()
    }
}

impl Default for Delivery {
    fn default() -> Self {
        let watchers = Arc::<Watchers>::default();
        let everybody = BroadcastHandle::new(Arc::new(Everybody(Arc::clone(&watchers))));
        let everybody = RosterWatcherBroadcast::from_handle(everybody);
        Self { roster: BTreeMap::new(), sequence: 0, watchers, everybody }
    }
}

/// The roster as the tables have it, where the log has lost something of it.
#[derive(Debug)]
pub(super) struct Resync {
    pub(super) users: Vec<(Arc<str>, u32)>,
    pub(super) watchers: Vec<Peer>,
}

/// What is told next.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) items: VecDeque<Item>,
    pub(super) lost: Lost,
    pub(super) resync: Option<Resync>,
}

pub(super) type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

impl Delivery {
    /// Never unwinds: callbacks, interceptors and wakers are the application's.
    pub(super) fn run(&mut self, directory: &Directory, batch: Batch) {
        let knows_roster = batch.resync.is_none();
        for item in batch.items {
            // The tables, as they are after this batch, are the roster then.
            let is_told = matches!(item, Item::Server(_) | Item::User(_)) || knows_roster;
            if is_told {
                guarded(|| self.tell(directory, item));
            }
        }
        directory.server_readers.miss(batch.lost.server);
        directory.user_readers.miss(batch.lost.user);
        if let Some(resync) = batch.resync {
            guarded(|| self.resync(resync));
        }
    }

    fn tell(&mut self, directory: &Directory, item: Item) {
        match item {
            Item::Server(event) => tell(&directory.settings.on_event, &directory.server_readers, &event),
            Item::User(event) => tell(&directory.settings.on_user_event, &directory.user_readers, &event),
            Item::Watch(peer) => {
                // Not before it has its snapshot: it would be told what that says already.
                if self.introduce(&peer) {
                    self.watchers.lock().insert(peer.id(), peer);
                }
            }
            Item::Unwatch(id) => {
                let peer = self.watchers.lock().remove(&id);
                if let Some(peer) = peer {
                    let _ = only(&peer).ended().now();
                }
            }
            Item::Change(change) => {
                self.sequence += 1;
                self.note(&change);
                let report = self.everybody.changed(self.sequence, change).now();
                if report.refused > 0 {
                    // They see a gap in the numbers.
                    tracing::warn!(
                        count = report.refused,
                        "an interceptor keeps a change of the roster back"
                    );
                }
            }
        }
    }

    fn resync(&mut self, Resync { users, watchers }: Resync) {
        self.roster = users.into_iter().collect();
        self.sequence += 1;
        let watchers: HashMap<_, _> = watchers.into_iter().map(|peer| (peer.id(), peer)).collect();
        let before = std::mem::take(&mut *self.watchers.lock());
        for (id, peer) in before {
            if !watchers.contains_key(&id) {
                let _ = only(&peer).ended().now();
            }
        }
        let watchers = watchers.into_iter().filter(|(_, peer)| self.introduce(peer)).collect();
        *self.watchers.lock() = watchers;
    }

    /// Tells one connection who is here; false where it cannot be told, and so does not watch.
    fn introduce(&self, peer: &Peer) -> bool {
        let users = self.roster.iter();
        let users = users.map(|(name, connections)| RosterUser {
            name: name.as_ref().to_owned(),
            connections: *connections,
        });
        let Report { reached, refused, .. } = only(peer).snapshot(self.sequence, users.collect()).now();
        let differs = || peer.mismatches().iter().any(|method| method.method.starts_with("RosterWatcher."));
        if refused > 0 && !differs() {
            tracing::warn!(connection = %peer.id(), "a roster is too large for a connection, or denied");
            peer.close(code::POLICY, "the roster cannot be told");
        }
        reached > 0
    }

    fn note(&mut self, change: &RosterChange) {
        match change {
            RosterChange::Joined { name } => {
                self.roster.insert(Arc::from(name.as_str()), 0);
            }
            RosterChange::Linked { name } => {
                if let Some(connections) = self.roster.get_mut(name.as_str()) {
                    *connections = connections.saturating_add(1);
                }
            }
            RosterChange::Unlinked { name } => {
                if let Some(connections) = self.roster.get_mut(name.as_str()) {
                    *connections = connections.saturating_sub(1);
                }
            }
            RosterChange::Left { name } => {
                self.roster.remove(name.as_str());
            }
        }
    }
}

fn only(peer: &Peer) -> RosterWatcherBroadcast {
    let peer = peer.clone();
    RosterWatcherBroadcast::from_handle(BroadcastHandle::new(Arc::new(move || vec![peer.clone()])))
}

fn tell<T: Clone>(callbacks: &[Callback<T>], readers: &Readers<T>, event: &T) {
    for callback in callbacks {
        guarded(|| callback(event));
    }
    readers.tell(event);
}

fn guarded(run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!("telling an event panicked");
    }
}

/// Named here so that the settings need not say how callbacks are kept.
pub(crate) type OnServerEvent = Callback<ServerEvent>;
/// As [`OnServerEvent`].
pub(crate) type OnUserEvent = Callback<UserEvent>;
