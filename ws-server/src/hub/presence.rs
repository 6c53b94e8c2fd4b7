//! The server's half of presence (R31).

use ws_core::presence::{Presence, PresenceError};
use ws_core::{CallContext, ConnectionId};

use super::connection::Home;
use super::directory::Directory;
use super::user::LinkError;
use std::sync::Arc;

/// Lets clients link, unlink and leave by themselves: `WebSocketServer::presence` serves it.
///
/// It finds the connection that a call came on, so one value serves any connection of any server.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ServerPresence;

impl ServerPresence {
    /// For providers that are put together by hand.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    fn home(ctx: &CallContext) -> Option<(Arc<Directory>, ConnectionId)> {
        Some((Home::directory(ctx.peer())?, ctx.connection()))
    }
}

impl Presence for ServerPresence {
    async fn link(&self, ctx: &CallContext, name: String, auth: Option<String>) -> Result<(), PresenceError> {
        let (directory, id) = Self::home(ctx).ok_or(PresenceError::Unavailable)?;
        directory.link(id, name, auth).await?;
        Ok(())
    }

    async fn unlink(&self, ctx: &CallContext) -> bool {
        Self::home(ctx).is_some_and(|(directory, id)| directory.unlink(id))
    }

    async fn leave(&self, ctx: &CallContext) -> bool {
        Self::home(ctx).is_some_and(|(directory, id)| directory.leave_user(id))
    }
}

/// What a client is told: enough to try better, nothing about this side.
impl From<LinkError> for PresenceError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::InvalidName => Self::InvalidName,
            LinkError::Taken | LinkError::TooMany => Self::Taken,
            LinkError::NoNewUsers | LinkError::Full => Self::NoNewUsers,
            LinkError::AlreadyLinked => Self::AlreadyLinked,
            LinkError::Busy => Self::Busy,
            LinkError::TooManyAttempts => Self::TooManyAttempts,
            LinkError::Denied(denied) => Self::Denied { reason: denied.reason().to_owned() },
            LinkError::AuthTooLong => Self::Denied { reason: "the auth value is too long".to_owned() },
            LinkError::NotConnected | LinkError::Timeout | LinkError::Internal => Self::Unavailable,
        }
    }
}
