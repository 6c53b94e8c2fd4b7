//! A connection that has a header and no decision yet.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use ws_core::link::Link;
use ws_core::{
    CloseInfo, Connection, ConnectionId, Context, EarlyMessage, Encoding, Owns, Peer, PrepareError, Provider,
    Remote, Stats, code,
};

use crate::decision::{Decision, Verdict};
use crate::handler::HandlerError;
use crate::hub::{Directory, ServerEvent};
use crate::rejection::Rejection;
use crate::upgrade::UpgradeRequest;

/// A connection that has a header and no decision yet; consumed by [`accept`](Self::accept) or
/// [`reject`](Self::reject). Dropped undecided, it is rejected with 1008 (R7).
pub struct Acceptor<H, P, R, C = ()> {
    header: Arc<H>,
    parts: Parts<C>,
    types: PhantomData<fn() -> (P, R)>,
}

pub(crate) struct Parts<C> {
    pub(crate) link: Link,
    pub(crate) request: Arc<UpgradeRequest>,
    /// The same as the acceptor's, for the directory to keep.
    pub(crate) header: Arc<dyn Any + Send + Sync>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) context: Context<C>,
    pub(crate) decision: Arc<Decision>,
    pub(crate) attempt: u8,
}

impl<C> Parts<C> {
    fn reject(&self, code: u16, reason: &str) {
        reject(&self.directory, &self.link, code, reason);
    }
}

/// Rejects and closes what is not decided or ended yet, and tells.
pub(crate) fn reject(directory: &Directory, link: &Link, code: u16, reason: &str) {
    tell_rejected(directory, link, code, reason);
    link.reject(code, reason);
}

/// Before it is done: the end of the connection, which may follow at once, is told after it.
pub(crate) fn tell_rejected(directory: &Directory, link: &Link, code: u16, reason: &str) {
    if !link.is_active() && link.closing().is_none() {
        let (id, reason) = (link.id(), reason.to_owned());
        directory.event(ServerEvent::Rejected { id, code, reason });
    }
}

impl<C> Drop for Parts<C> {
    fn drop(&mut self) {
        // After a decision this changes nothing.
        self.decision.decide(Verdict::Dropped);
    }
}

/// Why a connection was not accepted after all.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// It ended during the decision.
    #[error("the connection ended before it was accepted: {0}")]
    Closed(CloseInfo),
    /// The provider could not be prepared; the client is rejected with 1011 and no detail.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl<H, P: Provider, R: Remote, C> Acceptor<H, P, R, C> {
    pub(crate) const fn new(header: Arc<H>, parts: Parts<C>) -> Self {
        Self { header, parts, types: PhantomData }
    }

    /// The header that the client sent.
    #[must_use]
    pub fn header(&self) -> &H {
        &self.header
    }

    /// The HTTP request that became this WebSocket: path, query, headers.
    #[must_use]
    pub fn request(&self) -> &UpgradeRequest {
        &self.parts.request
    }

    /// The client's network address, where the transport has one.
    #[must_use]
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.parts.link.peer().remote_address()
    }

    /// The id that the connection will have.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.parts.link.id()
    }

    /// The typed stub of the client, to build the provider with. Used before the acceptance it fails `NotAccepted`
    /// (R8).
    #[must_use]
    pub fn remote(&self) -> R {
        R::from_peer(self.peer())
    }

    /// The encoding that was agreed on.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.parts.link.encoding()
    }

    /// The untyped handle of the client.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.parts.link.peer()
    }

    /// The application's own state for this connection: `C::default()` at first. The same that the connection and its
    /// handlers will see.
    #[must_use]
    pub const fn context(&self) -> &Context<C> {
        &self.parts.context
    }

    /// Which of the client's tries this is, from 1 on; see [`ServerBuilder::attempts`](crate::ServerBuilder::attempts).
    #[must_use]
    pub const fn attempt(&self) -> u8 {
        self.parts.attempt
    }

    /// The next call or event that the client has sent already, where the server is built with
    /// [`EarlyFrames::Accept`](ws_core::EarlyFrames::Accept). Answers are held until the acceptance; what is not
    /// taken, or left by [`EarlyMessage::leave`], is handled by the provider then (R8).
    ///
    /// None at once where they are not kept for the acceptor, and none when the connection has ended.
    ///
    /// # Cancel safety
    /// Safe: no message is lost. Several may ask at once, and each message goes to one of them.
    pub async fn early(&self) -> Option<EarlyMessage> {
        self.parts.link.early().await
    }

    /// How many early messages did not fit and were dropped since the last time, once some were; 0 when the connection
    /// has ended. Only with [`Overflow::Notify`](ws_core::Overflow::Notify): else there is no news of them here, and
    /// they are counted in [`stats`](Self::stats) alone.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn early_overflow(&self) -> u64 {
        self.parts.link.early_overflow().await
    }

    /// What was counted since the connection opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.parts.link.stats()
    }

    /// Resolves when the connection ends, also before the decision.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed(&self) -> CloseInfo {
        self.parts.link.closed().await
    }

    /// Accepts: the client is told before it sees anything else, and `provider` serves it from now on (R9). Where the
    /// provider must be prepared and is not yet, that is awaited first.
    ///
    /// # Errors
    /// [`AcceptError`] where the connection ended during the decision, or the provider could not be prepared.
    ///
    /// # Cancel safety
    /// Dropped while the provider is being prepared, nothing is decided; else it decides in its first poll.
    pub async fn accept(self, provider: P) -> Result<Connection<R, C>, AcceptError> {
        self.accept_with(|_| provider).await
    }

    /// As [`accept`](Self::accept), with a provider that is made from its own connection, which is there before the
    /// client can send anything: to register it, say, before its first message is handled. Until the acceptance
    /// everything sent over it fails `NotAccepted`.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    /// As [`accept`](Self::accept).
    pub async fn accept_with(
        self,
        provider: impl FnOnce(&Connection<R, C>) -> P,
    ) -> Result<Connection<R, C>, AcceptError> {
        let parts = &self.parts;
        let connection = parts.link.connection(parts.context.clone(), Owns::Nothing);
        let provider = provider(&connection);
        if let Err(error) = provider.prepared().await {
            parts.decision.decide(Verdict::Rejected);
            parts.reject(code::INTERNAL, "");
            return Err(error.into());
        }
        // Visible first: once the engine is active the driver's end is sure to come after, and takes it out again.
        parts.directory.enroll(parts.link.id(), Arc::clone(&parts.header));
        parts.link.accept(Arc::new(provider)).map_err(AcceptError::Closed)?;
        parts.directory.activated(parts.link.id());
        parts.decision.decide(Verdict::Accepted);
        Ok(connection)
    }

    /// Rejects: the client's `connect` fails with this code and reason, and the connection is closed; or, where tries
    /// are left, the client may send another header, which the handler gets a new acceptor for (R7).
    ///
    /// # Errors
    /// None today; the type is a handler's, so that `return acceptor.reject(…).await` reads well.
    ///
    /// # Cancel safety
    /// It decides in its first poll.
    #[allow(
        clippy::unused_async,
        reason = "rejecting may one day wait, and reads as the other operations do"
    )]
    #[allow(clippy::needless_pass_by_value, reason = "a rejection is made on the spot")]
    pub async fn reject(self, rejection: Rejection) -> Result<(), HandlerError> {
        let parts = &self.parts;
        parts.decision.decide(Verdict::Rejected);
        if rejection.closes() {
            parts.reject(rejection.code(), rejection.reason());
        } else {
            tell_rejected(&parts.directory, &parts.link, rejection.code(), rejection.reason());
            parts.link.reject_try(rejection.code(), rejection.reason());
        }
        Ok(())
    }
}

impl<H: fmt::Debug, P, R, C> fmt::Debug for Acceptor<H, P, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("id", &self.parts.link.id()).finish_non_exhaustive()
    }
}
