//! One turn after another, until the connection has ended.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::RuntimeFlavor;

use super::closing::Closing;
use super::handlers::Handlers;
use super::spawned::Tasks;
use super::timer::Timer;
use super::uploads::Uploads;
use super::work::Work;
use super::write::Progress;
use crate::clock;
use crate::engine::{Effects, Engine};
use crate::failure::{log_internal, panic_text};
use crate::id::ConnectionId;
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::Provider;
use crate::shared::{Shared, State};
use crate::transport::Transport;

/// Handler polls in one turn, new ones included (R11): what comes later waits for the next turn, replies do not.
pub(super) const POLLS: usize = 64;
/// Handlers after which their answers are written at the least, while others still wait: so the other side has work
/// before this one is done.
pub(super) const AHEAD: usize = 10;
/// Messages read in one turn.
const READS: usize = 32;
/// Bytes read in one turn, which the last message may exceed.
const READ_BYTES: usize = 256 << 10;
/// Rounds in one turn: reading, handling and writing once each. A bound on what should end by itself.
const ROUNDS: usize = 64;

thread_local! {
    /// Whose turn was the last on this thread.
    static LAST: Cell<Option<ConnectionId>> = const { Cell::new(None) };
}

/// Drives one connection: a future that resolves when the connection has ended. Spawn it.
#[must_use = "a connection lives while its driver is polled"]
pub struct Driver<T: Transport> {
    pub(super) transport: T,
    pub(super) shared: Arc<Shared>,
    /// Held here alone, and dropped before `closed()` resolves (R3).
    pub(super) provider: Option<Arc<dyn Provider>>,
    pub(super) handlers: Handlers,
    pub(super) uploads: Uploads,
    /// Of spawned handlers, once there was one.
    pub(super) tasks: OnceCell<Arc<Tasks>>,
    /// None while there is nothing to do.
    pub(super) work: Option<Box<Work>>,
    /// Bytes of the messages that their arguments share.
    pub(super) pinned: usize,
    pub(super) timer: Timer,
    pub(super) progress: Progress,
    /// Bytes of answers that the outbox takes before handlers must wait (R38), as of the last look.
    pub(super) room: usize,
    pub(super) max_answer: usize,
    /// Whether anything streams, as of the last look.
    streams: bool,
    /// Whether anything is to be written, as of the last look.
    pub(super) has_output: bool,
    /// Verdicts that are written before more handlers start.
    pub(super) ahead: usize,
    /// Whether no other connection had a turn on this thread since the last one of this.
    pub(super) alone: bool,
    /// Whether its runtime has several threads; looked up once.
    pub(super) many_threads: Option<bool>,
    /// It has just let others go first.
    has_waited: bool,
    /// Bytes received up to the last whole message, or since; and when the latest came that no message is whole of.
    pub(super) received: u64,
    pub(super) last_bytes: Option<Instant>,
    pub(super) closing: Option<Box<Closing>>,
    ended: bool,
}

/// What a turn may still do.
pub(super) struct Budget {
    pub(super) polls: usize,
    pub(super) reads: usize,
    pub(super) bytes: usize,
}

impl Budget {
    /// Nothing more in this turn.
    pub(super) const fn spend(&mut self) {
        self.reads = 0;
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.polls == 0 || self.reads == 0 || self.bytes == 0
    }

    const fn none() -> Self {
        Self { polls: 0, reads: 0, bytes: 0 }
    }
}

impl<T: Transport> Driver<T> {
    pub(crate) fn new(transport: T, shared: Arc<Shared>) -> Self {
        Self {
            transport,
            shared,
            provider: None,
            handlers: Handlers::default(),
            uploads: Uploads::default(),
            tasks: OnceCell::new(),
            work: None,
            pinned: 0,
            timer: Timer::default(),
            progress: Progress::default(),
            room: 0,
            max_answer: 0,
            streams: false,
            has_output: false,
            ahead: POLLS,
            alone: false,
            many_threads: None,
            has_waited: false,
            received: 0,
            last_bytes: None,
            closing: None,
            ended: false,
        }
    }

    pub(super) fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_with(Work::borrow)
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<CloseInfo> {
        let mut budget = Budget { polls: POLLS, reads: READS, bytes: READ_BYTES };
        let mut drained = self.begin(cx, &mut budget);
        for _ in 0..ROUNDS {
            if self.closing.is_some() {
                return self.poll_closing(cx);
            }
            if !std::mem::take(&mut drained) {
                self.read(cx, &mut budget);
            }
            if self.streams && self.closing.is_none() {
                // Calls and answers that are ready do not wait for what producers make now (R26).
                self.write(cx, &mut budget);
            }
            if self.closing.is_some() {
                continue;
            }
            self.run_uploads(&mut budget);
            self.run_handlers(&mut budget);
            self.write(cx, &mut budget);
            if self.closing.is_some() {
                continue;
            }
            if budget.is_spent() {
                break;
            }
            if self.rest(cx) {
                return Poll::Pending;
            }
        }
        // There may be more to do; other connections have their turn first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether nothing of the application's would be run.
    pub(super) fn is_idle(&self) -> bool {
        self.work.is_none() && self.handlers.is_idle() && self.uploads.is_idle()
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

    /// Reads the clock, and keeps the reading for the rest of the turn.
    pub(super) fn read_clock(&mut self) -> Instant {
        *self.work().now.insert(clock::now())
    }

    /// Uses the engine under its lock, and takes over what handles left for the driver.
    pub(super) fn with_engine<V>(&mut self, f: impl FnOnce(&mut Engine, &mut Effects) -> V) -> V {
        self.with_state(|state, effects, _| f(&mut state.engine, effects))
    }

    /// The same; tells whether handles had left anything.
    pub(super) fn with_state<V>(&mut self, f: impl FnOnce(&mut State, &mut Effects, bool) -> V) -> V {
        self.work().rests = None;
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        // What handles left comes first: what ends it must find it.
        let had_mail = has_mail(state);
        let effects = &mut self.work.get_or_insert_with(Work::borrow).effects;
        let replaced = take_mail(state, effects, &mut self.provider, &mut self.uploads);
        let value = f(state, effects, had_mail);
        self.room = state.engine.room();
        self.max_answer = state.engine.max_answer();
        self.streams = state.engine.streams() > 0;
        self.has_output = state.engine.has_output();
        self.shared.note(&state.engine);
        let closed = if self.closing.is_none() { state.engine.closed().cloned() } else { None };
        drop(guard);
        discard(replaced);
        if let Some(info) = closed {
            self.closing = Some(Box::new(Closing::new(info)));
            self.shared.tell_closing();
        }
        value
    }

    /// Closes for a cause that this driver saw; `how` says what it knows of the transport.
    pub(super) fn close(&mut self, info: CloseInfo, how: fn(Closing) -> Closing) {
        self.with_engine(|engine, effects| engine.close(info, effects));
        self.closing = self.closing.take().map(|closing| Box::new(how(*closing)));
    }

    pub(super) fn lost(&mut self) {
        let info = CloseInfo::new(code::ABNORMAL, "the connection was lost", ClosedBy::Network);
        self.close(info, Closing::dead);
    }

    /// Whether handlers or uploads go on at once, as far as the outbox has room.
    fn has_work(&self) -> bool {
        let waits = |work: &Work| !work.starts.is_empty() || !work.verdicts.is_empty();
        let waits = self.work.as_deref().is_some_and(waits);
        self.room > 0 && (waits || self.handlers.has_due() || self.uploads.has_due())
    }

    /// Whether there is nothing to do until somebody wakes this task.
    fn rest(&mut self, cx: &mut Context<'_>) -> bool {
        let stall = self.progress.stalls_at(self.shared.limits.write_stall);
        let next = match self.work().rests.take() {
            Some(next) => next,
            None => {
                let mut state = self.shared.lock();
                if has_mail(&state) {
                    // Taken here, since a transport that blocks keeps `write` from looking.
                    drop(state);
                    self.with_engine(|_, _| ());
                    self.apply(None, &mut Budget::none());
                    return false;
                }
                if !self.progress.is_blocked() && state.engine.has_output() {
                    return false;
                }
                self.room = state.engine.room();
                state.rest(cx.waker())
            }
        };
        self.handlers.register(cx.waker());
        self.uploads.register(cx.waker());
        // There may be room again that was not there before.
        if self.has_work() {
            return false;
        }
        let next = [next, stall].into_iter().flatten().min();
        if self.work().now.is_some_and(|now| self.timer.holds(next, now, cx.waker())) {
            return true;
        }
        if self.timer.poll(next, cx).is_pending() {
            return true;
        }
        let now = clock::now();
        if let Some(at) = self.last_bytes.take() {
            self.with_engine(|engine, _| engine.heard(at));
        }
        if stall.is_some_and(|at| at <= now) {
            let info = CloseInfo::new(code::WRITE_STALL, "nothing could be written", ClosedBy::Local);
            self.close(info, Closing::dead);
        } else {
            self.with_engine(|engine, effects| engine.on_time(now, effects));
            self.apply(None, &mut Budget::none());
            self.give_back();
        }
        false
    }

    /// The timer fires at the latest when the peer was silent for a while: what is empty then needs no memory.
    fn give_back(&mut self) {
        self.handlers.rest();
        self.uploads.rest();
    }

    /// Drops everything of the application's, then tells that the connection has ended, in this order (R3).
    fn end(&mut self, info: &CloseInfo) {
        self.let_go();
        self.ended = true;
        self.shared.lock().engine.bury();
        let context = self.shared.release_context();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(context))) {
            log_internal("a context's destructor", &panic_text(panic.as_ref()));
        }
        self.shared.end(info.clone());
    }

    /// Drops handlers and provider.
    pub(super) fn let_go(&mut self) {
        self.handlers.stop_all();
        if let Some(work) = &mut self.work {
            work.starts.clear();
            work.verdicts.clear();
        }
        let mut mail = Effects::default();
        let replaced = take_mail(&mut self.shared.lock(), &mut mail, &mut self.provider, &mut self.uploads);
        self.uploads.stop_all();
        discard(replaced);
        discard(self.provider.take());
        let info = self.shared.look(|engine| engine.closed().cloned());
        let hub = || self.shared.hub.close(&self.shared, &info.unwrap_or_else(CloseInfo::dropped));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(hub)) {
            log_internal("a listener's destructor", &panic_text(panic.as_ref()));
        }
    }
}

fn has_mail(state: &State) -> bool {
    state.mail.is_some() || state.engine.closed().is_some()
}

/// A provider is the application's: a panic in its destructor must not take the connection along (R16).
fn discard(provider: Option<Arc<dyn Provider>>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(provider))) {
        log_internal("a provider's destructor", &panic_text(panic.as_ref()));
    }
}

/// Takes what handles left; gives the provider that was replaced, to be dropped outside the lock.
fn take_mail(
    state: &mut State,
    effects: &mut Effects,
    provider: &mut Option<Arc<dyn Provider>>,
    uploads: &mut Uploads,
) -> Option<Arc<dyn Provider>> {
    // Mostly there is nothing.
    let mut mail = *state.mail.take()?;
    mail.effects.leave(effects);
    uploads.take(mail.uploads);
    provider.replace(mail.provider?)
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseInfo;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseInfo> {
        let this = self.get_mut();
        if this.lets_others_go_first() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.alone = LAST.replace(Some(this.shared.id)) == Some(this.shared.id);
        let turned = this.turn(cx);
        if let Some(work) = this.work.take_if(|work| work.is_done()) {
            Work::give_back(work);
        }
        turned
    }
}

impl<T: Transport> Drop for Driver<T> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Aborted, or its runtime shuts down: the connection ends here, without a close frame.
        let info = CloseInfo::dropped();
        self.with_engine(|engine, effects| engine.close(info.clone(), effects));
        self.work().effects.wake();
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
    /// A thread of a multi-thread runtime runs next what was woken last: this, for the first of many callers that have
    /// something to say. The others come first, so that all of it leaves at once.
    fn lets_others_go_first(&mut self) -> bool {
        let many_threads = *self.many_threads.get_or_insert_with(|| {
            let runtime = tokio::runtime::Handle::try_current();
            runtime.is_ok_and(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread)
        });
        if !many_threads || std::mem::take(&mut self.has_waited) {
            return false;
        }
        // Whoever left work took the waker.
        let called = self.shared.lock().driver.is_none();
        self.has_waited = called;
        called
    }
}
