//! A contract's messages as plain data.

use serde::Serialize;

use super::method::NameScope;
use super::{Invocation, MethodId, MethodSpec, Methods, Refusal};
use crate::codec::{Body, EncodeError, Encoding};
use crate::peer::Peer;

/// A contract's messages as plain data: `ChatEvent`, one variant for each call and event method. What
/// [`Peer::send`] and [`Peer::ask`] take, and what listeners see.
///
/// `#[ws_service]` implements this where all arguments are payloads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract's event enum",
    note = "name the enum that `#[ws_service]` generated, `ChatEvent`; all arguments in it must be payloads"
)]
pub trait Event: Sized + Send + 'static {
    /// The contract's methods in the order of their dense index, streaming ones included, though these have no variant.
    fn methods() -> Methods;

    /// Gives the method and the arguments to `writer`.
    fn write(self, writer: EventWriter<'_>) -> Written;

    /// Decodes the arguments of the method with this index.
    ///
    /// # Errors
    /// The arguments do not decode, or the method has no variant.
    fn read(method: usize, invocation: &Invocation<'_>) -> Result<Self, Refusal>;
}

/// Takes down one message of an enum.
#[derive(Debug)]
pub struct EventWriter<'a> {
    encodes: Encodes<'a>,
    scope: Option<NameScope>,
    /// Methods before those of the contract that is being written.
    before: usize,
}

/// A message taken down: which method, and its arguments encoded.
#[derive(Debug)]
pub struct Written {
    pub(crate) id: MethodId,
    pub(crate) method: &'static MethodSpec,
    pub(crate) index: usize,
    pub(crate) body: Result<Body, EncodeError>,
    /// The same in the other encodings that were asked for, in their order.
    pub(crate) others: Vec<Result<Body, EncodeError>>,
}

/// For whom a message is encoded.
#[derive(Clone, Copy, Debug)]
enum Encodes<'a> {
    /// One peer.
    For(&'a Peer),
    /// Whoever speaks one of these, in at most so many bytes each.
    In(&'a [Encoding], usize),
}

impl<'a> EventWriter<'a> {
    pub(crate) const fn new(peer: &'a Peer) -> Self {
        Self { encodes: Encodes::For(peer), scope: None, before: 0 }
    }

    /// For a broadcast: `encodings` are at least one.
    pub(crate) const fn broadcast(encodings: &'a [Encoding], limit: usize, scope: Option<NameScope>) -> Self {
        Self { encodes: Encodes::In(encodings, limit), scope, before: 0 }
    }

    /// This method, the one with this index in its contract, with these arguments, a tuple in the order of the
    /// signature.
    #[must_use]
    pub fn message(self, method: &'static MethodSpec, index: usize, arguments: &impl Serialize) -> Written {
        let mut bodies = match self.encodes {
            Encodes::For(peer) => return self.written(method, index, peer.encode(arguments), Vec::new()),
            Encodes::In(encodings, limit) => {
                encodings.iter().map(move |encoding| encoding.encode(arguments, limit))
            }
        };
        let body = bodies.next().unwrap_or_else(|| Ok(Body::empty()));
        let others = bodies.collect();
        self.written(method, index, body, others)
    }

    fn written(
        self,
        method: &'static MethodSpec,
        index: usize,
        body: Result<Body, EncodeError>,
        others: Vec<Result<Body, EncodeError>>,
    ) -> Written {
        Written { id: method.id_in(self.scope), method, index: self.before + index, body, others }
    }

    /// For a message of the contract that is the field `field` of this one, whose own name is `contract`, and which has
    /// `before` methods before those of the field.
    #[must_use]
    pub fn nested(self, contract: &str, field: &str, before: usize) -> Self {
        let scope = self.scope.unwrap_or_else(|| NameScope::of(contract)).then(field);
        Self { encodes: self.encodes, scope: Some(scope), before: self.before + before }
    }
}
