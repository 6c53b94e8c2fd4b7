//! Messages of the other side that failed here: what an application is told, and the peer is not.

use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::id::ConnectionId;
use crate::protocol::FailClass;

/// A call or an event of the other side that failed here. A server's and a connector's `on_failure` are told of each,
/// once for each thing that went wrong: a handler may exceed its deadline, and its destructor panic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// The connection that it came on.
    pub connection: ConnectionId,
    /// `Contract.method`; none where the method is not known here.
    pub method: Option<&'a str>,
    /// The message's id.
    pub event_id: u64,
    /// What happened.
    pub kind: FailureKind,
    /// The number that the caller of a panicked handler is told, to find this failure by.
    pub number: Option<u64>,
    /// More for people: a guard's reason, a decoder's error, the text of a panic. It has not left this side.
    pub detail: Option<&'a str>,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {:?}: {}", self.method.unwrap_or("an unknown method"), self.connection, self.kind)?;
        if let Some(number) = self.number {
            write!(f, ", told as {number:016x}")?;
        }
        self.detail.map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

/// What happened to a message that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler returned the error that its contract declares.
    Declared,
    /// The handler panicked.
    Panicked,
    /// The result could not be encoded.
    Unencodable,
    /// The result is longer than the other side takes.
    TooLarge,
    /// A guard said no.
    Denied,
    /// The arguments did not decode.
    InvalidArguments,
    /// No such method here.
    UnknownMethod,
    /// Nothing is served here.
    NoProvider,
    /// The two sides know the method with different signatures.
    SchemaMismatch,
    /// Beyond a limit, or its method was busy.
    Overloaded,
    /// Its deadline passed; for an event, the longest time that a handler gets.
    Timeout,
    /// A later call took its place.
    Replaced,
    /// The handler ended without an answer.
    NoReply,
    /// A listener failed or panicked; the message went on to the others.
    Listener,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "the handler returned its error",
            Self::Panicked => "the handler panicked",
            Self::Unencodable => "the result cannot be encoded",
            Self::TooLarge => "the result is too large",
            Self::Denied => "denied",
            Self::InvalidArguments => "the arguments do not decode",
            Self::UnknownMethod => "no such method",
            Self::NoProvider => "nothing is served",
            Self::SchemaMismatch => "the signatures differ",
            Self::Overloaded => "overloaded",
            Self::Timeout => "the deadline passed",
            Self::Replaced => "a later call took its place",
            Self::NoReply => "the handler ended without an answer",
            Self::Listener => "a listener failed",
        })
    }
}

impl FailureKind {
    /// Why this side refused a message.
    pub(crate) const fn of(class: FailClass) -> Self {
        match class {
            FailClass::Declared => Self::Declared,
            FailClass::Timeout => Self::Timeout,
            FailClass::Cancelled => Self::Replaced,
            FailClass::UnknownMethod => Self::UnknownMethod,
            FailClass::NoProvider | FailClass::NotAccepted => Self::NoProvider,
            FailClass::NoReply => Self::NoReply,
            FailClass::SchemaMismatch => Self::SchemaMismatch,
            FailClass::InvalidArguments => Self::InvalidArguments,
            FailClass::Overloaded => Self::Overloaded,
            FailClass::Denied => Self::Denied,
            FailClass::TooLarge => Self::TooLarge,
            FailClass::Internal => Self::Panicked,
        }
    }
}

/// What an application is told failures by.
#[derive(Clone)]
pub struct FailureHook(Arc<dyn Fn(&Failure<'_>) + Send + Sync>);

impl FailureHook {
    /// Tells `hook`, in the task of the connection: it must be quick. A panic in it is logged and goes no further.
    pub fn new(hook: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(crate) fn tell(&self, failure: &Failure<'_>) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(failure))).is_err() {
            tracing::error!(method = failure.method, "the failure hook panicked");
        }
    }
}

impl fmt::Debug for FailureHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailureHook")
    }
}

/// The message that a handler is for, where its failure is told.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) connection: ConnectionId,
    pub(crate) method: &'static str,
    pub(crate) event_id: u64,
    pub(crate) hook: Option<FailureHook>,
}

impl Report {
    /// Tells of a failure.
    pub(crate) fn failed(&self, kind: FailureKind, detail: Option<&str>) {
        self.tell(kind, None, detail);
    }

    /// Logs and tells a failure of this side's own making, under a fresh number, which is all that the peer learns of it
    /// (R16).
    pub(crate) fn internal(&self, kind: FailureKind, error: &str) -> u64 {
        let number = number();
        log(self.method, number, error);
        self.tell(kind, Some(number), Some(error));
        number
    }

    fn tell(&self, kind: FailureKind, number: Option<u64>, detail: Option<&str>) {
        if let Some(hook) = &self.hook {
            let (connection, event_id) = (self.connection, self.event_id);
            hook.tell(&Failure { connection, method: Some(self.method), event_id, kind, number, detail });
        }
    }
}

/// Logs a failure that belongs to no message.
pub(crate) fn log_internal(what: &'static str, error: &str) {
    log(what, number(), error);
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// Unlike a counter, a random number tells the peer nothing about this process.
fn number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn log(method: &'static str, number: u64, error: &str) {
    tracing::error!(method, number = format_args!("{number:016x}"), error, "a handler failed");
}
