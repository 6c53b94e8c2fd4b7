//! One timer for all deadlines of a connection. It is set forward only when it fires, so that a call that ends before
//! its deadline costs no timer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep_until};

#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Timer {
    /// Whether it need not be looked at: it wakes the task at `next` or before, and had not fired at `now`. A clock
    /// reading costs less than the timer's own state, which lies elsewhere.
    pub(super) fn holds(&self, next: Option<Instant>, now: Instant, waker: &Waker) -> bool {
        let Some(next) = next else { return true };
        self.at.is_some_and(|at| at <= next && now < at)
            && self.waker.as_ref().is_some_and(|kept| kept.will_wake(waker))
    }

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
        // Without the task's budget: a poll that is put off for want of it would leave no waker behind.
        match pin!(unconstrained(sleep.as_mut())).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                // Set anew next time, perhaps later than now.
                (self.at, self.waker) = (None, None);
                Poll::Ready(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;
    use crate::clock;

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_set_when_the_budget_is_spent_fires_all_the_same() {
        let at = clock::now() + Duration::from_secs(30);
        let fired = tokio::spawn(async move {
            let mut timer = Timer::default();
            poll_fn(|cx| {
                while has_budget_remaining() {
                    let _ = pin!(consume_budget()).poll(cx);
                }
                timer.poll(Some(at), cx)
            })
            .await;
            clock::now()
        });
        let fired = tokio::time::timeout(Duration::from_secs(60), fired).await.expect("it wakes its task");
        assert!(fired.expect("no panic") >= at);
    }
}
