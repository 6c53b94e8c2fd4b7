//! An event on its way out: the future that every event method of a remote returns.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::call::metadata;
use crate::clock;
use crate::codec::{Body, EncodeError};
use crate::context::CallOptions;
use crate::engine::{Begun, Content, Key, Outcome, Outgoing, Refused, Sends, SharedFrame};
use crate::error::SendError;
use crate::interceptor::{Leaving, Stopped};
use crate::peer::Peer;
use crate::service::scope::Awaited;
use crate::service::{MethodId, MethodSpec, Streams};
use crate::shared::Shared;

/// The ids of a message that was sent (R19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessageIds {
    /// The message's own id, unique among those alive on its connection.
    pub event_id: u64,
    /// The message that it answers, if it answers one.
    pub reply_to: Option<u64>,
}

/// An event: `remote.memo(text).await`. Resolves when it is in the outbox of the connection, in order.
///
/// Where the other side has no credit left, or the outbox is full, it waits at most `Limits::send_timeout` (R12).
///
/// # Errors
/// See [`SendError`].
///
/// # Cancel safety
/// Dropping it while the event waits means that it is not sent; once its turn has come it is, resolved or not.
#[must_use = "an event is sent when it is awaited"]
pub struct Sending {
    shared: Arc<Shared>,
    id: MethodId,
    method: &'static MethodSpec,
    options: Option<Arc<CallOptions>>,
    /// The message that this one answers.
    reply_to: Option<u64>,
    /// Whether it is the first answer to a message whose sender waits for it.
    answers: bool,
    /// The sending handler is known to wait, until this ends.
    awaited: Option<Awaited>,
    state: State,
}

enum State {
    Unencodable(EncodeError),
    /// An answer to a broadcast (R19).
    Unanswerable,
    Unsent(Content),
    Entered(Key),
    Over,
}

impl Sending {
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: MethodId,
        method: &'static MethodSpec,
        body: Result<Body, EncodeError>,
        options: Option<Arc<CallOptions>>,
    ) -> Self {
        let state = match body {
            Ok(body) => State::Unsent(body.into()),
            Err(error) => State::Unencodable(error),
        };
        Self { shared, id, method, options, reply_to: None, answers: false, awaited: None, state }
    }

    /// A broadcast to one who shall be waited for; it has passed the interceptors.
    pub(crate) const fn broadcast(
        shared: Arc<Shared>,
        id: MethodId,
        method: &'static MethodSpec,
        frame: SharedFrame,
    ) -> Self {
        let state = State::Unsent(Content::Frame(frame));
        Self { shared, id, method, options: None, reply_to: None, answers: false, awaited: None, state }
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

    /// Sends the event if the connection is still there; a connection that has ended is no error (R22).
    ///
    /// # Errors
    /// Every [`SendError`] except `Closed`; `None` where the connection has ended.
    ///
    /// # Cancel safety
    /// As for the event itself.
    pub async fn lossy(self) -> Result<Option<MessageIds>, SendError> {
        match self.await {
            Ok(ids) => Ok(Some(ids)),
            Err(SendError::Closed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends the event now or not at all, without waiting for credit or room.
    ///
    /// # Errors
    /// [`SendError::Full`] where it would have to wait; else as awaiting it.
    pub fn now(mut self) -> Result<MessageIds, SendError> {
        let mut cx = Context::from_waker(Waker::noop());
        // Dropped where it waits, it is not sent.
        match Pin::new(&mut self).poll(&mut cx) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Err(SendError::Full),
        }
    }

    /// Sends the event without waiting: where there is no credit or room it is sent when there is, in its turn, though
    /// nobody awaits it. Waiting ones are at most `Limits::max_waiting`, and wait at most `Limits::send_timeout`.
    ///
    /// # Errors
    /// Why it will not be sent, as far as that is known now.
    pub fn start(mut self) -> Result<(), SendError> {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(sent) = Pin::new(&mut self).poll(&mut cx) {
            return sent.map(drop);
        }
        if let State::Entered(key) = std::mem::replace(&mut self.state, State::Over) {
            self.shared.ask(|engine| engine.detach(key));
        }
        Ok(())
    }

    fn intercept(&mut self, content: Content) -> Result<Content, SendError> {
        let Some(interceptors) = &self.shared.interceptors else { return Ok(content) };
        let Content::Own(body) = content else { return Ok(content) };
        let peer = Peer::new(Arc::clone(&self.shared));
        let (method, id, options) = (self.method.name, self.id, self.options.as_deref());
        let began = clock::now();
        let leaving = Leaving { interceptors, peer: &peer, method, id, is_call: false, options, began };
        let (id, body) = leaving.send(body).map_err(denied)?;
        self.id = id;
        Ok(body.into())
    }

    fn begin(&mut self, content: Content, cx: &Context<'_>) -> Poll<Outcome> {
        let now = clock::now();
        let message = Outgoing {
            method: self.id,
            kind: Sends::Event,
            streams: Streams::Nothing,
            depth: 0,
            deadline: now + self.shared.limits.send_timeout,
            reply_to: self.reply_to,
            answers: self.answers,
            metadata: metadata(self.options.as_deref()),
            content,
        };
        let waker = cx.waker().clone();
        match self.shared.ask(|engine| engine.begin(now, message, waker)) {
            Begun::Over(outcome) => Poll::Ready(outcome),
            Begun::Entered(key) => {
                self.state = State::Entered(key);
                self.awaited = Awaited::by_current();
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
}

impl Future for Sending {
    type Output = Result<MessageIds, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match std::mem::replace(&mut self.state, State::Over) {
            State::Unencodable(error) => return Poll::Ready(Err(unencodable(&error))),
            State::Unanswerable => return Poll::Ready(Err(SendError::Broadcast)),
            State::Unsent(content) => match self.intercept(content) {
                Ok(content) => self.begin(content, cx),
                Err(error) => return Poll::Ready(Err(error)),
            },
            State::Entered(key) => self.poll_entered(key, cx),
            // Polled again after its outcome, against the contract of futures.
            State::Over => return Poll::Ready(Err(SendError::Full)),
        };
        match outcome {
            Poll::Ready(outcome) => {
                self.awaited = None;
                Poll::Ready(sent(outcome, self.reply_to))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let State::Entered(key) = self.state {
            self.shared.with(|engine, effects| engine.abandon(clock::now(), key, effects));
        }
    }
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sending").field("method", &self.method.name).finish_non_exhaustive()
    }
}

/// A declared error has nobody to go to where no result is awaited.
fn denied(stopped: Stopped) -> SendError {
    drop(stopped.into_error());
    SendError::Denied
}

fn unencodable(error: &EncodeError) -> SendError {
    match error {
        EncodeError::TooLarge { .. } => SendError::TooLarge,
        EncodeError::Unsupported(text) => {
            tracing::warn!(error = %text, "the arguments of an event cannot be encoded");
            SendError::InvalidArguments
        }
    }
}

fn sent(outcome: Outcome, reply_to: Option<u64>) -> Result<MessageIds, SendError> {
    match outcome {
        Outcome::Sent(event_id) => Ok(MessageIds { event_id, reply_to }),
        Outcome::Closed(info) => Err(SendError::Closed(info)),
        Outcome::Refused(Refused::NotAccepted) => Err(SendError::NotAccepted),
        Outcome::Refused(Refused::SchemaMismatch) => Err(SendError::SchemaMismatch),
        Outcome::Refused(Refused::TooLarge) => Err(SendError::TooLarge),
        // The others are outcomes of calls, or mean that no room came.
        Outcome::Refused(Refused::Overloaded | Refused::InvalidReply)
        | Outcome::Timeout(_)
        | Outcome::Cancelled(_)
        | Outcome::Returned(_)
        | Outcome::Answered(_)
        | Outcome::Opened(_)
        | Outcome::Failed(..) => Err(SendError::Full),
    }
}
