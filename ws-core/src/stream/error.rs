//! How a stream ends, other than completely.

use std::fmt;

use crate::engine::{Held, StreamEnd};
use crate::error::Never;
use crate::protocol::{CloseInfo, FailClass};

/// How a stream ended before it was complete (R26). `E` is the error that its items declare:
/// `impl Stream<Item = Result<T, E>>`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError<E = Never> {
    /// The producer's own, declared error.
    App(E),
    /// The producer failed, or an item could not be encoded; the other side logged it under this number (R16).
    Internal(u64),
    /// An item, or the declared error, could not be decoded here. The stream was cancelled.
    InvalidItem,
    /// An item exceeds this side's `max_message`.
    TooLarge,
    /// A server had no memory left for an item; the stream was cancelled.
    Overloaded,
    /// The producer ended without saying how.
    NoEnd,
    /// The call that the stream belongs to ended first, or the other side gave it up.
    Cancelled,
    /// The connection ended: code, reason and who closed (R15).
    Closed(CloseInfo),
}

impl<E> StreamError<E> {
    /// The producer's own error, where that is what ended the stream.
    #[must_use]
    pub fn into_app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the connection ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }

    /// How the connection ended, where that is what ended the stream.
    #[must_use]
    pub const fn close_info(&self) -> Option<&CloseInfo> {
        match self {
            Self::Closed(info) => Some(info),
            _ => None,
        }
    }

    /// The error of this end; none where the stream is complete. `decode` reads a declared error.
    pub(super) fn of(end: StreamEnd, decode: impl FnOnce(&Held) -> Option<E>) -> Option<Self> {
        Some(match end {
            StreamEnd::Completed => return None,
            StreamEnd::Cancelled => Self::Cancelled,
            StreamEnd::Closed(info) => Self::Closed(info),
            StreamEnd::Failed(class, body) => match class {
                FailClass::Declared => decode(&body).map_or(Self::InvalidItem, Self::App),
                FailClass::TooLarge => Self::TooLarge,
                FailClass::Overloaded => Self::Overloaded,
                FailClass::NoReply => Self::NoEnd,
                FailClass::Cancelled | FailClass::Timeout => Self::Cancelled,
                _ => Self::Internal(body.as_slice().try_into().map_or(0, u64::from_le_bytes)),
            },
        })
    }
}

impl<E: fmt::Debug> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the stream failed: {error:?}"),
            Self::Internal(number) => write!(f, "the producer failed; logged there as {number:016x}"),
            Self::InvalidItem => f.write_str("an item could not be decoded"),
            Self::TooLarge => f.write_str("an item exceeds max_message"),
            Self::Overloaded => f.write_str("no memory left for an item"),
            Self::NoEnd => f.write_str("the producer ended without saying how"),
            Self::Cancelled => f.write_str("the stream was cancelled"),
            Self::Closed(info) => write!(f, "the connection ended: {info}"),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for StreamError<E> {}
