//! What happens to users.

use std::sync::Arc;

use ws_core::ConnectionId;

use crate::hub::Events;

/// What happens to the users of a server; of one user always in the order join, link, message, unlink, leave (R29).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserEvent {
    /// There is a new user, offline as yet.
    Join {
        /// Who.
        name: Arc<str>,
    },
    /// A connection is linked to a user.
    Link {
        /// Who.
        name: Arc<str>,
        /// Which.
        connection: ConnectionId,
    },
    /// A linked connection sent a call or an event, which is about to be handled; only with
    /// [`UserOptions::message_events`](super::UserOptions::message_events).
    Message {
        /// Who.
        name: Arc<str>,
        /// Which.
        connection: ConnectionId,
        /// `Contract.method`.
        method: &'static str,
    },
    /// A connection is no longer linked to a user: it was unlinked or replaced, the user was kicked, or it has ended.
    Unlink {
        /// Who.
        name: Arc<str>,
        /// Which.
        connection: ConnectionId,
    },
    /// A user is gone; its connections were unlinked before.
    Leave {
        /// Who.
        name: Arc<str>,
    },
}

/// What happens to the users of a server, from the moment of the asking; ends with the server. See [`Events`].
pub type UserEvents = Events<UserEvent>;
