//! A handler's future behind a guard: polled under its scope, its panic caught (R16).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::{Key, Verdict};
use crate::failure::{FailureKind, Report, panic_text};
use crate::interceptor::{Outcome, Passed, Returning, Stopped};
use crate::protocol::FailClass;
use crate::service::scope::{self, Awaiting, Scope};
use crate::service::{Answer, AnswerKind, HandlerFuture, Refusal};
use crate::stream::{Upload, begin_turn};

pub(super) struct Guarded {
    /// None once it is done, so that it is dropped where its panic is caught.
    future: Option<HandlerFuture>,
    scope: Scope,
    awaiting: Option<Arc<Awaiting>>,
    report: Report,
    returning: Option<Box<Returning>>,
}

impl Guarded {
    pub(super) const fn new(
        future: HandlerFuture,
        scope: Scope,
        awaiting: Option<Arc<Awaiting>>,
        report: Report,
        returning: Option<Box<Returning>>,
    ) -> Self {
        Self { future: Some(future), scope, awaiting, report, returning }
    }

    pub(super) fn upload(upload: Upload) -> (Key, Self) {
        (upload.flow, Self::new(upload.future, upload.scope, None, upload.report, None))
    }

    fn discard(&mut self) {
        if let Some(future) = self.future.take() {
            let _entered = scope::enter(self.scope);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
                self.report.internal(FailureKind::Panicked, &panic_text(panic.as_ref()));
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
            let _awaiting = this.awaiting.clone().map(|awaiting| scope::enter_awaiting(Some(awaiting)));
            begin_turn();
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
        };
        let verdict = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => {
                let verdict = verdict(&this.report, answer);
                match this.returning.take() {
                    Some(returning) => intercepted(&this.report, &returning, verdict),
                    None => verdict,
                }
            }
            Err(panic) => {
                Verdict::Internal(this.report.internal(FailureKind::Panicked, &panic_text(panic.as_ref())))
            }
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

fn verdict(report: &Report, answer: Answer) -> Verdict {
    match answer.0 {
        AnswerKind::Value(body) => Verdict::Value(body),
        AnswerKind::Declared(body) => {
            report.failed(FailureKind::Declared, None);
            Verdict::Declared(body)
        }
        AnswerKind::Nothing => Verdict::Nothing,
        AnswerKind::Completed => Verdict::Completed,
        AnswerKind::Refused(refusal) => Verdict::Fail(refused(report, &refusal)),
        AnswerKind::TooLarge => {
            report.failed(FailureKind::TooLarge, None);
            Verdict::Fail(FailClass::TooLarge)
        }
        AnswerKind::Unencodable(error) => {
            let error = format!("its answer cannot be encoded: {error}");
            Verdict::Internal(report.internal(FailureKind::Unencodable, &error))
        }
    }
}

/// What the interceptors make of a result.
fn intercepted(report: &Report, returning: &Returning, verdict: Verdict) -> Verdict {
    let asked = match &verdict {
        Verdict::Value(body) => returning.ask(body, Outcome::Value),
        Verdict::Declared(body) => returning.ask(body, Outcome::Declared),
        _ => return verdict,
    };
    match (asked, verdict) {
        (Err(stopped), _) => stop(report, stopped),
        (Ok(Passed { replaced: Some(body), .. }), Verdict::Value(_)) => Verdict::Value(body),
        (Ok(Passed { replaced: Some(body), .. }), Verdict::Declared(_)) => Verdict::Declared(body),
        (Ok(_), verdict) => verdict,
    }
}

/// What becomes of a message that an interceptor stopped.
pub(super) fn stop(report: &Report, stopped: Stopped) -> Verdict {
    match stopped {
        Stopped::Denied(reason) => Verdict::Fail(refused(report, &Refusal::Denied(reason))),
        Stopped::Declared(body) => {
            report.failed(FailureKind::Denied, None);
            Verdict::Declared(body)
        }
        Stopped::Panicked(text) => Verdict::Internal(report.internal(FailureKind::Panicked, &text)),
    }
}

/// What the peer learns of a refusal: the text stays on this side (R16).
pub(super) fn refused(report: &Report, refusal: &Refusal) -> FailClass {
    let detail = match refusal {
        Refusal::NoProvider | Refusal::UnknownMethod => None,
        Refusal::InvalidArguments(text) | Refusal::Denied(text) => Some(text.as_str()),
    };
    let class = refusal.class();
    let kind = FailureKind::of(class);
    tracing::debug!(method = report.method, %kind, detail, "a message is refused");
    report.failed(kind, detail);
    class
}
