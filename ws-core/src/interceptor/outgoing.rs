//! The two points of the sender's side.

use std::time::Instant;

use super::chain::{Passed, Stopped, Subject};
use super::{Interceptors, Outcome};
use crate::codec::Body;
use crate::context::{CallOptions, Metadata};
use crate::peer::Peer;
use crate::service::MethodId;

/// A message of this side, as its interceptors see it.
pub(crate) struct Leaving<'a> {
    pub(crate) interceptors: &'a Interceptors,
    pub(crate) peer: &'a Peer,
    pub(crate) method: &'static str,
    pub(crate) id: MethodId,
    pub(crate) is_call: bool,
    pub(crate) options: Option<&'a CallOptions>,
    pub(crate) began: Instant,
}

impl Leaving<'_> {
    /// Before it leaves: what it is now, or why it does not.
    pub(crate) fn send(&self, body: Body) -> Result<(MethodId, Body), Stopped> {
        let Passed { replaced, rerouted } = self.interceptors.send(self.subject(), body.payload())?;
        Ok((rerouted.unwrap_or(self.id), replaced.unwrap_or(body)))
    }

    /// Before its outcome is told: another body for it, or why it is another.
    pub(crate) fn complete(&self, body: &[u8], outcome: Outcome<'_>) -> Result<Option<Body>, Stopped> {
        Ok(self.interceptors.complete(self.subject(), body, outcome)?.replaced)
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            peer: self.peer,
            method: self.method,
            id: self.id,
            is_call: self.is_call,
            event_id: None,
            metadata: self.metadata(),
            began: self.began,
            limit: self.peer.max_arguments(),
        }
    }

    fn metadata(&self) -> Option<&Metadata> {
        self.options.and_then(|options| options.metadata.as_ref())
    }
}
