//! What the provider of a contract needs of one nested in it.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use super::{Answer, CallContext, Invocation, Refusal, Responder};

/// The future that handles a message of a nested contract: it borrows the service.
pub type NestedFuture<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// A message of a nested contract, its arguments decoded: what the service that it is for is asked for comes later,
/// inside the future that runs it.
#[derive(Debug)]
pub struct Decoded {
    arguments: Box<dyn Any + Send>,
    responder: Responder,
    context: CallContext,
}

impl Decoded {
    /// These arguments of that message.
    ///
    /// # Errors
    /// None of its own: the result is that of decoding.
    pub fn new<A: Send + 'static>(
        arguments: Result<A, Refusal>,
        invocation: &Invocation<'_>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            arguments: Box::new(arguments?),
            responder: invocation.responder(),
            context: invocation.context(),
        })
    }

    /// The arguments and what else the handler is made of.
    ///
    /// # Errors
    /// The arguments are of another type, which generated code never asks for.
    pub fn take<A: 'static>(self) -> Result<(A, Responder, CallContext), Answer> {
        match self.arguments.downcast::<A>() {
            Ok(arguments) => Ok((*arguments, self.responder, self.context)),
            Err(_) => Err(self.responder.refuse(Refusal::UnknownMethod)),
        }
    }

    /// The answer where there is no such method.
    #[must_use]
    pub fn unknown<'a>(self) -> NestedFuture<'a> {
        Box::pin(std::future::ready(self.responder.refuse(Refusal::UnknownMethod)))
    }
}
