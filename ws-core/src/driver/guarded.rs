//! A handler's future behind a guard: polled under its scope, its panic caught (R16).

use std::any::Any;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::engine::Verdict;
use crate::protocol::FailClass;
use crate::service::scope::{self, Scope};
use crate::service::{Answer, AnswerKind, HandlerFuture};

pub(super) struct Guarded {
    /// None once it is done, so that it is dropped where its panic is caught.
    future: Option<HandlerFuture>,
    scope: Scope,
    method: &'static str,
}

impl Guarded {
    pub(super) const fn new(future: HandlerFuture, scope: Scope, method: &'static str) -> Self {
        Self { future: Some(future), scope, method }
    }

    fn discard(&mut self) {
        if let Some(future) = self.future.take() {
            let _entered = scope::enter(self.scope);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
                failed(self.method, &text(panic.as_ref()));
            }
        }
    }
}

impl Future for Guarded {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let this = &mut *self;
        let Some(future) = &mut this.future else { return Poll::Ready(Verdict::Nothing) };
        let polled = {
            let _entered = scope::enter(this.scope);
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
        };
        let verdict = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => verdict(this.method, answer),
            Err(panic) => Verdict::Internal(failed(this.method, &text(panic.as_ref()))),
        };
        this.discard();
        Poll::Ready(verdict)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.discard();
    }
}

fn verdict(method: &'static str, answer: Answer) -> Verdict {
    match answer.0 {
        AnswerKind::Value(body) => Verdict::Value(body),
        AnswerKind::Declared(body) => Verdict::Declared(body),
        AnswerKind::Nothing => Verdict::Nothing,
        AnswerKind::TooLarge => Verdict::Fail(FailClass::TooLarge),
        AnswerKind::Unencodable(error) => {
            Verdict::Internal(failed(method, &format!("its answer cannot be encoded: {error}")))
        }
    }
}

/// Logs a failure under a fresh number, which is all that the peer learns of it (R16).
pub(super) fn failed(method: &'static str, error: &str) -> u64 {
    // Unlike a counter, a random number tells the peer nothing about this process.
    let number = RandomState::new().hash_one(std::process::id());
    tracing::error!(method, number = format_args!("{number:016x}"), error, "a handler failed");
    number
}

pub(super) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
