//! The tables of a directory; every method leaves them consistent, and writes what it did to the log.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ws_core::link::Link;
use ws_core::presence::RosterChange;
use ws_core::{CloseInfo, ClosedBy, ConnectionId, code};

use super::by_id::ById;
use super::event::ServerEvent;
use super::group::Insertion;
use super::log::{Item, Log};
use super::user::{LinkPolicy, UserEvent};
use crate::gate::Permit;

pub(super) struct Tables {
    pub(super) entries: ById<Entry>,
    /// Never one without members.
    pub(super) groups: HashMap<Arc<str>, BTreeSet<ConnectionId>>,
    pub(super) users: HashMap<Arc<str>, Record>,
    /// Those without connections, in the order of their going offline; only where they are kicked for it.
    pub(super) offline: BTreeSet<(Instant, Arc<str>)>,
    pub(super) linked: usize,
    pub(super) log: Log,
    /// Whether the clients of this server are told who is here.
    pub(super) tells_roster: bool,
    pub(super) kick_after: Option<Duration>,
}

/// One connection, from its upgrade to the end of its driver.
pub(super) struct Entry {
    pub(super) link: Link,
    /// Its place among those that wait: held until it is accepted or has ended (R6).
    pub(super) permit: Option<Box<Permit>>,
    /// Accepted, or about to be: whether it is open only its link knows.
    pub(super) enrolled: bool,
    pub(super) header: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) groups: BTreeSet<Arc<str>>,
    pub(super) user: Option<Arc<str>>,
    /// A link is in progress.
    pub(super) linking: bool,
    /// Links that failed since the last one that did not.
    pub(super) failed_links: u32,
}

/// One user.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// In the order of their linking.
    pub(super) connections: Vec<ConnectionId>,
    /// Since when it has none.
    offline_since: Option<Instant>,
}

/// Why a user cannot take a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupied {
    Taken,
    TooMany,
}

impl Tables {
    pub(super) fn new(tells_roster: bool, kick_after: Option<Duration>) -> Self {
        Self {
            entries: ById::default(),
            groups: HashMap::new(),
            users: HashMap::new(),
            offline: BTreeSet::new(),
            linked: 0,
            log: Log::new(),
            tells_roster,
            kick_after,
        }
    }

    pub(super) fn server_event(&mut self, event: ServerEvent) {
        self.log.push(Item::Server(event));
    }

    fn user_event(&mut self, event: UserEvent) {
        self.log.push(Item::User(event));
    }

    fn change(&mut self, change: impl FnOnce(String) -> RosterChange, name: &Arc<str>) {
        if self.tells_roster {
            self.log.push(Item::Change(change(name.as_ref().to_owned())));
        }
    }

    pub(super) fn enter(&mut self, link: &Link, permit: Permit) {
        let (id, address) = (link.id(), link.peer().remote_address());
        let entry = Entry {
            link: link.clone(),
            permit: Some(Box::new(permit)),
            enrolled: false,
            header: None,
            groups: BTreeSet::new(),
            user: None,
            linking: false,
            failed_links: 0,
        };
        self.entries.insert(id, entry);
        self.server_event(ServerEvent::Connected { id, address });
    }

    /// Takes a connection out of everything.
    pub(super) fn leave(&mut self, id: ConnectionId, info: CloseInfo) -> Option<Entry> {
        self.unlink(id);
        let entry = self.entries.remove(&id)?;
        for group in &entry.groups {
            self.remove_member(group, id);
        }
        let broken =
            matches!(info.code, code::PROTOCOL | code::UNSUPPORTED | code::INVALID_UTF8 | code::TOO_LARGE);
        if broken && info.by == ClosedBy::Local {
            self.server_event(ServerEvent::Error { id: Some(id), error: info.to_string() });
        }
        self.server_event(ServerEvent::Disconnected { id, info });
        Some(entry)
    }

    /// An entry that is accepted and open.
    pub(super) fn active(&mut self, id: ConnectionId) -> Option<&mut Entry> {
        self.entries.get_mut(&id).filter(|entry| entry.is_active())
    }

    // Groups.

    pub(super) fn insert(&mut self, group: &str, id: ConnectionId, max_groups: usize) -> Insertion {
        let kept = self.groups.get_key_value(group).map(|(name, _)| Arc::clone(name));
        let Some(entry) = self.active(id) else { return Insertion::NotConnected };
        if entry.groups.contains(group) {
            return Insertion::Already;
        }
        if entry.groups.len() >= max_groups {
            return Insertion::TooMany;
        }
        let name = kept.unwrap_or_else(|| Arc::from(group));
        entry.groups.insert(Arc::clone(&name));
        self.groups.entry(name).or_default().insert(id);
        Insertion::New
    }

    pub(super) fn remove(&mut self, group: &str, id: ConnectionId) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        let was_in = entry.groups.remove(group);
        if was_in {
            self.remove_member(group, id);
        }
        was_in
    }

    fn remove_member(&mut self, group: &str, id: ConnectionId) {
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(&id);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }

    // Users.

    /// Whether the user may take one more connection.
    pub(super) fn may_link(&self, name: &str, policy: LinkPolicy) -> Result<(), Occupied> {
        let linked = self.users.get(name).map_or(0, |record| record.connections.len());
        match policy {
            LinkPolicy::RejectNew if linked > 0 => Err(Occupied::Taken),
            LinkPolicy::Many(max) if linked >= max => Err(Occupied::TooMany),
            LinkPolicy::RejectNew | LinkPolicy::Replace | LinkPolicy::Many(_) => Ok(()),
        }
    }

    /// A user without connections.
    pub(super) fn join(&mut self, name: &Arc<str>, now: Instant) {
        self.users.insert(Arc::clone(name), Record::default());
        self.set_offline(name, now);
        self.user_event(UserEvent::Join { name: Arc::clone(name) });
        self.change(|name| RosterChange::Joined { name }, name);
    }

    /// Links an active connection that has no user; the name that the tables keep is given back.
    pub(super) fn link(&mut self, id: ConnectionId, name: &str, replace: bool, now: Instant) -> Arc<str> {
        let name =
            self.users.get_key_value(name).map_or_else(|| Arc::from(name), |(name, _)| Arc::clone(name));
        if !self.users.contains_key(&name) {
            self.join(&name, now);
        }
        if replace {
            let old = self.users.get(&name).map(|record| record.connections.clone());
            for old in old.unwrap_or_default() {
                self.unlink(old);
            }
        }
        self.set_online(&name);
        if let Some(record) = self.users.get_mut(&name) {
            record.connections.push(id);
        }
        self.linked += 1;
        let peer = self.entries.get_mut(&id).map(|entry| {
            entry.user = Some(Arc::clone(&name));
            entry.failed_links = 0;
            entry.link.peer()
        });
        self.user_event(UserEvent::Link { name: Arc::clone(&name), connection: id });
        self.change(|name| RosterChange::Linked { name }, &name);
        if let Some(peer) = peer.filter(|_| self.tells_roster) {
            self.log.push(Item::Watch(peer));
        }
        name
    }

    /// Takes a connection from its user, who stays.
    pub(super) fn unlink(&mut self, id: ConnectionId) -> Option<Arc<str>> {
        let name = self.entries.get_mut(&id)?.user.take()?;
        self.linked -= 1;
        let mut is_offline = false;
        if let Some(record) = self.users.get_mut(&name) {
            record.connections.retain(|linked| *linked != id);
            is_offline = record.connections.is_empty();
        }
        if is_offline {
            self.set_offline(&name, Instant::now());
        }
        if self.tells_roster {
            // It is not told of its own going.
            self.log.push(Item::Unwatch(id));
        }
        self.user_event(UserEvent::Unlink { name: Arc::clone(&name), connection: id });
        self.change(|name| RosterChange::Unlinked { name }, &name);
        Some(name)
    }

    /// Takes a user out of everything; its connections stay.
    pub(super) fn kick(&mut self, name: &str) -> bool {
        let Some(record) = self.users.get(name) else { return false };
        for id in record.connections.clone() {
            self.unlink(id);
        }
        self.set_online(name);
        if let Some((name, _)) = self.users.remove_entry(name) {
            self.user_event(UserEvent::Leave { name: Arc::clone(&name) });
            self.change(|name| RosterChange::Left { name }, &name);
        }
        true
    }

    /// Kicks those who are offline for too long; gives the time of the next one.
    pub(super) fn sweep(&mut self, now: Instant) -> Option<Instant> {
        let after = self.kick_after?;
        while let Some((since, name)) = self.offline.first() {
            let due = *since + after;
            if due > now {
                return Some(due);
            }
            let name = Arc::clone(name);
            self.kick(&name);
        }
        None
    }

    fn set_offline(&mut self, name: &Arc<str>, now: Instant) {
        if let Some(record) = self.users.get_mut(name) {
            record.offline_since = Some(now);
            if self.kick_after.is_some() {
                self.offline.insert((now, Arc::clone(name)));
            }
        }
    }

    fn set_online(&mut self, name: &str) {
        if let Some((name, _)) = self.users.get_key_value(name) {
            let name = Arc::clone(name);
            let since = self.users.get_mut(&name).and_then(|record| record.offline_since.take());
            if let Some(since) = since {
                self.offline.remove(&(since, name));
            }
        }
    }

    /// A message of a linked connection.
    pub(super) fn message(&mut self, id: ConnectionId, method: &'static str) {
        let user = self.entries.get(&id).and_then(|entry| entry.user.clone());
        if let Some(name) = user {
            self.user_event(UserEvent::Message { name, connection: id, method });
        }
    }
}

impl Entry {
    pub(super) fn is_active(&self) -> bool {
        self.enrolled && self.link.is_active()
    }
}
