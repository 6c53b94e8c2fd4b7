//! The interceptors of a connection, asked one after another.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::interception::Reason;
use super::{Denial, Interception, Interceptor, Outcome};
use crate::clock;
use crate::codec::Body;
use crate::context::Metadata;
use crate::error::CallError;
use crate::failure::panic_text;
use crate::peer::Peer;
use crate::service::MethodId;

/// The interceptors of a connection, in the order in which they were installed; never none.
#[derive(Clone)]
pub(crate) struct Interceptors(Arc<[Arc<dyn Interceptor>]>);

/// Which message it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) method: &'static str,
    pub(crate) id: MethodId,
    pub(crate) is_call: bool,
    pub(crate) event_id: Option<u64>,
    pub(crate) metadata: Option<&'a Metadata>,
    pub(crate) began: Instant,
    /// What a replaced body may be long.
    pub(crate) limit: usize,
}

/// What is left of a message that passed.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) replaced: Option<Body>,
    pub(crate) rerouted: Option<MethodId>,
}

/// Why one did not pass.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// For this reason, which stays on this side.
    Denied(String),
    /// With this error, as the method declares it.
    Declared(Body),
    /// An interceptor panicked, with this text.
    Panicked(String),
}

type Point = fn(&dyn Interceptor, &mut Interception<'_>) -> Result<(), Denial>;

impl Interceptors {
    /// These, where there are any.
    pub(crate) fn of(all: &[Arc<dyn Interceptor>]) -> Option<Self> {
        (!all.is_empty()).then(|| Self(all.into()))
    }

    pub(crate) fn send(&self, subject: Subject<'_>, body: &[u8]) -> Result<Passed, Stopped> {
        self.ask(self.0.iter(), |one, message| one.send(message), subject, body, None)
    }

    pub(crate) fn receive(&self, subject: Subject<'_>, body: &[u8]) -> Result<Passed, Stopped> {
        self.ask(self.0.iter(), |one, message| one.receive(message), subject, body, None)
    }

    pub(crate) fn returns(
        &self,
        subject: Subject<'_>,
        body: &[u8],
        outcome: Outcome<'_>,
    ) -> Result<Passed, Stopped> {
        self.ask(self.0.iter().rev(), |one, message| one.returns(message), subject, body, Some(outcome))
    }

    pub(crate) fn complete(
        &self,
        subject: Subject<'_>,
        body: &[u8],
        outcome: Outcome<'_>,
    ) -> Result<Passed, Stopped> {
        self.ask(self.0.iter().rev(), |one, message| one.complete(message), subject, body, Some(outcome))
    }

    fn ask<'a>(
        &'a self,
        order: impl Iterator<Item = &'a Arc<dyn Interceptor>>,
        point: Point,
        subject: Subject<'_>,
        body: &[u8],
        outcome: Option<Outcome<'_>>,
    ) -> Result<Passed, Stopped> {
        let Subject { peer, method, id, is_call, event_id, metadata, began, limit } = subject;
        let mut message = Interception {
            peer,
            method,
            id,
            is_call,
            event_id,
            metadata,
            outcome,
            began,
            at: clock::now(),
            limit,
            body,
            replaced: None,
            rerouted: None,
        };
        for interceptor in order {
            match catch_unwind(AssertUnwindSafe(|| point(&**interceptor, &mut message))) {
                Ok(Ok(())) => {}
                Ok(Err(Denial(Reason::Private(reason)))) => return Err(Stopped::Denied(reason)),
                Ok(Err(Denial(Reason::Declared(body)))) => return Err(Stopped::Declared(body)),
                Err(panic) => return Err(Stopped::Panicked(panic_text(panic.as_ref()))),
            }
            // The next one is asked about where it goes now.
            if let Some(rerouted) = message.rerouted {
                message.id = rerouted;
            }
        }
        Ok(Passed { replaced: message.replaced, rerouted: message.rerouted })
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interceptors").field(&self.0.len()).finish()
    }
}

/// What `returns` will be asked about, kept beside the handler.
#[derive(Debug)]
pub(crate) struct Returning {
    pub(crate) interceptors: Interceptors,
    pub(crate) peer: Peer,
    pub(crate) method: &'static str,
    pub(crate) id: MethodId,
    pub(crate) event_id: u64,
    pub(crate) metadata: Option<Arc<Metadata>>,
    pub(crate) began: Instant,
    pub(crate) limit: usize,
}

impl Returning {
    /// Asks about a value, or about a declared error.
    pub(crate) fn ask(&self, body: &Body, outcome: Outcome<'_>) -> Result<Passed, Stopped> {
        let subject = Subject {
            peer: &self.peer,
            method: self.method,
            id: self.id,
            is_call: true,
            event_id: Some(self.event_id),
            metadata: self.metadata.as_deref(),
            began: self.began,
            limit: self.limit,
        };
        self.interceptors.returns(subject, body.payload(), outcome)
    }
}

impl Stopped {
    /// What the caller of a call that did not leave, or did not come back, hears; the declared error is for it to decode.
    pub(crate) fn into_error(self) -> Result<Body, CallError> {
        match self {
            Self::Declared(body) => Ok(body),
            Self::Denied(reason) => {
                tracing::debug!(reason, "an interceptor denies a message");
                Err(CallError::Denied)
            }
            Self::Panicked(text) => {
                tracing::error!(error = text, "an interceptor panicked");
                Err(CallError::Denied)
            }
        }
    }
}
