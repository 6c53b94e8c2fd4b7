//! What a handler gives back, already encoded.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use crate::codec::{Body, EncodeError, Encoding, Sharing};
use crate::protocol::FailClass;
use crate::service::Payload;

/// The boxed future that handles one message.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Why a message is not handled. The peer gets the matching error at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// This side serves nothing.
    NoProvider,
    /// No such method.
    UnknownMethod,
    /// The arguments do not decode; the text stays on this side.
    InvalidArguments(String),
    /// Not allowed; the text stays on this side.
    Denied(String),
}

impl Refusal {
    /// What the peer is answered.
    pub(crate) const fn class(&self) -> FailClass {
        match self {
            Self::NoProvider => FailClass::NoProvider,
            Self::UnknownMethod => FailClass::UnknownMethod,
            Self::InvalidArguments(_) => FailClass::InvalidArguments,
            Self::Denied(_) => FailClass::Denied,
        }
    }
}

/// Encodes results for the connection that a message came from. Small and `Copy`.
#[derive(Clone, Copy, Debug)]
pub struct Responder {
    encoding: Encoding,
    max_message: usize,
}

impl Responder {
    pub(crate) const fn new(encoding: Encoding, max_message: usize) -> Self {
        Self { encoding, max_message }
    }

    /// The answer that carries a value.
    pub fn value<T: Payload>(&self, value: &T) -> Answer {
        self.encode(value, AnswerKind::Value)
    }

    /// The answer that carries a declared error.
    pub fn error<E: Payload>(&self, error: &E) -> Answer {
        self.encode(error, AnswerKind::Declared)
    }

    /// The answer that a message is not handled after all; the handler certainly did nothing.
    #[must_use]
    pub const fn refuse(&self, refusal: Refusal) -> Answer {
        Answer(AnswerKind::Refused(refusal))
    }

    /// The end of an event's handler: nothing is sent.
    #[must_use]
    pub const fn nothing(&self) -> Answer {
        Answer(AnswerKind::Nothing)
    }

    pub(crate) fn body<T: Serialize + 'static>(&self, value: &T) -> Result<Body, EncodeError> {
        self.encoding.encode(&Sharing(value), self.max_message)
    }

    fn encode<T: Payload>(&self, value: &T, kind: fn(Body) -> AnswerKind) -> Answer {
        match self.body(value) {
            Ok(body) => Answer(kind(body)),
            Err(EncodeError::TooLarge { .. }) => Answer(AnswerKind::TooLarge),
            Err(EncodeError::Unsupported(text)) => Answer(AnswerKind::Unencodable(text)),
        }
    }
}

/// What a handler gives back, already encoded.
#[derive(Debug)]
pub struct Answer(pub(crate) AnswerKind);

#[derive(Debug)]
pub(crate) enum AnswerKind {
    Value(Body),
    Declared(Body),
    Nothing,
    Refused(Refusal),
    /// A stream is complete.
    Completed,
    TooLarge,
    Unencodable(String),
}
