//! What serves a contract on one connection.

use super::{HandlerFuture, Invocation, Methods, Refusal};

/// What serves a contract: `CalculatorProvider::new(calculator)`. `()` serves nothing.
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

    /// Decodes the arguments of one message and makes the future that handles it; runs nothing yet.
    ///
    /// `method` is an index into [`methods`](Self::methods).
    ///
    /// # Errors
    /// A [`Refusal`] is answered to the peer in place of a result; the handler certainly did not run.
    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal>;
}

impl Provider for () {
    fn methods() -> Methods {
        Methods::none()
    }

    fn start(&self, _method: usize, _invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        Err(Refusal::NoProvider)
    }
}
