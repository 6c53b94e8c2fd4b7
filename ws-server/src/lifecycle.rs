//! The states of a server (R1).

use std::fmt;
use std::io;

use tokio::sync::watch;
use ws_core::ContractError;

/// `None → Opening → Open → Closing → Closed`, and from `Closed` to `Opening` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// Never opened, or the bind failed.
    None,
    /// Binding.
    Opening,
    /// Takes connections.
    Open,
    /// Ends its connections.
    Closing,
    /// Ended; may be opened again.
    Closed,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not opened",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// An operation that the server's state does not allow (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}` is not possible while the server is {state}")]
#[non_exhaustive]
pub struct StateError {
    /// What was asked.
    pub operation: &'static str,
    /// The state that does not allow it.
    pub state: ServerState,
}

/// Why a server did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is open already, or about to be.
    #[error(transparent)]
    State(#[from] StateError),
    /// The address cannot be bound; the server is back in `None`.
    #[error("the address cannot be bound: {0}")]
    Bind(io::Error),
    /// The methods of the provider, or of the remote, cannot be told apart or are too many.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

/// The state, readable and watchable.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    state: watch::Sender<ServerState>,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(ServerState::None) }
    }

    pub(crate) fn state(&self) -> ServerState {
        *self.state.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ServerState> {
        self.state.subscribe()
    }

    /// Goes from one of `from` to `to`, atomically.
    pub(crate) fn go(
        &self,
        operation: &'static str,
        from: &[ServerState],
        to: ServerState,
    ) -> Result<(), StateError> {
        let mut result = Ok(());
        self.state.send_if_modified(|state| {
            if !from.contains(state) {
                result = Err(StateError { operation, state: *state });
                return false;
            }
            let changed = *state != to;
            *state = to;
            changed
        });
        result
    }

    /// Begins to open; the guard returns to `None` unless the opening is completed.
    pub(crate) fn open(&self, operation: &'static str) -> Result<Opening<'_>, StateError> {
        self.go(operation, &[ServerState::None, ServerState::Closed], ServerState::Opening)?;
        Ok(Opening { lifecycle: self, opened: false })
    }
}

/// An opening in progress.
#[must_use]
pub(crate) struct Opening<'a> {
    lifecycle: &'a Lifecycle,
    opened: bool,
}

impl Opening<'_> {
    pub(crate) fn opened(mut self) {
        self.opened = true;
        self.lifecycle.state.send_replace(ServerState::Open);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if !self.opened {
            self.lifecycle.state.send_replace(ServerState::None);
        }
    }
}
