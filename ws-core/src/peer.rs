//! The untyped handle of the other side of one connection.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::ask::Ask;
use crate::call::{Call, EventCall, RawCall};
use crate::codec::{EncodeError, Encoding};
use crate::connection::sendable;
use crate::connection_context::Context;
use crate::context::CallOptions;
use crate::engine::SchemaMismatch;
use crate::event::Sending;
use crate::id::ConnectionId;
use crate::protocol::{CloseInfo, ClosedBy, Envelope};
use crate::service::{Contract, Event, EventWriter, MethodId, MethodSpec, Payload, Written};
use crate::shared::Shared;
use crate::stream::Uploading;

/// The untyped handle of the other side of one connection: cheap to clone, and weak. It keeps neither the connection
/// nor its provider alive; over a connection that has ended, everything fails `Closed`.
#[derive(Clone, Debug)]
pub struct Peer {
    shared: Arc<Shared>,
}

impl Peer {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The connection's id.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// The other side's network address, where the transport has one.
    #[must_use]
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.shared.remote_address
    }

    /// Calls and events of this side on this connection that have no outcome yet (R18).
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.look(|engine| engine.pending())
    }

    /// Calls of either side that stream and are not over, their opening included (R18, R26).
    #[must_use]
    pub fn streams(&self) -> usize {
        self.shared.look(|engine| engine.streams())
    }

    /// The encoding that was agreed on.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.shared.encoding
    }

    /// Begins to close the connection with this code and reason, and returns at once; `closed` tells when it has ended.
    /// A code that must not travel is sent as 1008, and a reason is cut to what a close frame takes. The first cause
    /// stands (R34).
    pub fn close(&self, code: u16, reason: &str) {
        self.shared.close(CloseInfo::new(sendable(code), reason, ClosedBy::Local));
    }

    /// The methods that fail `SchemaMismatch`, named, with both sides' fingerprints (R5).
    #[must_use]
    pub fn mismatches(&self) -> Vec<SchemaMismatch> {
        self.shared.look(|engine| engine.mismatches())
    }

    /// Whether the connection is accepted and has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.look(|engine| engine.is_active())
    }

    /// The application's own state for the connection, where it is a `C` and the connection has not ended.
    #[must_use]
    pub fn context<C: Send + 'static>(&self) -> Option<Context<C>> {
        self.shared.context()?.downcast()
    }

    /// What whoever opened the connection keeps beside it, where it is a `T`; see
    /// [`Link::extend`](crate::link::Link::extend).
    #[must_use]
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.shared.extension.get()?).downcast().ok()
    }

    /// Resolves when the connection has ended (R34).
    ///
    /// # Cancel safety
    /// Safe: dropping it forgets the question, nothing else.
    pub async fn closed(&self) -> CloseInfo {
        self.shared.closed().await
    }

    /// Sends a message, whether its method is a call or an event: nobody awaits a result. The other side's handlers and
    /// listeners see it.
    ///
    /// # Errors
    /// See [`SendError`](crate::SendError).
    ///
    /// # Cancel safety
    /// As [`Sending`].
    pub fn send<V: Event>(&self, event: V) -> Sending {
        let Written { id, method, body, .. } = event.write(EventWriter::new(self));
        Sending::new(Arc::clone(&self.shared), id, method, body, None)
    }

    /// Sends a message, and awaits the message that answers it: any of the same contract.
    ///
    /// # Errors
    /// See [`Ask`].
    ///
    /// # Cancel safety
    /// As [`Ask`].
    pub fn ask<V: Event>(&self, event: V) -> Ask<V> {
        Ask::new(Arc::clone(&self.shared), event.write(EventWriter::new(self)))
    }

    /// Makes a call that is given as data, and awaits its result as data:
    /// `peer.call::<CalculatorRemote>(CalculatorEvent::Add { a: 2, b: 3 })`. Event methods are sent, not called.
    ///
    /// # Errors
    /// See [`EventCall`].
    ///
    /// # Cancel safety
    /// As [`EventCall`].
    pub fn call<R: Contract<Event: Event>>(&self, event: R::Event) -> EventCall<R> {
        EventCall::new(Arc::clone(&self.shared), event.write(EventWriter::new(self)))
    }

    /// A call of `method`; see [`RemoteHandle::call`](crate::service::RemoteHandle::call).
    pub(crate) fn call_method<T: Payload, E: Payload>(
        &self,
        id: MethodId,
        method: &'static MethodSpec,
        arguments: &impl Serialize,
        options: Option<Arc<CallOptions>>,
    ) -> Call<T, E> {
        Call::of(self.raw_call(id, method, arguments, options, None))
    }

    /// A call whose answer has no type yet; see [`RemoteHandle::stream`](crate::service::RemoteHandle::stream).
    pub(crate) fn raw_call(
        &self,
        id: MethodId,
        method: &'static MethodSpec,
        arguments: &impl Serialize,
        options: Option<Arc<CallOptions>>,
        upload: Option<Uploading>,
    ) -> RawCall {
        RawCall::new(Arc::clone(&self.shared), id, method, self.encode(arguments), options, upload)
    }

    pub(crate) fn event(
        &self,
        id: MethodId,
        method: &'static MethodSpec,
        arguments: &impl Serialize,
        options: Option<Arc<CallOptions>>,
    ) -> Sending {
        Sending::new(Arc::clone(&self.shared), id, method, self.encode(arguments), options)
    }

    /// Bytes that encoded arguments may have.
    pub(crate) fn max_arguments(&self) -> usize {
        self.shared.max_body() - Envelope::CAPACITY
    }

    /// Bounded by what could ever be sent; what this peer takes is known once it is accepted.
    pub(crate) fn encode(&self, arguments: &impl Serialize) -> Result<crate::codec::Body, EncodeError> {
        self.shared.encoding.encode(arguments, self.max_arguments())
    }
}
