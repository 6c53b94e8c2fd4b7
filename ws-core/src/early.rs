//! A message that came before the acceptance, in the hands of the acceptor.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::codec::{Body, DecodeError, EncodeError, Sharing};
use crate::context::Metadata;
use crate::engine::{EarlyNext, EarlyTaken, Verdict};
use crate::protocol::FailClass;
use crate::service::{Event, Invocation, InvocationParts, MethodId, Payload, Refusal, event_table};
use crate::shared::Shared;

/// A call or an event that a client sent before it was accepted, taken by the acceptor (R8,
/// [`EarlyFrames::Accept`](crate::EarlyFrames::Accept)).
///
/// The acceptor handles it in the provider's stead: guards and interceptors do not see it.
///
/// What is answered is held until the acceptance, and never sent after a rejection. A call whose message is dropped
/// unanswered fails `NoReply` then; the deadline of a call goes on meanwhile.
#[must_use = "a message that is dropped is not handled by the provider; leave it to it with `leave`"]
pub struct EarlyMessage {
    shared: Arc<Shared>,
    taken: EarlyTaken,
    done: bool,
}

/// An answer that cannot be sent. The caller gets a failure in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EarlyAnswerError {
    /// It cannot be encoded, or exceeds what the client takes: the call fails `Internal` or `TooLarge`.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answers that are held have reached `Limits::outbox_bytes`: the call fails `TooLarge`.
    #[error("no more answers are held before the acceptance")]
    Full,
}

impl EarlyMessage {
    /// The next one, or none where there will be none.
    pub(crate) async fn next(shared: &Arc<Shared>) -> Option<Self> {
        loop {
            let told = shared.news_told();
            match shared.ask(|engine| engine.take_early()) {
                EarlyNext::Message(taken) => {
                    return Some(Self { shared: Arc::clone(shared), taken: *taken, done: false });
                }
                EarlyNext::Over => return None,
                EarlyNext::Nothing => told.await,
            }
        }
    }

    /// `Contract.method`, where it is a method of the server's provider.
    #[must_use]
    pub const fn method(&self) -> Option<&'static str> {
        self.taken.name
    }

    /// The method's wire identity.
    #[must_use]
    pub const fn method_id(&self) -> MethodId {
        self.taken.method
    }

    /// The message's id.
    #[must_use]
    pub const fn event_id(&self) -> u64 {
        self.taken.id
    }

    /// The message that this one answers, if it answers one.
    #[must_use]
    pub const fn reply_to(&self) -> Option<u64> {
        self.taken.reply_to
    }

    /// Whether it is a call: its sender awaits an answer.
    #[must_use]
    pub const fn wants_reply(&self) -> bool {
        self.taken.wants_reply
    }

    /// What the client sent along; none if nothing.
    #[must_use]
    pub const fn metadata(&self) -> Option<&Metadata> {
        self.taken.metadata.as_ref()
    }

    /// The arguments, still encoded.
    #[must_use]
    pub fn arguments(&self) -> &[u8] {
        &self.taken.body
    }

    /// Decodes the arguments: a tuple in the order of the signature, `()` for none. Within the limits of decoding
    /// (R35).
    ///
    /// # Errors
    /// They are not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.shared.encoding.decode(&self.taken.body, &self.shared.limits.decode())
    }

    /// Reads the message as one of a contract's: `message.event::<ChatEvent>()`.
    ///
    /// # Errors
    /// [`Refusal::UnknownMethod`] where it is none of that contract's, [`Refusal::InvalidArguments`] where its arguments
    /// do not decode.
    pub fn event<V: Event>(&self) -> Result<V, Refusal> {
        let table = event_table::<V>();
        let index = table.index(self.taken.method).ok_or(Refusal::UnknownMethod)?;
        let (id, reply_to, metadata) = (self.taken.id, self.taken.reply_to, self.taken.metadata.clone());
        let parts = InvocationParts::arrived(&self.shared, &table, index, id, reply_to, false, metadata);
        V::read(index, &Invocation::new(&self.taken.body, &parts))
    }

    /// Answers the call with a value; for an event this does nothing.
    ///
    /// # Errors
    /// [`EarlyAnswerError`]; the caller gets the matching failure.
    pub fn answer<T: Payload>(self, value: &T) -> Result<(), EarlyAnswerError> {
        self.encoded(value, Verdict::Value)
    }

    /// Answers the call with the error that its method declares.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_error<E: Payload>(self, error: &E) -> Result<(), EarlyAnswerError> {
        self.encoded(error, Verdict::Declared)
    }

    /// Refuses it; the refusal's text stays on this side.
    pub fn refuse(mut self, refusal: &Refusal) {
        self.end(Verdict::Fail(refusal.class()));
    }

    /// Leaves it to the provider, to be handled after the acceptance, in its place among the others.
    pub fn leave(mut self) {
        let left = self.shared.ask(|engine| engine.leave_early(self.taken.ticket));
        // Where the acceptance has been, it is too late: the call ends unanswered.
        self.done = left;
    }

    fn encoded<T: Payload>(
        mut self,
        value: &T,
        verdict: fn(Body) -> Verdict,
    ) -> Result<(), EarlyAnswerError> {
        if !self.taken.wants_reply {
            self.end(Verdict::Nothing);
            return Ok(());
        }
        if !self.shared.look(|engine| engine.holds_early()) {
            self.end(Verdict::Fail(FailClass::TooLarge));
            return Err(EarlyAnswerError::Full);
        }
        match self.shared.encoding.encode(&Sharing(value), self.taken.max_answer) {
            Ok(body) => {
                self.end(verdict(body));
                Ok(())
            }
            Err(error @ EncodeError::TooLarge { .. }) => {
                self.end(Verdict::Fail(FailClass::TooLarge));
                Err(error.into())
            }
            Err(error) => {
                self.end(Verdict::Internal(0));
                Err(error.into())
            }
        }
    }

    fn end(&mut self, verdict: Verdict) {
        self.done = true;
        let ticket = self.taken.ticket;
        self.shared.with(|engine, effects| engine.answer_early(ticket, verdict, effects));
    }
}

/// How many early messages were dropped since the last time, once some were; 0 where it is decided.
pub(crate) async fn overflow(shared: &Arc<Shared>) -> u64 {
    loop {
        let told = shared.news_told();
        if let Some(dropped) = shared.ask(|engine| engine.early_overflow()) {
            return dropped;
        }
        told.await;
    }
}

impl Drop for EarlyMessage {
    fn drop(&mut self) {
        if !self.done {
            self.end(Verdict::Nothing);
        }
    }
}

/// Never the arguments.
impl fmt::Debug for EarlyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyMessage")
            .field("id", &self.taken.id)
            .field("method", &self.taken.name)
            .field("wants_reply", &self.taken.wants_reply)
            .finish_non_exhaustive()
    }
}
