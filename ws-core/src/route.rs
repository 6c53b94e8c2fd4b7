//! Calling what another side serves by name: its routes.

use serde::Serialize;

use crate::call::Call;
use crate::context::CallOptions;
use crate::event::Sending;
use crate::peer::Peer;
use crate::service::{MethodId, MethodSpec, Payload};

/// What this side knows of a route.
static ROUTE: MethodSpec = MethodSpec::call("(a route)", "", 0);

/// A route of the other side: `peer.route("math/add").call::<i64, _>(&(2, 3)).await`.
#[derive(Clone, Debug)]
pub struct Route {
    peer: Peer,
    id: MethodId,
    options: Option<std::sync::Arc<CallOptions>>,
}

impl Peer {
    /// The route of this name on the other side. A method of a contract is one as well: `Calculator.add`.
    #[must_use]
    pub fn route(&self, name: &str) -> Route {
        Route { peer: self.clone(), id: MethodId::of(name), options: None }
    }
}

impl Route {
    /// The same route with these options for what is sent through it.
    #[must_use]
    pub fn with(self, options: CallOptions) -> Self {
        Self { options: Some(std::sync::Arc::new(options)), ..self }
    }

    /// Calls it with these arguments, a tuple. `E` is the error that its handler fails with, [`Never`](crate::Never)
    /// where it does not.
    ///
    /// # Errors
    /// As [`Call`].
    ///
    /// # Cancel safety
    /// As [`Call`].
    pub fn call<T: Payload, E: Payload>(&self, arguments: &impl Serialize) -> Call<T, E> {
        self.peer.call_method(self.id, &ROUTE, arguments, self.options.clone())
    }

    /// Sends it these arguments, a tuple, and awaits no result.
    ///
    /// # Errors
    /// As [`Sending`].
    ///
    /// # Cancel safety
    /// As [`Sending`].
    pub fn send(&self, arguments: &impl Serialize) -> Sending {
        self.peer.event(self.id, &ROUTE, arguments, self.options.clone())
    }
}
