//! The typed stub for the other side's provider.

use std::fmt;

use super::{MethodSpec, Methods, Payload};
use crate::call::Call;
use crate::context::CallOptions;
use crate::event::Sending;
use crate::peer::Peer;

/// A typed stub: `CalculatorRemote`. Cheap to clone, and weak: it never keeps a connection open. `()` calls nothing;
/// a tuple of up to eight remotes calls several contracts: `connection.remote().1.say(…)`.
///
/// `#[ws_service]` implements this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a remote",
    note = "name the stub that `#[ws_service]` generated: `CalculatorRemote`; `()` calls nothing"
)]
pub trait Remote: Clone + fmt::Debug + Send + Sync + 'static {
    /// The methods this stub can call.
    fn methods() -> Methods;

    /// The stub that calls over `peer`.
    fn from_peer(peer: Peer) -> Self;
}

impl Remote for () {
    fn methods() -> Methods {
        Methods::none()
    }

    fn from_peer(_peer: Peer) -> Self {}
}

/// What every generated remote is made of: the peer and the options of its calls.
#[derive(Clone, Debug)]
pub struct RemoteHandle {
    peer: Peer,
    options: Option<std::sync::Arc<CallOptions>>,
}

impl RemoteHandle {
    /// A handle with default options.
    #[must_use]
    pub const fn new(peer: Peer) -> Self {
        Self { peer, options: None }
    }

    /// The same handle with these options for its calls.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { peer: self.peer.clone(), options: Some(std::sync::Arc::new(options)) }
    }

    /// The untyped handle of the other side.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// A call of `method`; the arguments are encoded here, the call leaves when it is first polled.
    pub fn call<T: Payload, E: Payload>(
        &self,
        method: &'static MethodSpec,
        arguments: &impl serde::Serialize,
    ) -> Call<T, E> {
        self.peer.call(method, arguments, self.options.clone())
    }

    /// An event of `method`; the arguments are encoded here, the event leaves when it is first polled.
    pub fn event(&self, method: &'static MethodSpec, arguments: &impl serde::Serialize) -> Sending {
        self.peer.event(method, arguments, self.options.clone())
    }
}
