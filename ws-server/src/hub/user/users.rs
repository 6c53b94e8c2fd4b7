//! The users of a server.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use tokio::time::Instant;
use ws_core::{ConnectionId, Remote};

use super::event::UserEvents;
use super::handle::{User, UserInfo};
use super::link::LinkError;
use crate::hub::{Audience, Directory, Events};

/// The users of a server, whose clients are called by an `R`: cheap to clone, and weak. A provider may hold it; once
/// the server is gone there is nobody.
pub struct Users<R> {
    directory: Weak<Directory>,
    remote: PhantomData<fn() -> R>,
}

/// Why a user is not reached (R30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// There is none of that name.
    #[error("there is no user of that name")]
    NotFound,
    /// It has no connection.
    #[error("the user is offline")]
    Offline,
}

/// Why a user was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The rule does not allow the name, or panicked.
    #[error("the name is not allowed")]
    InvalidName,
    /// There is one of that name.
    #[error("there is a user of that name")]
    Exists,
    /// There is no room for another.
    #[error("there is no room for new users")]
    Full,
    /// The server is gone.
    #[error("the server is gone")]
    Gone,
}

impl<R> Users<R> {
    pub(crate) const fn new(directory: Weak<Directory>) -> Self {
        Self { directory, remote: PhantomData }
    }

    /// Makes a user, who is offline until a connection is linked to it. Whether links may make new users is of no matter
    /// here.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(&self, name: impl Into<String>) -> Result<User, JoinError> {
        let directory = self.directory.upgrade().ok_or(JoinError::Gone)?;
        let name: Arc<str> = name.into().into();
        directory.check_name(&name).map_err(|_| JoinError::InvalidName)?;
        let max = directory.settings.users.max_users;
        directory.with(|tables| {
            if tables.users.contains_key(&name) {
                return Err(JoinError::Exists);
            }
            if tables.users.len() >= max {
                return Err(JoinError::Full);
            }
            tables.join(&name, Instant::now());
            Ok(())
        })?;
        Ok(User::new(name, Weak::clone(&self.directory)))
    }

    /// Removes a user: its connections are unlinked, and stay open. False where there is none of that name.
    pub fn kick(&self, name: impl AsRef<str>) -> bool {
        self.directory.upgrade().is_some_and(|directory| directory.kick(name.as_ref()))
    }

    /// The users, those who are offline included, in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<UserInfo> {
        let Some(directory) = self.directory.upgrade() else { return Vec::new() };
        let mut users = directory.look(|tables| {
            let users = tables.users.iter();
            let info = users.map(|(name, record)| UserInfo {
                name: Arc::clone(name),
                connections: record.connections.clone(),
            });
            info.collect::<Vec<_>>()
        });
        users.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        users
    }

    /// The user of this name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<str>) -> Option<User> {
        let directory = self.directory.upgrade()?;
        let name = directory.look(|tables| {
            let (name, _) = tables.users.get_key_value(name.as_ref())?;
            Some(Arc::clone(name))
        })?;
        Some(User::new(name, Weak::clone(&self.directory)))
    }

    /// Links a connection from outside; as
    /// [`ServerConnection::link`](crate::ServerConnection::link).
    ///
    /// # Errors
    /// [`LinkError`]; the connection stays open.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the connection is not linked; where the hook was asked, that counts as a failed try.
    pub async fn link(
        &self,
        connection: ConnectionId,
        name: impl Into<String>,
        auth: Option<String>,
    ) -> Result<User, LinkError> {
        let (directory, name) = (self.directory.upgrade().ok_or(LinkError::NotConnected)?, name.into());
        directory.link(connection, name, auth).await
    }

    /// Takes a connection from its user, who stays; false where it has none.
    pub fn unlink(&self, connection: ConnectionId) -> bool {
        let directory = self.directory.upgrade();
        directory.is_some_and(|directory| directory.with(|tables| tables.unlink(connection).is_some()))
    }

    /// What happens to users from now on.
    #[must_use]
    pub fn events(&self) -> UserEvents {
        self.directory.upgrade().map_or_else(Events::ended, |directory| directory.user_readers.subscribe())
    }
}

impl<R: Remote> Users<R> {
    /// The stub that reaches every connection of a user: those that it has when the stub is used.
    ///
    /// # Errors
    /// [`UserError`], as it is now.
    pub fn remote(&self, name: impl AsRef<str>) -> Result<R::Broadcast, UserError> {
        let name = name.as_ref();
        let connections = self.directory.upgrade().and_then(|directory| directory.user(name));
        match connections {
            None => Err(UserError::NotFound),
            Some(connections) if connections.is_empty() => Err(UserError::Offline),
            Some(_) => Ok(Audience::<R>::new(Weak::clone(&self.directory)).user(name).remote()),
        }
    }
}

impl<R> Clone for Users<R> {
    fn clone(&self) -> Self {
        Self::new(Weak::clone(&self.directory))
    }
}

impl<R> fmt::Debug for Users<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.directory.upgrade().map(|directory| directory.counts().0);
        f.debug_struct("Users").field("users", &users).finish_non_exhaustive()
    }
}
