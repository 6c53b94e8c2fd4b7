//! Who may call what: guards that run before a handler.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use super::{
    CallContext, ContractError, HandlerFuture, Invocation, MethodId, MethodName, Methods, Preparing,
    Provider, Refusal,
};
use crate::peer::Peer;

/// What a guard says to a call that may not be made. The caller learns `Denied` and nothing more; the reason is for
/// this side's logs and its `on_failure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    reason: String,
}

impl Denied {
    /// Not allowed, for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Decides whether a message may be handled. Asked after its arguments have been decoded and before its handler runs.
///
/// A closure `Fn(&CallContext) -> Result<(), Denied>` is one; implement it where the answer must be awaited:
///
/// ```
/// use ws_core::{CallContext, Denied, Guard};
///
/// struct Role(&'static str);
///
/// impl Guard for Role {
///     async fn check(&self, call: &CallContext) -> Result<(), Denied> {
///         // … and a query to a database, which may be awaited here.
///         match call.metadata("role") {
///             Some(role) if role == self.0 => Ok(()),
///             _ => Err(Denied::new(format!("{} is for {}s", call.method(), self.0))),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a guard",
    note = "a guard is a closure `|call: &CallContext| -> Result<(), Denied>`, or implements `Guard`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Whether this message may be handled. Part of the call: it counts against its deadline, and a panic in it fails
    /// the call alone.
    ///
    /// # Errors
    /// It may not.
    fn check(&self, call: &CallContext) -> impl Future<Output = Result<(), Denied>> + Send;
}

impl<F: Fn(&CallContext) -> Result<(), Denied> + Send + Sync + 'static> Guard for F {
    fn check(&self, call: &CallContext) -> impl Future<Output = Result<(), Denied>> + Send {
        ready(self(call))
    }
}

/// A provider behind guards.
///
/// ```
/// # use ws_core::ws_service;
/// use ws_core::{CallContext, Denied, Guarded};
///
/// #[ws_service]
/// pub trait Admin {
///     async fn status(&self) -> String;
///     async fn shutdown(&self);
/// }
///
/// # fn serve(admin: impl Admin) -> Result<(), ws_core::ContractError> {
/// let admins = |call: &CallContext| match call.metadata("token") {
///     Some("secret") => Ok(()),
///     _ => Err(Denied::new("no token")),
/// };
/// let provider = Guarded::new(AdminProvider::new(admin)).guard(AdminMethod::Shutdown, admins)?;
/// # let _ = provider;
/// # Ok(())
/// # }
/// ```
///
/// Cloning it shares the guards, and shares or clones the provider as the provider does.
#[derive(Clone)]
pub struct Guarded<P> {
    provider: P,
    /// By the method's dense index.
    guards: Vec<Vec<Arc<dyn Check>>>,
    /// For routes: those of one, or of all.
    on_routes: Vec<(Option<MethodId>, Arc<dyn Check>)>,
    names: Methods,
}

impl<P: Provider> Guarded<P> {
    /// No guards yet.
    #[must_use]
    pub fn new(provider: P) -> Self {
        let names = P::methods();
        Self { provider, guards: vec![Vec::new(); names.specs().len()], on_routes: Vec::new(), names }
    }

    /// Has `guard` asked before each message of this method, after the guards that were given before.
    ///
    /// # Errors
    /// The provider has no such method: a guard that guards nothing is a mistake.
    pub fn guard(mut self, method: impl MethodName, guard: impl Guard) -> Result<Self, ContractError> {
        let name = method.name();
        let index = self.names.specs().iter().position(|spec| spec.name == name);
        match index {
            Some(index) => self.guards[index].push(Arc::new(guard)),
            None => {
                let last = name.rsplit('.').next().unwrap_or(name);
                let names = self.names.specs().iter().map(|spec| spec.name);
                let near = names.filter(|other| other.rsplit('.').next() == Some(last)).collect();
                return Err(ContractError::NoSuchMethod { name: name.to_owned(), near });
            }
        }
        Ok(self)
    }

    /// Has `guard` asked before each message to the route of this name, after the guards that were given before. Routes
    /// come and go, so that it may guard one that is added later, or none.
    #[must_use]
    pub fn guard_route(mut self, name: &str, guard: impl Guard) -> Self {
        self.on_routes.push((Some(MethodId::of(name)), Arc::new(guard)));
        self
    }

    /// Has `guard` asked before each message of every method and route, those of nested contracts included, after the guards that
    /// were given before.
    #[must_use]
    pub fn guard_all(mut self, guard: impl Guard) -> Self {
        let guard: Arc<dyn Check> = Arc::new(guard);
        for guards in &mut self.guards {
            guards.push(Arc::clone(&guard));
        }
        self.on_routes.push((None, guard));
        self
    }
}

impl<P: Provider> Provider for Guarded<P> {
    fn methods() -> Methods {
        P::methods()
    }

    fn count() -> usize {
        P::count()
    }

    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let handler = self.provider.start(method, invocation)?;
        let Some(guards) = self.guards.get(method) else { return Err(Refusal::UnknownMethod) };
        Ok(behind(guards.clone(), handler, invocation))
    }

    fn routes(&self) -> bool {
        self.provider.routes()
    }

    fn start_route(&self, method: MethodId, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let handler = self.provider.start_route(method, invocation)?;
        let of_method = self.on_routes.iter().filter(|(of, _)| of.is_none_or(|of| of == method));
        Ok(behind(of_method.map(|(_, guard)| Arc::clone(guard)).collect(), handler, invocation))
    }

    fn attached(&self, peer: &Peer, renamed: Option<&'static str>) {
        self.provider.attached(peer, renamed);
    }

    fn prepared(&self) -> Preparing<'_> {
        self.provider.prepared()
    }
}

impl<P: fmt::Debug> fmt::Debug for Guarded<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.provider).finish()
    }
}

/// The handler, once the guards let it.
fn behind(guards: Vec<Arc<dyn Check>>, handler: HandlerFuture, invocation: &Invocation<'_>) -> HandlerFuture {
    if guards.is_empty() {
        return handler;
    }
    let (call, responder) = (invocation.context(), invocation.responder());
    Box::pin(async move {
        for guard in guards {
            if let Err(denied) = guard.check(&call).await {
                return responder.refuse(Refusal::Denied(denied.reason));
            }
        }
        handler.await
    })
}

/// A guard whose future is boxed.
trait Check: Send + Sync {
    fn check<'a>(
        &'a self,
        call: &'a CallContext,
    ) -> Pin<Box<dyn Future<Output = Result<(), Denied>> + Send + 'a>>;
}

impl<G: Guard> Check for G {
    fn check<'a>(
        &'a self,
        call: &'a CallContext,
    ) -> Pin<Box<dyn Future<Output = Result<(), Denied>> + Send + 'a>> {
        Box::pin(Guard::check(self, call))
    }
}
