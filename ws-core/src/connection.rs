//! An activated connection, the same type on both sides.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Encoding;
use crate::connection_context::Context;
use crate::engine::{SchemaMismatch, Stats};
use crate::error::SendError;
use crate::id::ConnectionId;
use crate::listeners::Listeners;
use crate::peer::Peer;
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::{ContractError, Event, MethodTable, Provider, Remote};
use crate::shared::Shared;
use crate::texts::{self, Texts};

/// An activated connection: `R` is the typed stub of the other side, `C` the application's own state.
///
/// Cheap to clone. On a server the registry owns the connection and dropping handles does nothing; on a client the
/// last handle dropped closes it with 1000 (R3).
pub struct Connection<R, C = ()> {
    remote: R,
    shared: Arc<Shared>,
    context: Context<C>,
    owner: Option<Arc<Owner>>,
}

/// Closes the connection when the last handle that owns it goes.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close(CloseInfo::new(code::NORMAL, "the last handle was dropped", ClosedBy::Local));
    }
}

/// Why a provider was not replaced (R25).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// It serves other methods than the one it would replace, and the peer was told of those.
    #[error("the new provider serves other methods than the peer was told of")]
    OtherContract,
    /// Its methods cannot be told apart.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The connection has ended.
    #[error("the connection ended: {0}")]
    Closed(CloseInfo),
}

impl<R: Remote, C> Connection<R, C> {
    pub(crate) fn new(shared: Arc<Shared>, context: Context<C>, owns: Owns) -> Self {
        let owner = match owns {
            Owns::Connection => Some(Arc::new(Owner(Arc::clone(&shared)))),
            Owns::Nothing => None,
        };
        Self { remote: R::from_peer(Peer::new(Arc::clone(&shared))), shared, context, owner }
    }
}

/// Whether a handle keeps its connection open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owns {
    /// The last one dropped closes it: a client's.
    Connection,
    /// Somebody else does: a server's.
    Nothing,
}

impl<R, C> Connection<R, C> {
    /// The typed stub of the other side. It is weak: on a client, keep the connection as well, or the last handle
    /// dropped closes it.
    #[must_use]
    pub const fn remote(&self) -> &R {
        &self.remote
    }

    /// The listeners of this connection that see the messages of one contract, beside what serves it. Asked for again,
    /// they are the same.
    ///
    /// Where the provider does not serve the contract, its messages are for the listeners alone.
    #[must_use]
    pub fn listen<V: Event>(&self) -> Listeners<V> {
        self.shared.hub.listen(&self.shared)
    }

    /// The untyped handle of the other side.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::new(Arc::clone(&self.shared))
    }

    /// The application's own state for this connection; handlers reach it by `ctx.context::<C>()`.
    #[must_use]
    pub const fn context(&self) -> &Context<C> {
        &self.context
    }

    /// The connection's id.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// The encoding that was agreed on.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.shared.encoding
    }

    /// The other side's network address, where the transport has one.
    #[must_use]
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.shared.remote_address
    }

    /// Calls and events of this side that have no outcome yet (R18).
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.look(|engine| engine.pending())
    }

    /// Handlers of this side that run for the peer, and events that wait for theirs.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.look(|engine| engine.running())
    }

    /// Calls of either side that stream and are not over, their opening included (R18, R26).
    #[must_use]
    pub fn streams(&self) -> usize {
        self.shared.look(|engine| engine.streams())
    }

    /// What was counted since the connection opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.look(|engine| engine.stats())
    }

    /// The methods that fail `SchemaMismatch`, named, with both sides' fingerprints (R5).
    #[must_use]
    pub fn mismatches(&self) -> Vec<SchemaMismatch> {
        self.shared.look(|engine| engine.mismatches())
    }

    /// The text messages that the other side sends beside the service, where this side is built with
    /// [`UnknownFrames::Emit`](crate::UnknownFrames::Emit); else it ends at once. `Limits::text_messages` and
    /// `Limits::text_bytes` of them wait; the newest beyond that are dropped and counted in [`stats`](Self::stats).
    #[must_use]
    pub fn texts(&self) -> Texts {
        Texts::new(Arc::clone(&self.shared))
    }

    /// Sends a text message beside the service. It takes its turn among calls and events; the other side must be built
    /// to take it, or closes with 1003, and it may drop it unseen.
    ///
    /// # Errors
    /// [`SendError`]: `TooLarge` beyond the other side's `max_message`, `Full` where the outbox has no room for
    /// `Limits::send_timeout`.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing is sent.
    pub async fn send_text(&self, text: impl Into<String>) -> Result<(), SendError> {
        texts::send(&self.shared, text.into()).await
    }

    /// Whether it has not begun to close.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.look(|engine| engine.is_active())
    }

    /// Closes with 1000, and waits until it has ended: every pending call fails at once, what is in the outbox is
    /// written, the peer's own close is awaited for `Limits::close_grace`.
    ///
    /// # Cancel safety
    /// The close is begun by the first poll and goes on when this is dropped.
    pub async fn close(&self) -> CloseInfo {
        self.close_with(code::NORMAL, "").await
    }

    /// Closes with this code and reason. A code that must not travel (RFC 6455 section 7.4) is sent as 1008.
    ///
    /// # Cancel safety
    /// As for [`close`](Self::close).
    pub async fn close_with(&self, code: u16, reason: &str) -> CloseInfo {
        self.shared.close(CloseInfo::new(sendable(code), reason, ClosedBy::Local));
        self.shared.closed().await
    }

    /// Resolves when the connection has ended, whatever the cause; always with the same answer (R34).
    ///
    /// # Cancel safety
    /// Safe: dropping it forgets the question, nothing else.
    pub async fn closed(&self) -> CloseInfo {
        self.shared.closed().await
    }

    /// How it ended, if it does within `duration`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed_within(&self, duration: Duration) -> Option<CloseInfo> {
        tokio::time::timeout(duration, self.shared.closed()).await.ok()
    }

    /// How it ended, if it does before `instant`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed_by(&self, instant: std::time::Instant) -> Option<CloseInfo> {
        tokio::time::timeout_at(instant.into(), self.shared.closed()).await.ok()
    }

    /// Swaps what serves this connection. Calls that run keep the old provider to their end (R25).
    ///
    /// # Errors
    /// The new one must serve the same methods with the same signatures, since the peer was told of them.
    pub fn replace<P: Provider>(&self, provider: P) -> Result<(), ReplaceError> {
        let table = MethodTable::new(P::methods())?;
        if !table.same_fingerprint(&self.shared.serves) {
            return Err(ReplaceError::OtherContract);
        }
        if self.shared.provide(Arc::new(provider)) {
            return Ok(());
        }
        let info = self.shared.look(|engine| engine.closed().cloned());
        Err(ReplaceError::Closed(info.unwrap_or_else(|| CloseInfo::new(code::ABNORMAL, "", ClosedBy::Local))))
    }
}

/// RFC 6455 section 7.4: what may stand in a close frame.
pub(crate) const fn sendable(code: u16) -> u16 {
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => code,
        _ => code::POLICY,
    }
}

impl<R: Clone, C> Clone for Connection<R, C> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            shared: Arc::clone(&self.shared),
            context: self.context.clone(),
            owner: self.owner.clone(),
        }
    }
}

impl<R, C> fmt::Debug for Connection<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.shared.id)
            .field("owns", &self.owner.is_some())
            .finish_non_exhaustive()
    }
}
