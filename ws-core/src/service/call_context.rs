//! What a handler may ask about the message it handles.

use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::scope::{Awaiting, Scope, ScopeEnd, Scoped};
use super::{InvocationParts, Remote};
use crate::connection_context::Context;
use crate::context::Metadata;
use crate::id::ConnectionId;
use crate::message::MessageHandle;
use crate::peer::Peer;

/// What a handler may ask about the message it handles: an optional first argument `ctx: &CallContext` of a method,
/// absent from the remote.
#[derive(Debug)]
pub struct CallContext {
    peer: Peer,
    method: &'static str,
    event_id: u64,
    reply_to: Option<u64>,
    asked: Option<Arc<AtomicBool>>,
    scope: Scope,
    metadata: Option<Arc<Metadata>>,
    end: OnceLock<Arc<ScopeEnd>>,
    awaiting: Option<Arc<Awaiting>>,
}

impl CallContext {
    pub(crate) fn new(parts: &InvocationParts) -> Self {
        Self {
            peer: parts.peer.clone(),
            method: parts.method,
            event_id: parts.event_id,
            reply_to: parts.reply_to,
            asked: parts.asked.clone(),
            scope: Scope { depth: parts.depth, deadline: parts.deadline },
            metadata: parts.metadata.clone(),
            end: OnceLock::new(),
            awaiting: parts.awaiting.clone(),
        }
    }

    /// The connection that the message came on; never reused in this process.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.peer.id()
    }

    /// The untyped handle of the side that sent the message.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The typed stub of the side that sent the message, to call it back.
    #[must_use]
    pub fn remote<R: Remote>(&self) -> R {
        R::from_peer(self.peer.clone())
    }

    /// The application's own state for the connection: the `C` of its server. None where that is another type, or the
    /// connection has ended.
    #[must_use]
    pub fn context<C: Send + 'static>(&self) -> Option<Context<C>> {
        self.peer.context()
    }

    /// `Contract.method`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The message's id; 0 for a broadcast.
    #[must_use]
    pub const fn event_id(&self) -> u64 {
        self.event_id
    }

    /// The message that this one answers, if it answers one.
    #[must_use]
    pub const fn reply_to(&self) -> Option<u64> {
        self.reply_to
    }

    /// This message as one that messages may answer: `ctx.message().reply(ChatEvent::Thanks {})`.
    #[must_use]
    pub fn message(&self) -> MessageHandle {
        let (peer, asked, metadata) = (self.peer.clone(), self.asked.clone(), self.metadata.clone());
        MessageHandle::new(peer, self.event_id, self.reply_to, asked, metadata)
    }

    /// How many calls deep this one is (R11): 0 unless it was made by a handler.
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.scope.depth
    }

    /// When this call is given up, on this machine's monotonic clock; none for an event.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.scope.deadline
    }

    /// The time that remains until the deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.scope.deadline.map(|deadline| deadline.saturating_duration_since(crate::clock::now()))
    }

    /// A value that the caller sent along.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref().and_then(|metadata| metadata.get(key))
    }

    /// All that the caller sent along; none if nothing.
    #[must_use]
    pub fn all_metadata(&self) -> Option<&Metadata> {
        self.metadata.as_deref()
    }

    /// Makes the calls of `future` belong to this call, also where another task polls it: they are one deeper,
    /// inherit the remaining deadline, and end `Cancelled` when this call ends (R11).
    ///
    /// A handler's own future needs no scope.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        let end = self.end.get_or_init(Arc::default);
        Scoped::new(future, self.scope, Arc::clone(end), self.awaiting.clone())
    }
}

impl Drop for CallContext {
    fn drop(&mut self) {
        if let Some(end) = self.end.get() {
            end.end();
        }
    }
}
