//! A message on its way, and the wait for the one that answers it.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::call::{refusal, unencodable};
use crate::clock;
use crate::codec::{Body, EncodeError};
use crate::engine::{Answered, Begun, Key, Outcome, Outgoing, Sends};
use crate::error::{CallError, Fate};
use crate::interceptor::{Leaving, Stopped};
use crate::message::{Message, MessageHandle};
use crate::peer::Peer;
use crate::service::scope::Awaited;
use crate::service::{
    Event, Invocation, InvocationParts, MethodId, MethodSpec, MethodTable, Streams, Written, event_table,
};
use crate::shared::Shared;

/// A message and the wait for its answer: `peer.ask(event).await`. It is sent when first polled, and its deadline, by
/// default `Limits::call_timeout`, counts from then; the bookkeeping ends exactly there (R21).
///
/// Any message of the same contract may answer it; that goes to this future and to nobody else, after observers have
/// seen it (R20).
///
/// # Errors
/// `Timeout` where no answer came, also because the other side does not serve the contract: a message without an answer
/// tells nothing. `InvalidReply` where the answer is none of the contract's messages. Else as a call.
///
/// # Cancel safety
/// Dropped, an answer that comes later goes the normal way, as a message like any other.
#[must_use = "a message is sent when it is awaited"]
pub struct Ask<V> {
    shared: Arc<Shared>,
    id: MethodId,
    method: &'static MethodSpec,
    reply_to: Option<u64>,
    /// Whether it is the first answer to a message whose sender waits for it.
    answers: bool,
    within: Option<Duration>,
    /// The asking handler is known to wait, until this ends.
    awaited: Option<Awaited>,
    state: State,
    types: PhantomData<fn() -> V>,
}

enum State {
    Unencodable(EncodeError),
    /// An answer to a broadcast (R19).
    Unanswerable,
    Unsent(Body),
    Entered(Key),
    Over,
}

impl<V: Event> Ask<V> {
    pub(crate) fn new(shared: Arc<Shared>, written: Written) -> Self {
        let Written { id, method, body, .. } = written;
        let state = match body {
            Ok(body) => State::Unsent(body),
            Err(error) => State::Unencodable(error),
        };
        Self {
            shared,
            id,
            method,
            reply_to: None,
            answers: false,
            within: None,
            awaited: None,
            state,
            types: PhantomData,
        }
    }

    /// The same as an answer to the message `event_id`.
    pub(crate) fn answering(mut self, event_id: u64, answers: bool) -> Self {
        self.answers = answers;
        if event_id == 0 {
            self.state = State::Unanswerable;
        }
        self.reply_to = Some(event_id);
        self
    }

    /// Waits this long for the answer, at most `Limits::max_call_timeout`.
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    fn intercept(&mut self, body: Body) -> Result<Body, CallError> {
        let Some(interceptors) = &self.shared.interceptors else { return Ok(body) };
        let peer = Peer::new(Arc::clone(&self.shared));
        let (method, id, began) = (self.method.name, self.id, clock::now());
        let leaving = Leaving { interceptors, peer: &peer, method, id, is_call: false, options: None, began };
        // A declared error has no meaning here: an answer is a message.
        let stopped = |stopped: Stopped| stopped.into_error().err().unwrap_or(CallError::Denied);
        let (id, body) = leaving.send(body).map_err(stopped)?;
        self.id = id;
        Ok(body)
    }

    fn begin(&mut self, body: Body, cx: &Context<'_>) -> Poll<Outcome> {
        let now = clock::now();
        let limits = &self.shared.limits;
        let within = self.within.unwrap_or(limits.call_timeout).min(limits.max_call_timeout);
        let message = Outgoing {
            method: self.id,
            kind: Sends::Ask,
            streams: Streams::Nothing,
            depth: 0,
            deadline: now + within,
            reply_to: self.reply_to,
            answers: self.answers,
            metadata: Vec::new(),
            content: body.into(),
        };
        self.awaited = Awaited::by_current();
        let waker = cx.waker().clone();
        match self.shared.ask(|engine| engine.begin(now, message, waker)) {
            Begun::Over(outcome) => Poll::Ready(outcome),
            Begun::Entered(key) => {
                self.state = State::Entered(key);
                Poll::Pending
            }
        }
    }

    fn poll_entered(&mut self, key: Key, cx: &Context<'_>) -> Poll<Outcome> {
        let outcome = self.shared.poll_outcome(key, cx.waker());
        if outcome.is_pending() {
            self.state = State::Entered(key);
        }
        outcome
    }

    fn answered(&self, answer: Answered) -> Result<Message<V>, CallError> {
        let table = event_table::<V>();
        let index = table.index(answer.method).ok_or(CallError::InvalidReply)?;
        let parts = InvocationParts::arrived(
            &self.shared,
            &table,
            index,
            answer.event_id,
            Some(answer.reply_to),
            answer.wants_answer,
            answer.metadata,
        );
        let invocation = Invocation::of_held(&answer.body, &parts);
        let event = V::read(index, &invocation).map_err(|refusal| {
            tracing::debug!(method = self.method.name, ?refusal, "an answer does not decode");
            CallError::InvalidReply
        })?;
        Ok(Message::new(event, parts.handle()))
    }
}

impl<V: Event> Future for Ask<V> {
    type Output = Result<Message<V>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match std::mem::replace(&mut self.state, State::Over) {
            State::Unencodable(error) => return Poll::Ready(Err(unencodable(&error))),
            State::Unanswerable => return Poll::Ready(Err(CallError::NoReply)),
            State::Unsent(body) => match self.intercept(body) {
                Ok(body) => self.begin(body, cx),
                Err(error) => return Poll::Ready(Err(error)),
            },
            State::Entered(key) => self.poll_entered(key, cx),
            // Polled again after its outcome, against the contract of futures.
            State::Over => return Poll::Ready(Err(CallError::Cancelled(Fate::Unknown))),
        };
        let outcome = match outcome {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => return Poll::Pending,
        };
        self.awaited = None;
        Poll::Ready(match outcome {
            Outcome::Answered(answer) => self.answered(*answer),
            Outcome::Timeout(fate) => Err(CallError::Timeout(fate)),
            Outcome::Closed(info) => Err(CallError::Closed(info)),
            Outcome::Refused(refused) => Err(refusal(refused)),
            Outcome::Cancelled(fate) => Err(CallError::Cancelled(fate)),
            // Outcomes of calls and of events.
            Outcome::Returned(_) | Outcome::Opened(_) | Outcome::Failed(..) | Outcome::Sent(_) => {
                Err(CallError::InvalidReply)
            }
        })
    }
}

impl<V> Drop for Ask<V> {
    fn drop(&mut self) {
        if let State::Entered(key) = self.state {
            self.shared.with(|engine, effects| engine.abandon(clock::now(), key, effects));
        }
    }
}

impl<V> std::fmt::Debug for Ask<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("method", &self.method.name).finish_non_exhaustive()
    }
}

/// What tells the first answer from those that follow.
pub(crate) fn asked(wants_answer: bool) -> Option<Arc<AtomicBool>> {
    wants_answer.then(|| Arc::new(AtomicBool::new(true)))
}

impl InvocationParts {
    /// Of a message that no handler is for.
    pub(crate) fn arrived(
        shared: &Arc<Shared>,
        table: &MethodTable,
        index: usize,
        event_id: u64,
        reply_to: Option<u64>,
        wants_answer: bool,
        metadata: Option<crate::context::Metadata>,
    ) -> Self {
        let spec = table.spec(index);
        Self {
            peer: Peer::new(Arc::clone(shared)),
            encoding: shared.encoding,
            decode_limits: shared.limits.decode(),
            max_reply: 0,
            method: spec.map_or("", |spec| spec.name),
            streams: spec.map_or(Streams::Nothing, |spec| spec.streams),
            depth: 0,
            deadline: None,
            event_id,
            reply_to,
            asked: asked(wants_answer),
            metadata: metadata.map(Arc::new),
            awaiting: None,
            flow: None,
        }
    }

    pub(crate) fn handle(&self) -> MessageHandle {
        let (peer, asked, metadata) = (self.peer.clone(), self.asked.clone(), self.metadata.clone());
        MessageHandle::new(peer, self.event_id, self.reply_to, asked, metadata)
    }
}
