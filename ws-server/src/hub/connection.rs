//! What only a server's connections can do.

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, Weak};

use ws_core::{Connection, ConnectionId, Peer};

use super::directory::Directory;
use super::user::{LinkError, User};

/// What a connection of a server knows of its server: nothing that keeps it.
#[derive(Debug)]
pub(super) struct Home(pub(super) Weak<Directory>);

impl Home {
    pub(super) fn directory(peer: &Peer) -> Option<Arc<Directory>> {
        peer.extension::<Self>()?.0.upgrade()
    }
}

/// What only a server's connections can do. On a connection that no server owns, nothing is ever linked.
pub trait ServerConnection: sealed::Sealed {
    /// Links this connection to the user `name`, who is made if there is none; `auth` is for the authenticate hook. The
    /// server's [`UserOptions`](crate::UserOptions) say what is allowed (R28).
    ///
    /// # Errors
    /// [`LinkError`]; the connection stays open, and may try again.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the connection is not linked; where the hook was asked, that counts as a failed try.
    fn link(
        &self,
        name: impl Into<String>,
        auth: Option<String>,
    ) -> impl Future<Output = Result<User, LinkError>> + Send;

    /// Takes this connection from its user, who stays; false where it has none.
    fn unlink(&self) -> bool;

    /// Removes the user of this connection: its other connections are unlinked too, and all stay open. False where it has
    /// none.
    fn leave(&self) -> bool;

    /// The user that this connection is linked to.
    fn user(&self) -> Option<User>;

    /// The groups that this connection is in, in the order of their names.
    fn groups(&self) -> Vec<Arc<str>>;

    /// The header that the client sent, where it is an `H` and the connection has not ended.
    fn header<H: Any + Send + Sync>(&self) -> Option<Arc<H>>;
}

impl<R, C> ServerConnection for Connection<R, C> {
    fn link(
        &self,
        name: impl Into<String>,
        auth: Option<String>,
    ) -> impl Future<Output = Result<User, LinkError>> + Send {
        let (directory, id, name) = (Home::directory(&self.peer()), self.id(), name.into());
        async move {
            let directory = directory.ok_or(LinkError::NotConnected)?;
            directory.link(id, name, auth).await
        }
    }

    fn unlink(&self) -> bool {
        Home::directory(&self.peer()).is_some_and(|directory| directory.unlink(self.id()))
    }

    fn leave(&self) -> bool {
        Home::directory(&self.peer()).is_some_and(|directory| directory.leave_user(self.id()))
    }

    fn user(&self) -> Option<User> {
        let directory = Home::directory(&self.peer())?;
        let name = directory.look(|tables| tables.entries.get(&self.id())?.user.clone())?;
        Some(User::new(name, Arc::downgrade(&directory)))
    }

    fn groups(&self) -> Vec<Arc<str>> {
        let Some(directory) = Home::directory(&self.peer()) else { return Vec::new() };
        directory.look(|tables| {
            let entry = tables.entries.get(&self.id());
            entry.map(|entry| entry.groups.iter().cloned().collect()).unwrap_or_default()
        })
    }

    fn header<H: Any + Send + Sync>(&self) -> Option<Arc<H>> {
        Home::directory(&self.peer())?.header(self.id())?.downcast().ok()
    }
}

impl Directory {
    pub(super) fn unlink(&self, id: ConnectionId) -> bool {
        self.with(|tables| tables.unlink(id).is_some())
    }

    /// The connection's user is gone, in one step.
    pub(super) fn leave_user(&self, id: ConnectionId) -> bool {
        self.with(|tables| {
            let user = tables.entries.get(&id).and_then(|entry| entry.user.clone());
            user.is_some_and(|name| tables.kick(&name))
        })
    }
}

mod sealed {
    pub trait Sealed {}
    impl<R, C> Sealed for ws_core::Connection<R, C> {}
}
