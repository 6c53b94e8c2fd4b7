//! One contract twice on one connection: under another name.

use std::marker::PhantomData;
use std::ops::Deref;

use super::{HandlerFuture, Invocation, MethodId, Methods, Provider, Refusal, Remote, RemoteHandle};
use crate::peer::Peer;
use crate::service::Preparing;

/// A name for a contract on the wire, as a type.
pub trait ContractName: Send + Sync + 'static {
    /// The name: ASCII letters, digits, `_`, `-`, `/`, `:` and `.`.
    const NAME: &'static str;
}

/// A provider, or a remote, whose contract goes by another name: `left.add` in place of `Calculator.add`.
///
/// Two contracts on one connection have two names. Where they are the same contract, give each a name of its own, on
/// both sides:
///
/// ```
/// # use ws_core::ws_service;
/// use ws_core::{ContractName, Named, Provider};
///
/// #[ws_service]
/// pub trait Calculator {
///     async fn add(&self, a: i64, b: i64) -> i64;
/// }
///
/// struct Left;
/// impl ContractName for Left {
///     const NAME: &'static str = "left";
/// }
///
/// struct Right;
/// impl ContractName for Right {
///     const NAME: &'static str = "right";
/// }
///
/// // What one side serves, `(Named::new(first), Named::new(second))`, …
/// type Providers<A, B> = (Named<Left, CalculatorProvider<A>>, Named<Right, CalculatorProvider<B>>);
/// // … and what the other calls: `connection.remote().0.add(2, 3)`.
/// type Remotes = (Named<Left, CalculatorRemote>, Named<Right, CalculatorRemote>);
/// # use ws_core::Remote;
/// # assert_eq!(Remotes::methods().specs()[1].name, "right.add");
/// ```
///
/// A remote is used through [`Deref`].
pub struct Named<N, T> {
    inner: T,
    name: PhantomData<fn() -> N>,
}

impl<N: ContractName, T> Named<N, T> {
    /// Gives `inner` the name of `N`.
    #[must_use]
    pub const fn new(inner: T) -> Self {
        Self { inner, name: PhantomData }
    }

    /// What goes by the name.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<N, T> Deref for Named<N, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<N, T: Clone> Clone for Named<N, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), name: PhantomData }
    }
}

impl<N: ContractName, T: std::fmt::Debug> std::fmt::Debug for Named<N, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Named").field(&N::NAME).field(&self.inner).finish()
    }
}

impl<N: ContractName, P: Provider> Provider for Named<N, P> {
    fn methods() -> Methods {
        P::methods().renamed(N::NAME)
    }

    fn count() -> usize {
        P::count()
    }

    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        self.inner.start(method, invocation)
    }

    fn routes(&self) -> bool {
        self.inner.routes()
    }

    fn start_route(&self, method: MethodId, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        self.inner.start_route(method, invocation)
    }

    fn attached(&self, peer: &Peer, renamed: Option<&'static str>) {
        self.inner.attached(peer, renamed.or(Some(N::NAME)));
    }

    fn prepared(&self) -> Preparing<'_> {
        self.inner.prepared()
    }
}

impl<N: ContractName, R: Remote> Remote for Named<N, R> {
    const COUNT: usize = R::COUNT;
    type Broadcast = Named<N, R::Broadcast>;

    fn methods() -> Methods {
        R::methods().renamed(N::NAME)
    }

    fn from_handle(handle: RemoteHandle) -> Self {
        Self { inner: R::from_handle(handle.renamed(N::NAME)), name: PhantomData }
    }
}
