//! A call in the making, on its way, or answered: the future that every call method of a remote returns.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::clock;
use crate::codec::{Body, EncodeError, Sharing};
use crate::context::CallOptions;
use crate::engine::{Begun, Content, Held, Key, Outcome, Outgoing, Refused, Sends};
use crate::error::{CallError, Fate, Never};
use crate::failure::Report;
use crate::interceptor::{Interceptors, Leaving, Outcome as Completed, Stopped};
use crate::peer::Peer;
use crate::protocol::{FailClass, encode};
use crate::service::scope::{self, Scope, ScopeGuard};
use crate::service::{Contract, MethodId, MethodSpec, Payload, Responder, Written};
use crate::shared::Shared;
use crate::stream::{ItemSink, Upload, Uploading};

/// A call: `remote.add(2, 3).await`. It is sent when first polled, and its deadline counts from then (R14).
///
/// It borrows nothing, so it may be spawned, joined and kept.
///
/// # Errors
/// Exactly one of the outcomes of [`CallError`] (R13).
///
/// # Cancel safety
/// Dropping it cancels the call: one that waits is never sent, one that was sent is cancelled at the callee, which
/// drops the handler where it stands.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T, E = Never> {
    raw: RawCall,
    types: PhantomData<fn() -> (T, E)>,
}

impl<T: Payload, E: Payload> Call<T, E> {
    pub(crate) const fn of(raw: RawCall) -> Self {
        Self { raw, types: PhantomData }
    }
}

impl<T: Payload, E: Payload> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = match self.raw.poll(cx) {
            Poll::Ready(reply) => reply,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match reply {
            Reply::Value(body) => decode(&self.raw.shared, &body).ok_or(CallError::InvalidReply),
            Reply::Declared(body) => {
                Err(decode(&self.raw.shared, &body).map_or(CallError::InvalidReply, CallError::App))
            }
            Reply::Failed(error) => Err(error.widen()),
            // The method streams values, and this asked for one.
            Reply::Opened(flow) => {
                self.raw.refuse(flow);
                Err(CallError::InvalidReply)
            }
        })
    }
}

impl<T, E> std::fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("method", &self.raw.method.name).finish_non_exhaustive()
    }
}

/// A call made with an enum of messages, of which the enum of results is the outcome: `peer.call::<CalculatorRemote>(event)`.
///
/// # Errors
/// As [`Call`]; the error that a method declares is part of the enum of results.
///
/// # Cancel safety
/// As [`Call`].
#[must_use = "a call is sent when it is awaited"]
pub struct EventCall<R: Contract> {
    raw: RawCall,
    index: usize,
    types: PhantomData<fn() -> R>,
}

impl<R: Contract> EventCall<R> {
    pub(crate) fn new(shared: Arc<Shared>, written: Written) -> Self {
        let Written { id, method, index, body, .. } = written;
        Self { raw: RawCall::new(shared, id, method, body, None, None), index, types: PhantomData }
    }
}

impl<R: Contract> Future for EventCall<R> {
    type Output = Result<R::Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let index = self.index;
        let raw = &mut self.raw;
        let reply = match raw.poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Reply::Opened(flow)) => {
                raw.refuse(flow);
                Reply::Failed(CallError::InvalidReply)
            }
            Poll::Ready(reply) => reply,
        };
        Poll::Ready(R::reply(index, RawReply { reply, shared: Arc::clone(&raw.shared) }))
    }
}

impl<R: Contract> std::fmt::Debug for EventCall<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventCall").field("method", &self.raw.method.name).finish_non_exhaustive()
    }
}

/// What became of a call, its result not decoded yet.
pub struct RawReply {
    reply: Reply,
    shared: Arc<Shared>,
}

impl RawReply {
    /// The value, or the error that the method declares.
    ///
    /// # Errors
    /// The call failed otherwise, or its result does not decode.
    pub fn decode<T: Payload, E: Payload>(self) -> Result<Result<T, E>, CallError> {
        match &self.reply {
            Reply::Value(body) => decode(&self.shared, body).map(Ok).ok_or(CallError::InvalidReply),
            Reply::Declared(body) => decode(&self.shared, body).map(Err).ok_or(CallError::InvalidReply),
            Reply::Failed(error) => Err(error.clone()),
            // Made into a failure before.
            Reply::Opened(_) => Err(CallError::InvalidReply),
        }
    }

    /// The value of a method that declares no error.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn value<T: Payload>(self) -> Result<T, CallError> {
        self.decode::<T, Never>().map(|outcome| match outcome {
            Ok(value) => value,
            Err(never) => match never {},
        })
    }
}

impl std::fmt::Debug for RawReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawReply").finish_non_exhaustive()
    }
}

pub(crate) fn decode<T: Payload>(shared: &Shared, body: &Held) -> Option<T> {
    let decoded = shared.encoding.decode_from(body.shared(), body.as_slice(), &shared.limits.decode());
    if let Err(error) = &decoded {
        tracing::debug!(%error, "a reply does not decode");
    }
    decoded.ok().map(|Sharing(value)| value)
}

/// A call without its types, so that each type adds only its decoding.
pub(crate) struct RawCall {
    shared: Arc<Shared>,
    id: MethodId,
    method: &'static MethodSpec,
    options: Option<Arc<CallOptions>>,
    state: State,
    /// When interceptors saw it first, where there are any.
    began: Option<std::time::Instant>,
    /// The handler's call in whose scope it was made: ends with that, and is awaited by it. Most are made by none.
    under: Option<Box<ScopeGuard>>,
    /// What is uploaded once the call is made.
    upload: Option<Uploading>,
}

enum State {
    Unencodable(EncodeError),
    Unsent(Content),
    /// The engine has an entry.
    Entered(Key),
    Over,
}

pub(crate) enum Reply {
    Value(Held),
    Opened(Key),
    Declared(Held),
    Failed(CallError),
}

impl RawCall {
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: MethodId,
        method: &'static MethodSpec,
        content: Result<impl Into<Content>, EncodeError>,
        options: Option<Arc<CallOptions>>,
        upload: Option<Uploading>,
    ) -> Self {
        let state = match content {
            Ok(content) => State::Unsent(content.into()),
            Err(error) => State::Unencodable(error),
        };
        Self { shared, id, method, options, state, began: None, under: None, upload }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// What ends the call from outside ends its stream as well.
    pub(crate) fn take_end(&mut self) -> ScopeGuard {
        self.under.take().map_or_else(ScopeGuard::default, |under| *under)
    }

    pub(crate) const fn method(&self) -> &'static str {
        self.method.name
    }

    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Reply> {
        let outcome = match self.state {
            State::Entered(key) => self.poll_entered(key, cx),
            _ => match self.leave(cx) {
                Ok(outcome) => outcome,
                Err(reply) => return Poll::Ready(reply),
            },
        };
        match outcome {
            Poll::Ready(outcome) => {
                // A stream is awaited for as long as it is read.
                if !matches!(outcome, Outcome::Opened(_)) {
                    self.under = None;
                }
                Poll::Ready(match self.began {
                    None => reply(outcome),
                    Some(began) => self.intercept_complete(reply(outcome), began),
                })
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Polled for the first time.
    fn leave(&mut self, cx: &Context<'_>) -> Result<Poll<Outcome>, Reply> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Unencodable(error) => Err(Reply::Failed(unencodable(&error))),
            State::Unsent(content) if self.shared.interceptors.is_none() => Ok(self.begin(content, cx)),
            State::Unsent(content) => {
                let content = self.intercept_send(content).map_err(replied)?;
                Ok(self.begin(content, cx))
            }
            // Polled again after its outcome, against the contract of futures.
            State::Entered(_) | State::Over => Err(Reply::Failed(CallError::Cancelled(Fate::Unknown))),
        }
    }

    fn intercept_send(&mut self, content: Content) -> Result<Content, Stopped> {
        let Some(interceptors) = &self.shared.interceptors else { return Ok(content) };
        let body = match content {
            Content::Own(body) => body,
            Content::Shared(bytes) => Body::from_bytes(&bytes),
            // Never a call.
            Content::Frame(_) => return Ok(content),
        };
        let peer = Peer::new(Arc::clone(&self.shared));
        let began = clock::now();
        let (id, body) = self.leaving(interceptors, &peer, began).send(body)?;
        (self.began, self.id) = (Some(began), id);
        Ok(body.into())
    }

    fn intercept_complete(&self, reply: Reply, began: std::time::Instant) -> Reply {
        let Some(interceptors) = &self.shared.interceptors else { return reply };
        let peer = Peer::new(Arc::clone(&self.shared));
        let leaving = self.leaving(interceptors, &peer, began);
        let completed = match &reply {
            Reply::Value(body) => leaving.complete(body.as_slice(), Completed::Value),
            Reply::Declared(body) => leaving.complete(body.as_slice(), Completed::Declared),
            Reply::Failed(error) => leaving.complete(&[], Completed::Failed(error)),
            // Its values come later, and pass no interceptor.
            Reply::Opened(_) => leaving.complete(&[], Completed::Opened),
        };
        match (completed, reply) {
            (Err(stopped), Reply::Opened(flow)) => {
                self.refuse(flow);
                replied(stopped)
            }
            (Err(stopped), _) => replied(stopped),
            (Ok(Some(body)), Reply::Value(_)) => Reply::Value(Held::own(&body)),
            (Ok(Some(body)), Reply::Declared(_)) => Reply::Declared(Held::own(&body)),
            (Ok(_), reply) => reply,
        }
    }

    fn leaving<'a>(
        &'a self,
        interceptors: &'a Interceptors,
        peer: &'a Peer,
        began: std::time::Instant,
    ) -> Leaving<'a> {
        let (method, id, options) = (self.method.name, self.id, self.options.as_deref());
        Leaving { interceptors, peer, method, id, is_call: true, options, began }
    }

    fn begin(&mut self, content: Content, cx: &Context<'_>) -> Poll<Outcome> {
        let now = clock::now();
        let caller = scope::current();
        self.under = caller.and_then(|_| ScopeGuard::of_current());
        let message = Outgoing {
            method: self.id,
            kind: Sends::Call,
            streams: self.method.streams,
            depth: caller.map_or(0, |caller| caller.depth.saturating_add(1)),
            deadline: self.deadline(now, caller),
            reply_to: None,
            answers: false,
            metadata: metadata(self.options.as_deref()),
            content,
        };
        if self.scope_ended(cx) {
            return Poll::Ready(Outcome::Cancelled(Fate::NotSent));
        }
        let (depth, deadline) = (message.depth, message.deadline);
        let waker = cx.waker().clone();
        match self.shared.ask(|engine| engine.begin(now, message, waker)) {
            Begun::Over(outcome) => Poll::Ready(outcome),
            Begun::Entered(key) => {
                self.state = State::Entered(key);
                if let Some(upload) = self.upload.take() {
                    // A stream of values goes on without a deadline, and its upload with it (R14).
                    let deadline = if self.method.streams.down() { None } else { Some(deadline) };
                    self.begin_upload(key, upload, Scope { depth, deadline });
                }
                Poll::Pending
            }
        }
    }

    fn begin_upload(&self, call: Key, upload: Uploading, scope: Scope) {
        let sized = self.shared.ask(|engine| engine.flow_of(call).map(|flow| (flow, engine.max_answer())));
        // Over already.
        let Some(((flow, event_id), max_item)) = sized else { return };
        let responder = Responder::new(self.shared.encoding, max_item);
        let future = upload(ItemSink::new(Arc::clone(&self.shared), Some(flow), responder));
        let report = Report {
            connection: self.shared.id,
            method: self.method.name,
            event_id,
            hook: self.shared.on_failure.clone(),
        };
        self.shared.upload(Upload { flow, future, scope, report });
    }

    fn poll_entered(&mut self, key: Key, cx: &Context<'_>) -> Poll<Outcome> {
        if self.scope_ended(cx) {
            self.state = State::Over;
            let fate = self.shared.with(|engine, effects| engine.abandon(clock::now(), key, effects));
            return Poll::Ready(Outcome::Cancelled(fate));
        }
        let outcome = self.shared.poll_outcome(key, cx.waker());
        if outcome.is_ready() {
            self.state = State::Over;
        }
        outcome
    }

    /// The call's own deadline, else the method's, else the connection's; never beyond that of the calling handler.
    fn deadline(&self, now: std::time::Instant, caller: Option<scope::Scope>) -> std::time::Instant {
        let limits = &self.shared.limits;
        let own = self.options.as_ref().and_then(|options| options.deadline).or(self.method.timeout);
        let deadline = now + own.unwrap_or(limits.call_timeout).min(limits.max_call_timeout);
        caller.and_then(|caller| caller.deadline).map_or(deadline, |inherited| deadline.min(inherited))
    }

    fn scope_ended(&mut self, cx: &Context<'_>) -> bool {
        self.under.as_mut().is_some_and(|under| under.has_ended(cx.waker()))
    }

    /// The stream was opened for nobody.
    pub(crate) fn refuse(&self, flow: Key) {
        self.shared.with(|engine, effects| engine.drop_reader(clock::now(), flow, effects));
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        if let State::Entered(key) = self.state {
            self.shared.with(|engine, effects| engine.abandon(clock::now(), key, effects));
        }
    }
}

/// What the caller hears where an interceptor stopped a call, or its outcome.
fn replied(stopped: Stopped) -> Reply {
    stopped.into_error().map_or_else(Reply::Failed, |body| Reply::Declared(Held::own(&body)))
}

/// The metadata of these options as it travels; empty for none.
pub(crate) fn metadata(options: Option<&CallOptions>) -> Vec<u8> {
    match options.and_then(|options| options.metadata.as_ref()) {
        Some(pairs) if !pairs.is_empty() => encode::metadata(pairs),
        _ => Vec::new(),
    }
}

pub(crate) fn unencodable(error: &EncodeError) -> CallError {
    match error {
        EncodeError::TooLarge { .. } => CallError::TooLarge(Fate::NotSent),
        EncodeError::Unsupported(text) => {
            tracing::warn!(error = %text, "the arguments of a call cannot be encoded");
            CallError::InvalidArguments
        }
    }
}

fn reply(outcome: Outcome) -> Reply {
    let error = match outcome {
        Outcome::Returned(body) => return Reply::Value(body),
        Outcome::Opened(flow) => return Reply::Opened(flow),
        Outcome::Failed(FailClass::Declared, body) => return Reply::Declared(body),
        Outcome::Failed(class, body) => failed(class, &body),
        Outcome::Timeout(fate) => CallError::Timeout(fate),
        Outcome::Cancelled(fate) => CallError::Cancelled(fate),
        // Outcomes of events, never a call's.
        Outcome::Sent(_) | Outcome::Answered(_) => CallError::Cancelled(Fate::Unknown),
        Outcome::Closed(info) => CallError::Closed(info),
        Outcome::Refused(refused) => refusal(refused),
    };
    Reply::Failed(error)
}

/// Why nothing was sent.
pub(crate) const fn refusal(refused: Refused) -> CallError {
    match refused {
        Refused::NotAccepted => CallError::NotAccepted,
        Refused::SchemaMismatch => CallError::SchemaMismatch,
        Refused::TooLarge => CallError::TooLarge(Fate::NotSent),
        Refused::Overloaded => CallError::Overloaded,
        Refused::InvalidReply => CallError::InvalidReply,
    }
}

fn failed(class: FailClass, body: &Held) -> CallError {
    match class {
        FailClass::Timeout => CallError::Timeout(Fate::Unknown),
        FailClass::Cancelled | FailClass::Declared => CallError::Cancelled(Fate::Unknown),
        FailClass::UnknownMethod => CallError::UnknownMethod,
        FailClass::NoProvider => CallError::NoProvider,
        FailClass::NoReply => CallError::NoReply,
        FailClass::SchemaMismatch => CallError::SchemaMismatch,
        FailClass::InvalidArguments => CallError::InvalidArguments,
        FailClass::Overloaded => CallError::Overloaded,
        FailClass::Denied => CallError::Denied,
        FailClass::TooLarge => CallError::TooLarge(Fate::Unknown),
        FailClass::NotAccepted => CallError::NotAccepted,
        FailClass::Internal => {
            let number = body.as_slice().try_into().map_or(0, u64::from_le_bytes);
            CallError::Internal(number)
        }
    }
}
