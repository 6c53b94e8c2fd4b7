//! Groups: named sets of connections.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use ws_core::{ConnectionId, Remote};

use super::audience::Audience;
use super::directory::Directory;
use super::user::User;

/// What a group's name may be long.
const MAX_NAME: usize = 256;

/// A handle of one group, whose members are called by an `R`: cheap to clone, and weak, it keeps neither the group nor the
/// server. A group is there while it has members; connections leave it when they end.
pub struct Group<R> {
    name: Arc<str>,
    directory: Weak<Directory>,
    remote: PhantomData<fn() -> R>,
}

/// What became of [`Group::insert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Insertion {
    /// The connection is in the group now.
    New,
    /// It was already.
    Already,
    /// It is not activated, or has ended, or is none of this server's.
    NotConnected,
    /// It is in as many groups as it may be: `ServerBuilder::max_groups_per_connection`.
    TooMany,
    /// The group's name is empty, or longer than 256 bytes.
    InvalidName,
}

impl Insertion {
    /// Whether the connection is in the group.
    #[must_use]
    pub const fn is_in(self) -> bool {
        matches!(self, Self::New | Self::Already)
    }
}

impl<R> Group<R> {
    pub(crate) fn new(name: &str, directory: Weak<Directory>) -> Self {
        Self { name: Arc::from(name), directory, remote: PhantomData }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a connection in.
    pub fn insert(&self, connection: ConnectionId) -> Insertion {
        if self.name.is_empty() || self.name.len() > MAX_NAME {
            return Insertion::InvalidName;
        }
        let Some(directory) = self.directory.upgrade() else { return Insertion::NotConnected };
        let max = directory.settings.max_groups;
        directory.with(|tables| tables.insert(&self.name, connection, max))
    }

    /// Takes a connection out; false where it is not in.
    pub fn remove(&self, connection: ConnectionId) -> bool {
        let directory = self.directory.upgrade();
        directory.is_some_and(|directory| directory.with(|tables| tables.remove(&self.name, connection)))
    }

    /// Who is in, in the order of their ids.
    #[must_use]
    pub fn members(&self) -> Vec<ConnectionId> {
        self.look(|members| members.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether a connection is in.
    #[must_use]
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.look(|members| members.contains(&connection)).unwrap_or_default()
    }

    /// How many are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.look(BTreeSet::len).unwrap_or_default()
    }

    /// Whether nobody is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The users of its members, each once, in the order of their names; members without a user are left out.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        let Some(directory) = self.directory.upgrade() else { return Vec::new() };
        let names: BTreeSet<_> = directory.look(|tables| {
            let members = tables.groups.get(&self.name).into_iter().flatten();
            members.filter_map(|id| tables.entries.get(id)?.user.clone()).collect()
        });
        names.into_iter().map(|name| User::new(name, Weak::clone(&self.directory))).collect()
    }

    fn look<T>(&self, look: impl FnOnce(&BTreeSet<ConnectionId>) -> T) -> Option<T> {
        self.directory.upgrade()?.look(|tables| tables.groups.get(&self.name).map(look))
    }
}

/// The groups of a server, whose members are called by an `R`: cheap to clone, and weak, so that a provider may hold it.
pub struct Groups<R> {
    directory: Weak<Directory>,
    remote: PhantomData<fn() -> R>,
}

impl<R> Groups<R> {
    pub(crate) fn new(directory: Weak<Directory>) -> Self {
        Self { directory, remote: PhantomData }
    }

    /// The group of this name, of 1–256 bytes; it is there as long as connections are in it.
    #[must_use]
    pub fn group(&self, name: impl AsRef<str>) -> Group<R> {
        Group::new(name.as_ref(), Weak::clone(&self.directory))
    }

    /// The groups, each with the number of its members, in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<(Arc<str>, usize)> {
        self.directory.upgrade().map(|directory| directory.groups()).unwrap_or_default()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.upgrade().map_or(0, |directory| directory.look(|tables| tables.groups.len()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<R> Clone for Groups<R> {
    fn clone(&self) -> Self {
        Self { directory: Weak::clone(&self.directory), remote: PhantomData }
    }
}

impl<R> fmt::Debug for Groups<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Directory {
    pub(crate) fn groups(&self) -> Vec<(Arc<str>, usize)> {
        let mut groups: Vec<_> = self.look(|tables| {
            tables.groups.iter().map(|(name, members)| (Arc::clone(name), members.len())).collect()
        });
        groups.sort_unstable();
        groups
    }
}

impl<R: Remote> Group<R> {
    /// The stub that reaches whoever is in the group when it is used.
    #[must_use]
    pub fn remote(&self) -> R::Broadcast {
        self.audience().remote()
    }

    /// Whoever is in the group, to be narrowed down.
    pub fn audience(&self) -> Audience<R> {
        Audience::new(Weak::clone(&self.directory)).group(&*self.name)
    }
}

impl<R> Clone for Group<R> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), directory: Weak::clone(&self.directory), remote: PhantomData }
    }
}

impl<R> fmt::Debug for Group<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.name).finish_non_exhaustive()
    }
}
