//! Where a producer puts its items.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::{Stream, StreamExt};
use serde::Serialize;

use super::turn;
use crate::clock;
use crate::codec::{Body, EncodeError};
use crate::engine::{Effects, Engine, Gathered, Key, Put};
use crate::error::Never;
use crate::service::{Answer, AnswerKind, Payload, Responder};
use crate::shared::Shared;

/// Where the handler of a streaming method puts its values, and how it says that they end.
///
/// [`run`](Self::run) and [`try_run`](Self::try_run) do all of it for a stream.
#[derive(Debug)]
#[must_use = "a stream that nobody ends has failed"]
pub struct ItemSink {
    shared: Arc<Shared>,
    /// None where there is no stream: an invocation of a method that does not stream, or a second sink.
    flow: Option<Key>,
    responder: Responder,
}

impl ItemSink {
    pub(crate) const fn new(shared: Arc<Shared>, flow: Option<Key>, responder: Responder) -> Self {
        Self { shared, flow, responder }
    }

    /// Answers the call: the stream is open. It is to be said before the first item; until then the call may still
    /// fail as any other.
    pub fn open(&self) {
        if let Some(flow) = self.flow {
            self.shared.with(|engine, effects| engine.open_stream(clock::now(), flow, effects));
        }
    }

    /// Waits until an item may be sent.
    ///
    /// # Errors
    /// Nobody reads any more; the answer ends the handler.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn ready(&mut self) -> Result<(), Answer> {
        SendItem { sink: self, item: Prepared::Question }.await
    }

    /// Sends an item: encoded now, put into the outbox when the reader's credit and the outbox allow.
    ///
    /// # Errors
    /// The answer that ends the handler: the item is too large or cannot be encoded (R17), or nobody reads any more.
    ///
    /// # Cancel safety
    /// Dropping it while it waits means that the item is not sent.
    pub fn send<T: Serialize + 'static>(&mut self, item: &T) -> SendItem<'_> {
        let item = match self.responder.body(item) {
            Ok(body) => Prepared::Item(Some(body)),
            Err(EncodeError::TooLarge { .. }) => Prepared::Unsendable(Some(AnswerKind::TooLarge)),
            Err(EncodeError::Unsupported(text)) => Prepared::Unsendable(Some(AnswerKind::Unencodable(text))),
        };
        SendItem { sink: self, item }
    }

    /// The end of a stream that is complete.
    #[must_use]
    pub fn completed(self) -> Answer {
        Answer(AnswerKind::Completed)
    }

    /// The end of a stream that failed with its declared error.
    #[must_use]
    pub fn failed<E: Payload>(self, error: &E) -> Answer {
        self.responder.error(error)
    }

    /// As [`run`](Self::run), with the function that sends an item.
    pub async fn drain<T>(
        mut self,
        items: impl Stream<Item = T>,
        send: for<'a> fn(&'a mut Self, &T) -> SendItem<'a>,
    ) -> Answer {
        self.open();
        match self.forward(items.map(Ok::<T, Never>), send).await {
            Ok(Some(never)) => match never {},
            Ok(None) => self.completed(),
            Err(end) => end,
        }
    }

    /// As [`try_run`](Self::try_run), with the functions that send an item and fail.
    pub async fn try_drain<T, E>(
        mut self,
        items: impl Stream<Item = Result<T, E>>,
        send: for<'a> fn(&'a mut Self, &T) -> SendItem<'a>,
        fail: fn(Self, &E) -> Answer,
    ) -> Answer {
        self.open();
        match self.forward(items, send).await {
            Ok(Some(error)) => fail(self, &error),
            Ok(None) => self.completed(),
            Err(end) => end,
        }
    }

    /// Sends items up to the first error, which it gives. Those that are ready at once are gathered and put together,
    /// as far as they have credit; nothing waits for more to come.
    ///
    /// # Errors
    /// The answer that ends the handler.
    pub(super) async fn forward<T, E>(
        &mut self,
        items: impl Stream<Item = Result<T, E>>,
        send: for<'a> fn(&'a mut Self, &T) -> SendItem<'a>,
    ) -> Result<Option<E>, Answer> {
        let mut items = pin!(items);
        let gathered = self.flow.and_then(|flow| self.shared.look(|engine| engine.gather(flow)));
        let Some(mut gathered) = gathered else { return Err(Answer(AnswerKind::Nothing)) };
        loop {
            if !gathered.has_room() {
                self.put(&mut gathered).await?;
            }
            let step = poll_fn(|cx| {
                // A panic ends the stream, but not before what was made before it is sent.
                let step = catch_unwind(AssertUnwindSafe(|| match items.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(item))) => Step::Item(send(&mut *self, &item).item),
                    Poll::Ready(end) => Step::End(end.and_then(Result::err)),
                    Poll::Pending => Step::Wait,
                }));
                match step.unwrap_or_else(Step::Panicked) {
                    // With something in hand this does not wait.
                    Step::Wait if gathered.items() == 0 => {
                        gathered.rest();
                        Poll::Pending
                    }
                    step => Poll::Ready(step),
                }
            });
            match step.await {
                Step::Item(Prepared::Item(Some(body))) if body.len() <= Gathered::LARGEST => {
                    gathered.push(&body);
                }
                Step::Item(item) => {
                    self.put(&mut gathered).await?;
                    SendItem { sink: self, item }.await?;
                    gathered.forget_allowance();
                }
                Step::Wait => self.put(&mut gathered).await?,
                Step::End(error) => {
                    self.put(&mut gathered).await?;
                    return Ok(error);
                }
                Step::Panicked(panic) => {
                    // Where nobody reads any more, the panic is told of all the same.
                    let _ = self.put(&mut gathered).await;
                    resume_unwind(panic)
                }
            }
        }
    }

    /// Puts what was gathered into the outbox.
    async fn put(&self, gathered: &mut Gathered) -> Result<(), Answer> {
        poll_fn(|cx| {
            if gathered.items() == 0 {
                return Poll::Ready(Ok(()));
            }
            self.poll_put(cx, gathered.items(), |engine, now, flow, effects| {
                engine.put_items(now, flow, gathered, cx.waker(), effects)
            })
        })
        .await
    }

    fn poll_put(
        &self,
        cx: &Context<'_>,
        items: usize,
        put: impl FnOnce(&mut Engine, Instant, Key, &mut Effects) -> Put,
    ) -> Poll<Result<(), Answer>> {
        let over = Poll::Ready(Err(Answer(AnswerKind::Nothing)));
        let Some(flow) = self.flow else { return over };
        if !turn::spend(items) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let now = clock::now();
        match self.shared.with(|engine, effects| put(engine, now, flow, effects)) {
            Put::Taken => Poll::Ready(Ok(())),
            Put::Wait => Poll::Pending,
            Put::Over => over,
        }
    }

    /// Opens the stream, sends all of `items`, and completes it.
    ///
    /// # Cancel safety
    /// Dropping it drops `items`; the reader learns of it where the handler goes on and answers otherwise.
    pub async fn run<T: Serialize + 'static>(self, items: impl Stream<Item = T>) -> Answer {
        self.drain(items, Self::send::<T>).await
    }

    /// As [`run`](Self::run); the first error ends the stream, as its declared one.
    ///
    /// # Cancel safety
    /// As for [`run`](Self::run).
    pub async fn try_run<T: Serialize + 'static, E: Payload>(
        self,
        items: impl Stream<Item = Result<T, E>>,
    ) -> Answer {
        self.try_drain(items, Self::send::<T>, Self::failed::<E>).await
    }
}

/// What a producer does next.
enum Step<E> {
    Item(Prepared),
    Wait,
    /// With its declared error, perhaps.
    End(Option<E>),
    Panicked(Box<dyn Any + Send>),
}

/// An item on its way into the outbox. Made by [`ItemSink::send`].
#[derive(Debug)]
#[must_use = "an item is sent when it is awaited"]
pub struct SendItem<'a> {
    sink: &'a ItemSink,
    item: Prepared,
}

#[derive(Debug)]
enum Prepared {
    /// None once it is sent.
    Item(Option<Body>),
    /// None once it was said.
    Unsendable(Option<AnswerKind>),
    /// Whether one could be sent.
    Question,
}

impl Future for SendItem<'_> {
    type Output = Result<(), Answer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let over = || Poll::Ready(Err(Answer(AnswerKind::Nothing)));
        let item = match &mut this.item {
            Prepared::Unsendable(end) => {
                return end.take().map_or_else(over, |end| Poll::Ready(Err(Answer(end))));
            }
            Prepared::Item(None) => return over(),
            Prepared::Item(item) => Some(item),
            Prepared::Question => None,
        };
        this.sink.poll_put(cx, 1, |engine, now, flow, effects| {
            engine.put_item(now, flow, item, cx.waker(), effects)
        })
    }
}
