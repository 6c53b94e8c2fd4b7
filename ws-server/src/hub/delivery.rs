//! Tells what stands in the log: to callbacks, to streams, and to the connections that watch the roster.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ws_core::presence::{RosterChange, RosterUser, RosterWatcherRemote};
use ws_core::{ConnectionId, Peer, Remote, SendError, code};

use super::directory::Directory;
use super::event::ServerEvent;
use super::log::{Item, Lost};
use super::stream::Readers;
use super::user::UserEvent;

/// What only the one who tells needs to know. It keeps the roster for itself, so that a snapshot is made without the
/// lock of the tables, and is exact for its place in the log.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    roster: BTreeMap<Arc<str>, u32>,
    sequence: u64,
    watchers: HashMap<ConnectionId, Peer>,
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
                self.introduce(&peer);
                self.watchers.insert(peer.id(), peer);
            }
            Item::Unwatch(id) => {
                if let Some(peer) = self.watchers.remove(&id) {
                    end(peer);
                }
            }
            Item::Change(change) => self.change(&change),
        }
    }

    fn resync(&mut self, Resync { users, watchers }: Resync) {
        self.roster = users.into_iter().collect();
        self.sequence += 1;
        let watchers: HashMap<_, _> = watchers.into_iter().map(|peer| (peer.id(), peer)).collect();
        let before = std::mem::replace(&mut self.watchers, watchers);
        for (id, peer) in before {
            if !self.watchers.contains_key(&id) {
                end(peer);
            }
        }
        for peer in self.watchers.values() {
            self.introduce(peer);
        }
    }

    fn introduce(&self, peer: &Peer) {
        let users = self.roster.iter();
        let users = users.map(|(name, connections)| RosterUser {
            name: name.as_ref().to_owned(),
            connections: *connections,
        });
        let remote = RosterWatcherRemote::from_peer(peer.clone());
        told(peer, remote.snapshot(self.sequence, users.collect()).start());
    }

    fn change(&mut self, change: &RosterChange) {
        self.sequence += 1;
        self.note(change);
        for peer in self.watchers.values() {
            let remote = RosterWatcherRemote::from_peer(peer.clone());
            told(peer, remote.changed(self.sequence, change.clone()).start());
        }
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

/// It watches no more; where it has ended that is nothing.
fn end(peer: Peer) {
    told(&peer.clone(), RosterWatcherRemote::from_peer(peer).ended().start());
}

/// Who cannot be told is closed: its view would be wrong for ever, and it would not know.
fn told(peer: &Peer, sent: Result<(), SendError>) {
    match sent {
        // One that serves another version of the contract has no view.
        Ok(()) | Err(SendError::Closed(_) | SendError::SchemaMismatch) => {}
        Err(error) => {
            tracing::warn!(connection = %peer.id(), %error, "a connection cannot be told of the roster");
            peer.close(code::POLICY, "the roster cannot be told");
        }
    }
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
