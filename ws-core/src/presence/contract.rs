//! What the two sides agree on.

use serde::{Deserialize, Serialize};

use crate::ws_service;

/// What a server serves, so that a client may name its connection by itself.
#[ws_service]
pub trait Presence {
    /// Links this connection to the user `name`, under the server's policy; `auth` is for its authenticate hook.
    async fn link(
        &self,
        ctx: &crate::CallContext,
        name: String,
        auth: Option<String>,
    ) -> Result<(), PresenceError>;

    /// Takes this connection from its user, who stays; false where it had none.
    async fn unlink(&self, ctx: &crate::CallContext) -> bool;

    /// Removes the user of this connection, from its other connections too; false where it had none.
    async fn leave(&self, ctx: &crate::CallContext) -> bool;
}

/// What a client serves: the server tells it who is here. See [`Roster`](super::Roster).
///
/// A linked connection is told one snapshot, then each change, numbered one by one, until it is no longer linked.
#[ws_service]
pub trait RosterWatcher {
    /// Who is here, as of the change number `sequence`; takes the place of all that was told before.
    #[ws(event)]
    async fn snapshot(&self, sequence: u64, users: Vec<RosterUser>);

    /// The change number `sequence`.
    #[ws(event)]
    async fn changed(&self, sequence: u64, change: RosterChange);

    /// This connection is no longer linked: nothing more is told, until it is linked again.
    #[ws(event)]
    async fn ended(&self);
}

/// A user, as a roster lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterUser {
    /// Who.
    pub name: String,
    /// How many connections are linked to it; none while it is offline.
    pub connections: u32,
}

impl RosterUser {
    /// Whether any connection is linked to it.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        self.connections > 0
    }
}

/// One change of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterChange {
    /// A user came, offline as yet.
    Joined {
        /// Who.
        name: String,
    },
    /// One more connection is linked to a user.
    Linked {
        /// Who.
        name: String,
    },
    /// One connection less is linked to a user.
    Unlinked {
        /// Who.
        name: String,
    },
    /// A user went for good; its connections were unlinked before.
    Left {
        /// Who.
        name: String,
    },
}

/// Why a connection is not linked; it stays open, and may try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PresenceError {
    /// The server's rule does not allow the name.
    InvalidName,
    /// Somebody else has the name, or as many connections as it may have.
    Taken,
    /// There is no such user, and no new ones are taken, or there is no room for one.
    NoNewUsers,
    /// This connection is linked already.
    AlreadyLinked,
    /// Another link of this connection is in progress.
    Busy,
    /// The server's authenticate hook refused.
    Denied {
        /// What the hook says to the client.
        reason: String,
    },
    /// Too many links of this connection failed in a row; no more are looked at.
    TooManyAttempts,
    /// It failed for reasons of the server's.
    Unavailable,
}

impl std::fmt::Display for PresenceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvalidName => f.write_str("the name is not allowed"),
            Self::Taken => f.write_str("the name is taken"),
            Self::NoNewUsers => f.write_str("no new users are taken"),
            Self::AlreadyLinked => f.write_str("the connection is linked already"),
            Self::Busy => f.write_str("another link is in progress"),
            Self::Denied { reason } => write!(f, "denied: {reason}"),
            Self::TooManyAttempts => f.write_str("too many links failed"),
            Self::Unavailable => f.write_str("the server cannot tell who this is"),
        }
    }
}

impl std::error::Error for PresenceError {}
