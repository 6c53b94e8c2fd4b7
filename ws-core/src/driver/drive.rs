//! One turn after another, until the connection has ended.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::closing::Closing;
use super::handlers::Handlers;
use super::spawned::Tasks;
use super::timer::Timer;
use super::write::Progress;
use crate::clock;
use crate::engine::{Effects, Key, Start, Verdict};
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::Provider;
use crate::shared::{Shared, State};
use crate::transport::{Received, Transport};

/// Handler polls in one turn, new ones included (R11): what comes later waits for the next turn, replies do not.
const POLLS: usize = 64;
/// Messages read in one turn.
const READS: usize = 32;

/// Drives one connection: a future that resolves when the connection has ended. Spawn it.
#[must_use = "a connection lives while its driver is polled"]
pub struct Driver<T: Transport> {
    pub(super) transport: T,
    pub(super) shared: Arc<Shared>,
    /// Held here alone, and dropped before `closed()` resolves (R3).
    pub(super) provider: Option<Arc<dyn Provider>>,
    pub(super) handlers: Handlers,
    pub(super) tasks: Arc<Tasks>,
    /// Admitted, and not started yet.
    pub(super) starts: VecDeque<Start>,
    /// Handlers' verdicts that are not in the outbox yet.
    pub(super) verdicts: VecDeque<(Key, Verdict)>,
    pub(super) effects: Effects,
    pub(super) timer: Timer,
    pub(super) progress: Progress,
    /// Bytes of answers that the outbox takes before handlers must wait (R38), as of the last look.
    pub(super) room: usize,
    pub(super) max_answer: usize,
    closing: Option<Closing>,
    ended: bool,
}

/// What a turn may still do.
pub(super) struct Budget {
    pub(super) polls: usize,
    reads: usize,
}

impl<T: Transport> Driver<T> {
    pub(crate) fn new(transport: T, shared: Arc<Shared>) -> Self {
        Self {
            transport,
            shared,
            provider: None,
            handlers: Handlers::default(),
            tasks: Arc::default(),
            starts: VecDeque::new(),
            verdicts: VecDeque::new(),
            effects: Effects::default(),
            timer: Timer::default(),
            progress: Progress::default(),
            room: 0,
            max_answer: 0,
            closing: None,
            ended: false,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<CloseInfo> {
        let mut budget = Budget { polls: POLLS, reads: READS };
        loop {
            if self.closing.is_some() {
                return self.poll_closing(cx);
            }
            self.read(cx, &mut budget);
            self.run_handlers(&mut budget);
            self.write(cx, &mut budget);
            if self.closing.is_some() {
                continue;
            }
            if budget.polls == 0 || budget.reads == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.rest(cx) {
                return Poll::Pending;
            }
        }
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<CloseInfo> {
        let Some(mut closing) = self.closing.take() else { return Poll::Pending };
        match closing.poll(self, cx) {
            Poll::Pending => {
                self.closing = Some(closing);
                Poll::Pending
            }
            Poll::Ready(info) => {
                self.end(&info);
                Poll::Ready(info)
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, budget: &mut Budget) {
        while budget.reads > 0 && self.closing.is_none() {
            let Poll::Ready(received) = self.transport.poll_receive(cx) else { return };
            budget.reads -= 1;
            match received {
                Received::Message(message) => {
                    let now = clock::now();
                    self.with_engine(|engine, effects| engine.receive(now, &message, effects));
                    self.apply(Some(&message), budget);
                }
                Received::Alive => self.with_engine(|engine, _| engine.heard(clock::now())),
                Received::Close(frame) => {
                    let (code, reason) = frame.unwrap_or((code::NO_STATUS, String::new()));
                    self.close(CloseInfo::new(code, reason, ClosedBy::Peer), Closing::answer);
                }
                Received::Violation(code, reason) => {
                    self.close(CloseInfo::new(code, reason, ClosedBy::Local), Closing::unreadable);
                }
                Received::Lost => self.lost(),
            }
        }
    }

    /// Uses the engine under its lock, and takes over what handles left for the driver.
    pub(super) fn with_engine<V>(
        &mut self,
        f: impl FnOnce(&mut crate::engine::Engine, &mut Effects) -> V,
    ) -> V {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let value = f(&mut state.engine, &mut self.effects);
        let replaced = take_mail(state, &mut self.effects, &mut self.provider);
        self.room = state.engine.room();
        self.max_answer = state.engine.max_answer();
        let closed = state.engine.closed().cloned();
        drop(guard);
        drop(replaced);
        if let (Some(info), None) = (closed, &self.closing) {
            self.closing = Some(Closing::new(info));
        }
        value
    }

    /// Closes for a cause that this driver saw; `how` says what it knows of the transport.
    pub(super) fn close(&mut self, info: CloseInfo, how: fn(Closing) -> Closing) {
        self.with_engine(|engine, effects| engine.close(info, effects));
        self.closing = self.closing.take().map(how);
    }

    pub(super) fn lost(&mut self) {
        let info = CloseInfo::new(code::ABNORMAL, "the connection was lost", ClosedBy::Network);
        self.close(info, Closing::dead);
    }

    /// Whether there is nothing to do until somebody wakes this task.
    fn rest(&mut self, cx: &mut Context<'_>) -> bool {
        let stall = self.progress.stalls_at(self.shared.limits.write_stall);
        let next = {
            let mut state = self.shared.lock();
            let can_write = !self.progress.is_blocked() && state.engine.has_output();
            if can_write
                || state.provider.is_some()
                || state.engine.closed().is_some()
                || !state.effects.is_empty()
            {
                return false;
            }
            self.room = state.engine.room();
            state.driver = Some(cx.waker().clone());
            state.engine.next_time()
        };
        if self.room > 0 && (self.handlers.has_due() || !self.starts.is_empty() || !self.verdicts.is_empty())
        {
            return false;
        }
        let next = [next, stall].into_iter().flatten().min();
        if self.timer.poll(next, cx).is_pending() {
            return true;
        }
        let now = clock::now();
        if stall.is_some_and(|at| at <= now) {
            let info = CloseInfo::new(code::WRITE_STALL, "nothing could be written", ClosedBy::Local);
            self.close(info, Closing::dead);
        } else {
            self.with_engine(|engine, effects| engine.on_time(now, effects));
            self.apply(None, &mut Budget { polls: 0, reads: 0 });
        }
        false
    }

    /// Drops everything of the application's, then tells that the connection has ended, in this order (R3).
    fn end(&mut self, info: &CloseInfo) {
        self.let_go();
        self.ended = true;
        self.shared.end(info.clone());
    }

    /// Drops handlers and provider.
    pub(super) fn let_go(&mut self) {
        self.handlers.stop_all();
        self.starts = VecDeque::new();
        self.verdicts = VecDeque::new();
        let mut mail = Effects::default();
        let replaced = take_mail(&mut self.shared.lock(), &mut mail, &mut self.provider);
        drop(replaced);
        self.provider = None;
    }
}

/// Takes what handles left; gives the provider that was replaced, to be dropped outside the lock.
fn take_mail(
    state: &mut State,
    effects: &mut Effects,
    provider: &mut Option<Arc<dyn Provider>>,
) -> Option<Arc<dyn Provider>> {
    effects.wakes.append(&mut state.effects.wakes);
    effects.starts.append(&mut state.effects.starts);
    effects.stops.append(&mut state.effects.stops);
    let new = state.provider.take()?;
    provider.replace(new)
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseInfo;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseInfo> {
        let this = self.get_mut();
        this.handlers.ready.driver.register(cx.waker());
        this.turn(cx)
    }
}

impl<T: Transport> Drop for Driver<T> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Aborted, or its runtime shuts down: the connection ends here, without a close frame.
        let info = CloseInfo::new(code::ABNORMAL, "the connection was dropped", ClosedBy::Local);
        self.with_engine(|engine, effects| engine.close(info.clone(), effects));
        self.effects.wake();
        let info = self.shared.look(|engine| engine.closed().cloned()).unwrap_or(info);
        self.end(&info);
    }
}

impl<T: Transport> std::fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("connection", &self.shared.id).finish_non_exhaustive()
    }
}

impl<T: Transport> Driver<T> {
    /// Does what the engine asked for. `message` brought the arguments of what starts.
    pub(super) fn apply(&mut self, message: Option<&Bytes>, budget: &mut Budget) {
        self.effects.wake();
        for key in std::mem::take(&mut self.effects.stops) {
            self.handlers.stop(key);
            self.starts.retain(|start| start.key != key);
        }
        for mut start in std::mem::take(&mut self.effects.starts) {
            if self.starts.is_empty() && budget.polls > 0 && self.room > 0 {
                budget.polls -= 1;
                self.start(start);
            } else {
                if let Some(message) = message {
                    start.detach(message);
                }
                self.starts.push_back(start);
            }
        }
    }
}
