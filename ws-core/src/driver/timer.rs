//! One timer for all deadlines of a connection. It is set forward only when it fires, so that a call that ends before
//! its deadline costs no timer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Timer {
    /// Makes sure that the task is woken at `next`; ready where that has come already.
    pub(super) fn poll(&mut self, next: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = next else { return Poll::Pending };
        if self.at.is_none_or(|at| next < at) {
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(next.into()),
                None => self.sleep = Some(Box::pin(sleep_until(next.into()))),
            }
            self.at = Some(next);
            self.waker = None;
        }
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        // Mostly it is set already.
        if !sleep.is_elapsed() && self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        match sleep.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                // Set anew next time, perhaps later than now.
                (self.at, self.waker) = (None, None);
                Poll::Ready(())
            }
        }
    }
}
