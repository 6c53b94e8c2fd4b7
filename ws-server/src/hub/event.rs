//! What happens to a server.

use std::net::SocketAddr;

use ws_core::{CloseInfo, ConnectionId};

use super::stream::Events;

/// What happens to a server, in the order in which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// It listens; told once for each listener.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// A stream became a WebSocket, whose header and decision are still to come.
    Connected {
        /// Its id.
        id: ConnectionId,
        /// From where, where the transport knows.
        address: Option<SocketAddr>,
    },
    /// A connection is accepted.
    Activated {
        /// Its id.
        id: ConnectionId,
    },
    /// A header is rejected: by the handler, or because it does not decode or nobody decided. Where tries are left, more
    /// may follow for the same connection (R7).
    Rejected {
        /// Its id.
        id: ConnectionId,
        /// The close code that the client is told.
        code: u16,
        /// The reason that the client is told.
        reason: String,
    },
    /// A connection has ended: exactly one for each `Connected`, whatever the cause (R34).
    Disconnected {
        /// Its id.
        id: ConnectionId,
        /// How it ended.
        info: CloseInfo,
    },
    /// Something failed: a handler, a client that breaks the protocol, or the accepting of connections.
    Error {
        /// The connection, where it is one's.
        id: Option<ConnectionId>,
        /// What, for this side's eyes.
        error: String,
    },
    /// The server is closed, and its connections have ended.
    Closed,
}

/// What happens to a server, from the moment of the asking; ends with the server. See [`Events`].
pub type ServerEvents = Events<ServerEvent>;
