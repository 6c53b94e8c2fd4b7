//! The untyped handle of the other side of one connection.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::call::Call;
use crate::codec::EncodeError;
use crate::context::CallOptions;
use crate::event::Sending;
use crate::id::ConnectionId;
use crate::protocol::{CloseInfo, Envelope};
use crate::service::{MethodId, MethodSpec, Payload};
use crate::shared::Shared;

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

    /// Whether the connection is accepted and has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.look(|engine| engine.is_active())
    }

    /// Resolves when the connection has ended (R34).
    ///
    /// # Cancel safety
    /// Safe: dropping it forgets the question, nothing else.
    pub async fn closed(&self) -> CloseInfo {
        self.shared.closed().await
    }

    /// A call of `method`; see [`RemoteHandle::call`](crate::service::RemoteHandle::call).
    pub(crate) fn call<T: Payload, E: Payload>(
        &self,
        id: MethodId,
        method: &'static MethodSpec,
        arguments: &impl Serialize,
        options: Option<Arc<CallOptions>>,
    ) -> Call<T, E> {
        Call::new(Arc::clone(&self.shared), id, method, self.encode(arguments), options)
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

    /// Bounded by what could ever be sent; what this peer takes is known once it is accepted.
    fn encode(&self, arguments: &impl Serialize) -> Result<crate::codec::Body, EncodeError> {
        let limit = self.shared.max_body();
        self.shared.encoding.encode(arguments, limit - Envelope::CAPACITY)
    }
}
