//! How calls and events fail, as the caller sees it.

use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::CloseInfo;

/// The declared error of a method that declares none. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

impl Serialize for Never {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a method that declares no error failed with one"))
    }
}

impl From<Infallible> for Never {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Whether a call that failed may have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It certainly did not run: calling again is safe.
    NotSent,
    /// It may have run, in part or in whole.
    Unknown,
}

/// How a call failed (R13). `E` is the error that the method declares: `async fn f(&self) -> Result<T, E>`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = Never> {
    /// The method's own, declared error.
    App(E),
    /// The deadline passed (R14): while it waited for a slot, or at the callee, which was told to stop.
    Timeout(Fate),
    /// The call that this one belonged to ended first, or the callee gave it up.
    Cancelled(Fate),
    /// The connection ended: code, reason and who closed (R15).
    Closed(CloseInfo),
    /// The connection is not accepted yet (R8).
    NotAccepted,
    /// The other side has no such method.
    UnknownMethod,
    /// The other side serves nothing.
    NoProvider,
    /// The handler ended without an answer.
    NoReply,
    /// The two sides know the method with different signatures (R5); `Connection::mismatches` names them.
    SchemaMismatch,
    /// The arguments could not be encoded here, or not be decoded there.
    InvalidArguments,
    /// The answer could not be decoded here. The method ran.
    InvalidReply,
    /// Over a limit: of the callee, or of nesting (R11, R12).
    Overloaded,
    /// The callee does not allow it.
    Denied,
    /// The arguments exceed the callee's `max_message`, or the result exceeds this side's.
    TooLarge(Fate),
    /// The handler failed; the callee logged it under this number (R16).
    Internal(u64),
}

impl<E> CallError<E> {
    /// Whether the call may have run.
    #[must_use]
    pub const fn fate(&self) -> Fate {
        match self {
            Self::NotAccepted
            | Self::UnknownMethod
            | Self::NoProvider
            | Self::SchemaMismatch
            | Self::InvalidArguments
            | Self::Overloaded
            | Self::Denied => Fate::NotSent,
            Self::Timeout(fate) | Self::Cancelled(fate) | Self::TooLarge(fate) => *fate,
            Self::Closed(info) if info.unsent => Fate::NotSent,
            Self::App(_) | Self::Closed(_) | Self::NoReply | Self::InvalidReply | Self::Internal(_) => {
                Fate::Unknown
            }
        }
    }

    /// The method's own error, where that is what failed the call.
    #[must_use]
    pub fn into_app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the deadline passed.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the connection ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// How the connection ended, where that is what failed the call.
    #[must_use]
    pub const fn close_info(&self) -> Option<&CloseInfo> {
        match self {
            Self::Closed(info) => Some(info),
            _ => None,
        }
    }

    fn map<F>(self, app: impl FnOnce(E) -> F) -> CallError<F> {
        match self {
            Self::App(error) => CallError::App(app(error)),
            Self::Timeout(fate) => CallError::Timeout(fate),
            Self::Cancelled(fate) => CallError::Cancelled(fate),
            Self::Closed(info) => CallError::Closed(info),
            Self::NotAccepted => CallError::NotAccepted,
            Self::UnknownMethod => CallError::UnknownMethod,
            Self::NoProvider => CallError::NoProvider,
            Self::NoReply => CallError::NoReply,
            Self::SchemaMismatch => CallError::SchemaMismatch,
            Self::InvalidArguments => CallError::InvalidArguments,
            Self::InvalidReply => CallError::InvalidReply,
            Self::Overloaded => CallError::Overloaded,
            Self::Denied => CallError::Denied,
            Self::TooLarge(fate) => CallError::TooLarge(fate),
            Self::Internal(number) => CallError::Internal(number),
        }
    }
}

impl CallError<Never> {
    /// The same failure of a method that declares `E`.
    #[must_use]
    pub fn widen<E>(self) -> CallError<E> {
        self.map(|never| match never {})
    }
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the method failed: {error:?}"),
            Self::Timeout(_) => f.write_str("the deadline passed"),
            Self::Cancelled(_) => f.write_str("the call was cancelled"),
            Self::Closed(info) => write!(f, "the connection ended: {info}"),
            Self::NotAccepted => f.write_str("the connection is not accepted yet"),
            Self::UnknownMethod => f.write_str("the other side has no such method"),
            Self::NoProvider => f.write_str("the other side serves nothing"),
            Self::NoReply => f.write_str("the handler ended without an answer"),
            Self::SchemaMismatch => f.write_str("the two sides know the method with different signatures"),
            Self::InvalidArguments => f.write_str("the arguments could not be encoded or decoded"),
            Self::InvalidReply => f.write_str("the answer could not be decoded"),
            Self::Overloaded => f.write_str("over a limit of the callee, or nested too deep"),
            Self::Denied => f.write_str("not allowed"),
            Self::TooLarge(_) => f.write_str("the arguments or the result exceed max_message"),
            Self::Internal(number) => write!(f, "the handler failed; logged there as {number:016x}"),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for CallError<E> {}

/// Why an event was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection ended (R22).
    #[error("the connection ended: {0}")]
    Closed(CloseInfo),
    /// The connection is not accepted yet (R8).
    #[error("the connection is not accepted yet")]
    NotAccepted,
    /// Neither credit nor room came within `Limits::send_timeout` (R12).
    #[error("the other side takes no more events for now")]
    Full,
    /// The two sides know the method with different signatures (R5).
    #[error("the two sides know the method with different signatures")]
    SchemaMismatch,
    /// The arguments could not be encoded.
    #[error("the arguments could not be encoded")]
    InvalidArguments,
    /// The arguments exceed the other side's `max_message`.
    #[error("the arguments exceed max_message")]
    TooLarge,
    /// An answer to a broadcast, which has no id to name it by (R19).
    #[error("a broadcast cannot be answered")]
    Broadcast,
    /// An interceptor of this side does not allow it (R24).
    #[error("not allowed")]
    Denied,
}
