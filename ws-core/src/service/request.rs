//! Serving a contract as an actor loop: its messages, as they come, with typed reply handles.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, CallContext, HandlerFuture, Invocation, Methods, Payload, Provider, Refusal, Responder};
use crate::error::Never;
use crate::stream::{ItemSink, Uploading};

/// A contract's messages with typed reply handles: `CalculatorRequest`.
///
/// `#[ws_service]` implements this where all arguments and results are payloads.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract's request enum",
    note = "name the enum that `#[ws_service]` generated, `CalculatorRequest`; all in it must be payloads"
)]
pub trait Request: Sized + Send + 'static {
    /// The contract's methods in the order of their dense index.
    fn methods() -> Methods;

    /// How many they are.
    fn count() -> usize;

    /// Decodes the message for the method with this index.
    ///
    /// # Errors
    /// The arguments do not decode, or the method has no variant.
    fn receive(method: usize, invocation: &Invocation<'_>) -> Result<Received<Self>, Refusal>;
}

/// A request, and where its answer will come from.
#[derive(Debug)]
pub struct Received<Q> {
    request: Q,
    answer: Option<PendingAnswer>,
}

/// The other end of a reply handle.
pub struct PendingAnswer {
    answer: oneshot::Receiver<Replied>,
    sink: ItemSink,
}

impl fmt::Debug for PendingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer").finish_non_exhaustive()
    }
}

/// What a reply handle gives.
enum Replied {
    Answer(Answer),
    /// What produces a stream, given where its items go.
    Stream(Uploading),
}

impl<Q> Received<Q> {
    /// An event.
    #[must_use]
    pub const fn event(request: Q) -> Self {
        Self { request, answer: None }
    }

    /// A call, which `answer` belongs to.
    #[must_use]
    pub const fn call(request: Q, answer: PendingAnswer) -> Self {
        Self { request, answer: Some(answer) }
    }

    /// The same inside another enum.
    pub fn map<R>(self, into: impl FnOnce(Q) -> R) -> Received<R> {
        Received { request: into(self.request), answer: self.answer }
    }
}

/// Answers one call, once, from any task. Dropped without an answer, the caller hears `NoReply` at once.
#[must_use = "a reply handle that is dropped fails the call with `NoReply`"]
pub struct ReplyHandle<T, E = Never> {
    sender: oneshot::Sender<Replied>,
    responder: Responder,
    context: CallContext,
    types: PhantomData<fn(T, E)>,
}

#[expect(clippy::needless_pass_by_value, reason = "what was sent is no longer the sender's")]
impl<T: Payload, E: Payload> ReplyHandle<T, E> {
    /// A handle for this message, and its other end.
    pub fn new(invocation: &Invocation<'_>) -> (Self, PendingAnswer) {
        let (sender, receiver) = oneshot::channel();
        let (responder, context) = (invocation.responder(), invocation.context());
        let pending = PendingAnswer { answer: receiver, sink: invocation.sink() };
        (Self { sender, responder, context, types: PhantomData }, pending)
    }

    /// Answers with a value. Where the caller has given up, nothing happens.
    pub fn send(self, value: T) {
        let answer = self.responder.value(&value);
        self.answer(answer);
    }

    /// Answers with the error that the method declares.
    pub fn fail(self, error: E) {
        let answer = self.responder.error(&error);
        self.answer(answer);
    }

    /// Answers with either.
    pub fn finish(self, outcome: Result<T, E>) {
        match outcome {
            Ok(value) => self.send(value),
            Err(error) => self.fail(error),
        }
    }

    /// Answers that the call is not allowed. The caller learns `Denied`, the reason stays on this side.
    pub fn deny(self, reason: impl Into<String>) {
        let answer = self.responder.refuse(Refusal::Denied(reason.into()));
        self.answer(answer);
    }

    fn answer(self, answer: Answer) {
        // The other end is gone where the call is.
        drop(self.sender.send(Replied::Answer(answer)));
    }

    /// Answers with a stream.
    pub(crate) fn produce(self, stream: Uploading) {
        drop(self.sender.send(Replied::Stream(stream)));
    }
}

impl<T, E> ReplyHandle<T, E> {
    /// What may be asked about the call: its connection, peer, deadline and metadata.
    #[must_use]
    pub const fn context(&self) -> &CallContext {
        &self.context
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.sender.is_closed()
    }

    /// Resolves when nobody waits for the answer any more: the caller gave up, the deadline passed, or the connection
    /// ended.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn cancelled(&mut self) {
        self.sender.closed().await;
    }
}

impl<T, E> fmt::Debug for ReplyHandle<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyHandle").field("method", &self.context.method()).finish_non_exhaustive()
    }
}

/// The requests of a contract, as a stream; it ends when no provider is left to feed it.
#[must_use = "requests that nobody takes fail"]
pub struct Requests<Q> {
    receiver: mpsc::Receiver<Q>,
}

/// Serves a contract by handing its messages to a [`Requests`] stream. Cloned for more connections, all feed the one
/// stream.
pub struct RequestProvider<Q> {
    sender: mpsc::Sender<Q>,
}

/// A provider and the stream of what it receives. The stream holds at most `capacity` requests, at least 1; while it
/// is full, handlers wait: calls keep their slots, events hold back those behind them, and replies are not affected.
pub fn channel<Q: Request>(capacity: usize) -> (RequestProvider<Q>, Requests<Q>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (RequestProvider { sender }, Requests { receiver })
}

impl<Q> Requests<Q> {
    /// The next request; `None` once no provider is left to feed the stream.
    ///
    /// # Cancel safety
    /// Safe: a request is either returned or still there.
    pub async fn next(&mut self) -> Option<Q> {
        self.receiver.recv().await
    }
}

impl<Q> Stream for Requests<Q> {
    type Item = Q;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Q>> {
        self.receiver.poll_recv(cx)
    }
}

impl<Q> fmt::Debug for Requests<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

impl<Q> Clone for RequestProvider<Q> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<Q> fmt::Debug for RequestProvider<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestProvider").finish_non_exhaustive()
    }
}

impl<Q: Request> Provider for RequestProvider<Q> {
    fn methods() -> Methods {
        Q::methods()
    }

    fn count() -> usize {
        Q::count()
    }

    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let Received { request, answer } = Q::receive(method, invocation)?;
        let (sender, responder) = (self.sender.clone(), invocation.responder());
        Ok(Box::pin(async move {
            if sender.send(request).await.is_err() {
                return responder.refuse(Refusal::NoProvider);
            }
            // It would keep the stream open beyond the provider.
            drop(sender);
            match answer {
                // Dropped unanswered: `NoReply`.
                Some(PendingAnswer { answer, sink }) => match answer.await {
                    Ok(Replied::Answer(answer)) => answer,
                    Ok(Replied::Stream(stream)) => stream(sink).await,
                    Err(_) => responder.nothing(),
                },
                None => responder.nothing(),
            }
        }))
    }
}
