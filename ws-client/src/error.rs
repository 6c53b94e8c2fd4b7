//! Why a connection did not come about.

use std::io;

use ws_core::{CloseInfo, ContractError, EncodeError, Fate, PrepareError};

/// Why a connection did not come about (R36).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not `ws://host[:port][/path][?query]`.
    #[error("the URL is not one to connect to: {0}")]
    InvalidUrl(String),
    /// Nobody listens there, or the network does not lead there.
    #[error("no connection to the server: {0}")]
    Refused(io::Error),
    /// The server answered the upgrade with this HTTP status.
    #[error("the server answered with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The server rejected the header.
    #[error("the server rejected the connection, code {code}: {reason}")]
    Rejected {
        /// The close code: 4000–4499 invite to come again, 4500–4999 do not.
        code: u16,
        /// The server's reason.
        reason: String,
    },
    /// `Limits::connect_timeout` passed.
    #[error("the connection did not come about in time")]
    Timeout,
    /// Something answered that is no ws-service server, or not with an encoding of this client.
    #[error("no ws-service server answered: {0}")]
    NotOurProtocol(String),
    /// The server speaks another version of the protocol.
    #[error("the server speaks version {theirs} of the protocol, this client version {ours}")]
    Version {
        /// This client's version.
        ours: u64,
        /// The server's version.
        theirs: u64,
    },
    /// The connection ended before the server's decision.
    #[error("the connection ended before it was accepted: {0}")]
    Closed(CloseInfo),
    /// The header cannot be encoded, or exceeds `Limits::max_header`.
    #[error("the header cannot be sent")]
    Header(#[source] EncodeError),
    /// The methods of the provider, or of the remote, cannot be told apart or are too many.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The provider could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl ConnectError {
    /// Whether trying again may help: not after a rejection that forbids it, nor where the two sides do not match.
    #[must_use]
    pub const fn may_retry(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Timeout => true,
            Self::Status { status } => matches!(status, 408 | 429 | 500..=599),
            Self::Rejected { code, .. } => matches!(code, 1001 | 1011..=1014 | 4000..=4499),
            Self::Closed(info) => info.may_reconnect(),
            Self::InvalidUrl(_)
            | Self::NotOurProtocol(_)
            | Self::Version { .. }
            | Self::Header(_)
            | Self::Contract(_)
            | Self::Prepare(_) => false,
        }
    }

    /// A connection that did not come about ran nothing.
    #[must_use]
    pub const fn fate(&self) -> Fate {
        Fate::NotSent
    }
}
