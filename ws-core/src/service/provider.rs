//! What serves a contract on one connection.

use super::{HandlerFuture, Invocation, MethodId, Methods, Preparing, Refusal};
use crate::peer::Peer;

/// What serves a contract: `CalculatorProvider::new(calculator)`. `()` serves nothing; a tuple of up to eight providers
/// serves all their contracts on one connection.
///
/// `#[ws_service]` implements this; write it by hand only to route by other means.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a provider",
    note = "wrap the implementation of a `#[ws_service]` trait: `CalculatorProvider::new(value)`; `()` serves nothing"
)]
pub trait Provider: Send + Sync + 'static {
    /// The methods served, in the order of the index that [`start`](Self::start) receives.
    fn methods() -> Methods
    where
        Self: Sized;

    /// How many methods are served: the length of [`methods`](Self::methods), which is asked for at each message that
    /// a tuple of providers dispatches.
    #[must_use]
    fn count() -> usize
    where
        Self: Sized,
    {
        Self::methods().specs().len()
    }

    /// Decodes the arguments of one message and makes the future that handles it; runs nothing yet.
    ///
    /// `method` is an index into [`methods`](Self::methods).
    ///
    /// # Errors
    /// A [`Refusal`] is answered to the peer in place of a result; the handler certainly did not run.
    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal>;

    /// Whether it serves more than its [`methods`](Self::methods): what is for none of these comes to
    /// [`start_route`](Self::start_route).
    fn routes(&self) -> bool {
        false
    }

    /// As [`start`](Self::start), for a message whose method is none of [`methods`](Self::methods).
    ///
    /// # Errors
    /// As [`start`](Self::start); `UnknownMethod` where it is not served by other means either.
    fn start_route(&self, method: MethodId, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let _ = (method, invocation);
        Err(Refusal::UnknownMethod)
    }

    /// Told that this serves a connection from now on, and under which name, where that is not its contract's own.
    fn attached(&self, peer: &Peer, renamed: Option<&'static str>) {
        let _ = (peer, renamed);
    }

    /// Waits for what must be done before anything is accepted with this provider: a server's `accept` and a client's
    /// `connect` do. To have it done before the first connection comes, wait for it before the server is opened.
    ///
    /// # Errors
    /// It failed; nothing is accepted with this provider, and the next one that asks tries again.
    fn prepared(&self) -> Preparing<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Provider for () {
    fn methods() -> Methods {
        Methods::none()
    }

    fn start(&self, _method: usize, _invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        Err(Refusal::NoProvider)
    }

    fn start_route(&self, _method: MethodId, _invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        Err(Refusal::NoProvider)
    }
}
