//! What this side sent, or waits to send: one entry for each call and event, and how it may end.

use std::task::Waker;
use std::time::Instant;

use super::{Held, Key, Outgoing};
use crate::context::Metadata;
use crate::error::Fate;
use crate::protocol::{CloseInfo, FailClass};
use crate::service::MethodId;

/// How a call or an event ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The value.
    Returned(Held),
    /// A stream of values, to be read under this key.
    Opened(Key),
    /// The callee's refusal or failure.
    Failed(FailClass, Held),
    /// The deadline passed; for an event: neither credit nor room came in time.
    Timeout(Fate),
    /// The call that this one belongs to ended first.
    Cancelled(Fate),
    /// The connection ended.
    Closed(CloseInfo),
    /// An event was handed over; its id.
    Sent(u64),
    /// The message that answers this one (R20).
    Answered(Box<Answered>),
    /// Refused here, before anything was sent.
    Refused(Refused),
}

impl Outcome {
    /// Payload bytes that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Returned(body) | Self::Failed(_, body) => body.as_slice().len(),
            Self::Answered(answer) => answer.body.as_slice().len(),
            _ => 0,
        }
    }
}

/// A message that answers one of this side's.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) method: MethodId,
    pub(crate) event_id: u64,
    pub(crate) reply_to: u64,
    pub(crate) wants_answer: bool,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) body: Held,
}

/// Why this side sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotAccepted,
    SchemaMismatch,
    TooLarge,
    Overloaded,
    /// A stream in place of a value.
    InvalidReply,
}

/// Calls by depth, calls that stream by depth, then events: each class has a queue of its own, so that a call waits
/// only for deeper ones (R11), and none for a stream to end.
pub(super) type Class = u8;
/// Added to the depth of a call that streams.
pub(super) const STREAMS: Class = 64;
pub(super) const EVENTS: Class = u8::MAX;
/// Messages that answer one which is waited for: they need no credit, for the receiver has room for one answer to each
/// of its own (P52), and wait for no event (R11).
pub(super) const ANSWERS: Class = u8::MAX - 1;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) class: Class,
    pub(super) bytes: usize,
    pub(super) deadline: Instant,
    pub(super) waker: Option<Waker>,
    pub(super) kind: Kind,
    pub(super) progress: Progress,
}

/// What ends an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its RETURN or FAIL.
    Call,
    /// Being sent.
    Event,
    /// The same, and nobody asks how it went.
    Detached,
    /// A message that answers it, or its deadline (R21).
    Ask,
    /// A broadcast that waits for the slow: being sent, as far as this side still may (R32).
    Post(Slow),
}

/// What becomes of a broadcast that finds no room in the queue of a slow consumer, and of one that waits there (R32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slow {
    /// It is dropped; what has a place waits as long as it takes.
    Drop,
    /// The connection is closed, also when one has waited until its deadline.
    Close,
}

impl Kind {
    /// Whether nobody asks how it went.
    pub(super) const fn is_detached(self) -> bool {
        matches!(self, Self::Detached | Self::Post(_))
    }

    /// Whether it is over once it is sent.
    pub(super) const fn is_event(self) -> bool {
        matches!(self, Self::Event | Self::Detached | Self::Post(_))
    }
}

#[derive(Debug)]
pub(super) enum Progress {
    /// In its class's queue, with what is to be sent: it is sent when its turn comes, whether or not its future is
    /// polled, so that a caller who looks elsewhere holds nobody up.
    Waiting(Box<Outgoing>),
    /// On its way; the outbox position tells whether it has left.
    Sent { position: u64 },
    /// Over, and not yet told.
    Done(Outcome),
}

impl Progress {
    /// Payload bytes that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Waiting(message) => message.content.len(),
            Self::Done(outcome) => outcome.held(),
            Self::Sent { .. } => 0,
        }
    }
}

/// The depth of a call of this class.
pub(super) const fn depth_of(class: Class) -> u8 {
    class & !STREAMS
}
