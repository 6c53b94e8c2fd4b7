//! Routes: names to closures, put together at run time.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use super::{CallContext, HandlerFuture, Invocation, MethodId, Methods, Payload, Provider, Refusal};

/// A provider that maps names to async closures, for applications that register what they serve at run time. The other
/// side calls them by name, with [`Peer::route`](crate::Peer::route).
///
/// It serves alone, or beside others in a tuple, which come first for the methods of their contracts. Clones are the
/// same routes, and adding or removing one counts from the next message on every connection.
///
/// No fingerprint tells whether both sides mean the same types, as it does for a contract; an encoding that describes
/// itself, MessagePack, notices most differences, a positional one may misread.
///
/// ```
/// use ws_core::{CallContext, Router};
///
/// let router = Router::new()
///     .route("math/add", |_: CallContext, (a, b): (i64, i64)| async move { a + b })
///     .and_then(|router| {
///         router.try_route("math/divide", |_: CallContext, (a, b): (i64, i64)| async move {
///             a.checked_div(b).ok_or("division by zero".to_owned())
///         })
///     });
/// # assert_eq!(router.map(|router| router.len()).ok(), Some(2));
/// ```
#[derive(Clone, Default)]
pub struct Router {
    routes: Arc<RwLock<HashMap<MethodId, Route>>>,
}

#[derive(Clone)]
struct Route {
    name: Arc<str>,
    start: Arc<Begin>,
}

type Begin = dyn Fn(&Invocation<'_>) -> Result<HandlerFuture, Refusal> + Send + Sync;

/// A name that a router cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route `{name}` has the wire identity of the route `{taken}`")]
pub struct RouteTaken {
    /// The name that was given.
    pub name: String,
    /// The name that has its identity: the same one, mostly.
    pub taken: String,
}

impl Router {
    /// No routes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This router with a route more; see [`add`](Self::add).
    ///
    /// # Errors
    /// The name is taken.
    pub fn route<A, T, F>(
        self,
        name: &str,
        handler: impl Fn(CallContext, A) -> F + Send + Sync + 'static,
    ) -> Result<Self, RouteTaken>
    where
        A: Payload,
        T: Payload,
        F: Future<Output = T> + Send + 'static,
    {
        self.add(name, handler)?;
        Ok(self)
    }

    /// This router with a route more whose handler may fail; see [`try_add`](Self::try_add).
    ///
    /// # Errors
    /// The name is taken.
    pub fn try_route<A, T, E, F>(
        self,
        name: &str,
        handler: impl Fn(CallContext, A) -> F + Send + Sync + 'static,
    ) -> Result<Self, RouteTaken>
    where
        A: Payload,
        T: Payload,
        E: Payload,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.try_add(name, handler)?;
        Ok(self)
    }

    /// Adds a route: `handler` takes the arguments as a tuple, and what it gives is the value of the call. A message
    /// that awaits no result runs it all the same.
    ///
    /// # Errors
    /// The name is taken.
    pub fn add<A, T, F>(
        &self,
        name: &str,
        handler: impl Fn(CallContext, A) -> F + Send + Sync + 'static,
    ) -> Result<(), RouteTaken>
    where
        A: Payload,
        T: Payload,
        F: Future<Output = T> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.insert(name, move |invocation| {
            let (arguments, responder) = (invocation.arguments::<A>()?, invocation.responder());
            let (handler, call) = (Arc::clone(&handler), invocation.context());
            // Not called before it is polled: a guard may stand in front of it.
            Ok(Box::pin(async move { responder.value(&handler(call, arguments).await) }))
        })
    }

    /// Adds a route whose handler may fail, with an error that the caller decodes.
    ///
    /// # Errors
    /// The name is taken.
    pub fn try_add<A, T, E, F>(
        &self,
        name: &str,
        handler: impl Fn(CallContext, A) -> F + Send + Sync + 'static,
    ) -> Result<(), RouteTaken>
    where
        A: Payload,
        T: Payload,
        E: Payload,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.insert(name, move |invocation| {
            let (arguments, responder) = (invocation.arguments::<A>()?, invocation.responder());
            let (handler, call) = (Arc::clone(&handler), invocation.context());
            Ok(Box::pin(async move {
                match handler(call, arguments).await {
                    Ok(value) => responder.value(&value),
                    Err(error) => responder.error(&error),
                }
            }))
        })
    }

    /// Removes a route; false where there is none. Calls that run go on.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.routes.write().unwrap_or_else(PoisonError::into_inner).remove(&MethodId::of(name));
        // Dropped outside the lock: what it captured is the application's.
        removed.is_some()
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(
        &self,
        name: &str,
        start: impl Fn(&Invocation<'_>) -> Result<HandlerFuture, Refusal> + Send + Sync + 'static,
    ) -> Result<(), RouteTaken> {
        let route = Route { name: name.into(), start: Arc::new(start) };
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = routes.get(&MethodId::of(name)) {
            return Err(RouteTaken { name: name.to_owned(), taken: taken.name.to_string() });
        }
        routes.insert(MethodId::of(name), route);
        Ok(())
    }
}

impl Provider for Router {
    fn methods() -> Methods {
        Methods::none()
    }

    fn start(&self, _method: usize, _invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        Err(Refusal::UnknownMethod)
    }

    fn routes(&self) -> bool {
        true
    }

    fn start_route(&self, method: MethodId, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let route = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&method).cloned();
        let route = route.ok_or(Refusal::UnknownMethod)?;
        (route.start)(invocation)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(routes.values().map(|route| &route.name)).finish()
    }
}
