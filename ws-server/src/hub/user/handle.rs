//! One user.

use std::fmt;
use std::sync::{Arc, Weak};

use ws_core::ConnectionId;

use crate::hub::Directory;

/// A handle of one user: cheap to clone, and weak, it keeps neither the user nor the server.
#[derive(Clone)]
pub struct User {
    name: Arc<str>,
    directory: Weak<Directory>,
}

/// A user, as [`Users::list`](super::Users::list) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// Who.
    pub name: Arc<str>,
    /// Its connections, in the order of their linking; none while it is offline.
    pub connections: Vec<ConnectionId>,
}

impl UserInfo {
    /// Whether it has a connection.
    #[must_use]
    pub fn is_online(&self) -> bool {
        !self.connections.is_empty()
    }
}

impl User {
    pub(in crate::hub) const fn new(name: Arc<str>, directory: Weak<Directory>) -> Self {
        Self { name, directory }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its connections, in the order of their linking; none while it is offline, or gone.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.directory.upgrade().and_then(|directory| directory.user(&self.name)).unwrap_or_default()
    }

    /// Whether it has a connection.
    #[must_use]
    pub fn is_online(&self) -> bool {
        !self.connections().is_empty()
    }

    /// Removes it: its connections are unlinked, and stay open. False where it is gone already.
    pub fn kick(&self) -> bool {
        self.directory.upgrade().is_some_and(|directory| directory.kick(&self.name))
    }
}

impl Directory {
    pub(in crate::hub) fn user(&self, name: &str) -> Option<Vec<ConnectionId>> {
        self.look(|tables| tables.users.get(name).map(|record| record.connections.clone()))
    }

    pub(in crate::hub) fn kick(&self, name: &str) -> bool {
        self.with(|tables| tables.kick(name))
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}
