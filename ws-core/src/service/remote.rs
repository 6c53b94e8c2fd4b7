//! The typed stub for the other side's provider.

use std::fmt;

use futures::Stream;

use super::method::NameScope;
use super::{MethodId, MethodSpec, Methods, Payload};
use crate::broadcast::Broadcast;
use crate::call::Call;
use crate::context::CallOptions;
use crate::event::Sending;
use crate::peer::Peer;
use crate::stream::{Opening, uploading};

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

    /// How many they are.
    const COUNT: usize;

    /// The stub that does the same for many.
    type Broadcast: Broadcast;

    /// The stub that calls through `handle`.
    fn from_handle(handle: RemoteHandle) -> Self;

    /// The stub that calls over `peer`.
    #[must_use]
    fn from_peer(peer: Peer) -> Self {
        Self::from_handle(RemoteHandle::new(peer))
    }
}

impl Remote for () {
    fn methods() -> Methods {
        Methods::none()
    }

    const COUNT: usize = 0;
    type Broadcast = ();

    fn from_handle(_handle: RemoteHandle) -> Self {}
}

/// What every generated remote is made of: the peer, the options of its calls, and where its contract stands.
#[derive(Clone, Debug)]
pub struct RemoteHandle {
    peer: Peer,
    /// What the wire names begin with, where that is not the contract's own name.
    scope: Option<NameScope>,
    options: Option<std::sync::Arc<CallOptions>>,
}

impl RemoteHandle {
    /// A handle with default options.
    #[must_use]
    pub const fn new(peer: Peer) -> Self {
        Self { peer, scope: None, options: None }
    }

    /// The same handle with these options for its calls.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { options: Some(std::sync::Arc::new(options)), ..self.clone() }
    }

    /// The handle of the contract that is the field `field` of this one, whose own name is `contract`.
    #[must_use]
    pub fn nested(&self, contract: &str, field: &str) -> Self {
        let scope = self.scope.unwrap_or_else(|| NameScope::of(contract)).then(field);
        Self { scope: Some(scope), ..self.clone() }
    }

    /// The handle of the same contract under another name.
    #[must_use]
    pub fn renamed(self, contract: &str) -> Self {
        // The outermost name counts, as it does where the methods are listed.
        Self { scope: self.scope.or_else(|| Some(NameScope::of(contract))), ..self }
    }

    fn id(&self, method: &MethodSpec) -> MethodId {
        method.id_in(self.scope)
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
        self.peer.call_method(self.id(method), method, arguments, self.options.clone())
    }

    /// A call of a `method` that streams values.
    pub fn stream<T: Payload, E: Payload>(
        &self,
        method: &'static MethodSpec,
        arguments: &impl serde::Serialize,
    ) -> Opening<T, E> {
        Opening::new(self.peer.raw_call(self.id(method), method, arguments, self.options.clone(), None))
    }

    /// A call of a `method` that takes a stream: `items` are uploaded while it runs, and dropped when it ends.
    pub fn call_with_upload<T: Payload, E: Payload, I: Payload>(
        &self,
        method: &'static MethodSpec,
        arguments: &impl serde::Serialize,
        items: impl Stream<Item = I> + Send + 'static,
    ) -> Call<T, E> {
        let upload = Some(uploading(items));
        Call::of(self.peer.raw_call(self.id(method), method, arguments, self.options.clone(), upload))
    }

    /// A call of a `method` that takes a stream and streams values: `items` are uploaded until the values end.
    pub fn stream_with_upload<T: Payload, E: Payload, I: Payload>(
        &self,
        method: &'static MethodSpec,
        arguments: &impl serde::Serialize,
        items: impl Stream<Item = I> + Send + 'static,
    ) -> Opening<T, E> {
        let upload = Some(uploading(items));
        Opening::new(self.peer.raw_call(self.id(method), method, arguments, self.options.clone(), upload))
    }

    /// An event of `method`; the arguments are encoded here, the event leaves when it is first polled.
    pub fn event(&self, method: &'static MethodSpec, arguments: &impl serde::Serialize) -> Sending {
        self.peer.event(self.id(method), method, arguments, self.options.clone())
    }
}
