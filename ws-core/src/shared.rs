//! What the handles of a connection and its driver share: the engine behind one short lock.

use std::any::Any;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::clock;
use crate::codec::Encoding;
use crate::connection_context::AnyContext;
use crate::engine::{Effects, Engine, Key, Outcome, Told};
use crate::failure::{FailureHook, Report};
use crate::id::ConnectionId;
use crate::interceptor::Interceptors;
use crate::limits::{Limits, MAX_MESSAGE_CEILING};
use crate::listeners::Hub;
use crate::peer::Peer;
use crate::protocol::CloseInfo;
use crate::service::{MethodTable, Provider};
use crate::stream::Upload;

/// Held by the driver, the connections, the remotes and the peers. It does not hold the provider, so a provider may
/// hold remotes of its own connection; it shrinks to its skeleton when the connection ends.
pub(crate) struct Shared {
    pub(crate) id: ConnectionId,
    pub(crate) encoding: Encoding,
    pub(crate) limits: Arc<Limits>,
    pub(crate) remote_address: Option<SocketAddr>,
    pub(crate) serves: Arc<MethodTable>,
    pub(crate) on_failure: Option<FailureHook>,
    pub(crate) interceptors: Option<Interceptors>,
    pub(crate) hub: Hub,
    state: Mutex<State>,
    /// The longest argument body that could be sent: the engine's, to be read without its lock.
    max_body: AtomicUsize,
    /// The application's state, until the connection ends: it may hold remotes, and they hold this (R3).
    context: Mutex<Option<AnyContext>>,
    /// What whoever opened the connection wants to find again by its peer; set at most once.
    pub(crate) extension: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// Told when an early message was kept or dropped (R8), when a text came, when the outbox has room again, and when
    /// none of that matters any more. Few wait for any of it, and all of them look again.
    on_news: Notify,
    /// Set once, by the driver as its last act (R34).
    ended: OnceLock<CloseInfo>,
    /// Told when the connection begins to end, and when it has ended.
    on_end: Notify,
}

thread_local! {
    /// What a handle uses the engine with, empty: connections need none of their own.
    static SPARE: Cell<Option<Box<Effects>>> = const { Cell::new(None) };
}

/// Entries of any of its lists for which it keeps room.
const MOST_SPARE: usize = 1024;

/// What the lock protects. No user code runs under it: wakers are woken and values dropped after it is released.
pub(crate) struct State {
    pub(crate) engine: Engine,
    /// Set while the driver sleeps; whoever gives it work takes it and wakes.
    pub(crate) driver: Option<Waker>,
    /// Work that handles leave for the driver, which takes it.
    pub(crate) mail: Option<Box<Mail>>,
}

/// What handles leave for the driver.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) effects: Effects,
    /// What serves from now on (R25).
    pub(crate) provider: Option<Arc<dyn Provider>>,
    /// Streams of callers that it shall upload.
    pub(crate) uploads: Vec<Upload>,
}

impl State {
    /// The driver sleeps from now on: whoever gives it work takes its waker. Gives when it is to look again by itself.
    pub(crate) fn rest(&mut self, driver: &Waker) -> Option<Instant> {
        if !self.driver.as_ref().is_some_and(|kept| kept.will_wake(driver)) {
            self.driver = Some(driver.clone());
        }
        self.engine.next_time()
    }

    /// Room for what the driver shall find.
    pub(crate) fn mail(&mut self) -> &mut Mail {
        self.mail.get_or_insert_default()
    }
}

/// Remotes, peers and contexts print this: never payloads, and no more than helps in a log.
impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("encoding", &self.encoding)
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        encoding: Encoding,
        limits: Arc<Limits>,
        serves: Arc<MethodTable>,
        on_failure: Option<FailureHook>,
        interceptors: Option<Interceptors>,
        remote_address: Option<SocketAddr>,
    ) -> Arc<Self> {
        let state = State { engine, driver: None, mail: None };
        Arc::new(Self {
            id: ConnectionId::next(),
            encoding,
            limits,
            remote_address,
            serves,
            on_failure,
            interceptors,
            hub: Hub::default(),
            state: Mutex::new(state),
            max_body: AtomicUsize::new(MAX_MESSAGE_CEILING),
            context: Mutex::new(None),
            extension: OnceLock::new(),
            on_news: Notify::new(),
            ended: OnceLock::new(),
            on_end: Notify::new(),
        })
    }

    /// Lets a handle use the engine, then does what that asks for and wakes the driver if it sleeps.
    pub(crate) fn with<T>(&self, use_engine: impl FnOnce(&mut Engine, &mut Effects) -> T) -> T {
        let mut effects = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let mut state = self.lock();
        let result = use_engine(&mut state.engine, &mut effects);
        self.hand_on(state, effects);
        result
    }

    /// As [`with`](Self::with), for what asks nothing of anybody but the driver to write.
    pub(crate) fn ask<T>(&self, use_engine: impl FnOnce(&mut Engine) -> T) -> T {
        let mut state = self.lock();
        let result = use_engine(&mut state.engine);
        self.note(&state.engine);
        let driver = Self::needed(&mut state);
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Whom to wake, where there is work for the driver: looking at an outcome gives it none.
    fn needed(state: &mut State) -> Option<Waker> {
        let needed = state.driver.is_some() && (state.mail.is_some() || state.engine.needs_driver());
        if needed { state.driver.take() } else { None }
    }

    fn hand_on(&self, mut state: MutexGuard<'_, State>, mut effects: Box<Effects>) {
        self.note(&state.engine);
        let asks = effects.asks();
        if asks && effects.ask_driver() {
            effects.leave(&mut state.mail().effects);
        }
        let driver = Self::needed(&mut state);
        drop(state);
        if asks {
            self.pass_on(&mut effects);
        }
        // Where nothing was asked for, it is as it was.
        if !asks || effects.room() <= MOST_SPARE {
            // Where the thread ends, it is dropped.
            let _ = SPARE.try_with(|spare| spare.set(Some(effects)));
        }
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Asks for the outcome of this side's call or event.
    pub(crate) fn poll_outcome(&self, key: Key, waker: &Waker) -> Poll<Outcome> {
        // Mostly it is there, for it has woken whoever asks.
        let outcome = self.lock().engine.take_outcome(key);
        match outcome {
            Some(outcome) => Poll::Ready(outcome),
            None => self.with(|engine, effects| engine.poll(clock::now(), key, waker, effects)),
        }
    }

    /// What is not the driver's affair.
    #[cold]
    fn pass_on(&self, effects: &mut Effects) {
        effects.wake();
        self.tell(std::mem::take(&mut effects.told));
    }

    /// Looks at the engine without giving the driver work.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.lock().engine)
    }

    /// What tells of a failure of this message.
    pub(crate) fn report(&self, method: &'static str, event_id: u64) -> Report {
        Report { connection: self.id, method, event_id, hook: self.on_failure.clone() }
    }

    /// Swaps what serves; false where the connection has ended.
    pub(crate) fn provide(self: &Arc<Self>, provider: Arc<dyn Provider>) -> bool {
        self.hub.forget_provider(self);
        provider.attached(&Peer::new(Arc::clone(self)), None);
        let routes = provider.routes();
        let (taken, replaced, driver) = {
            let mut state = self.lock();
            if state.engine.closed().is_some() {
                (false, Some(provider), None)
            } else {
                state.engine.set_dynamic(routes);
                (true, state.mail().provider.replace(provider), state.driver.take())
            }
        };
        drop(replaced);
        if let Some(driver) = driver {
            driver.wake();
        }
        taken
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock panics; were it to, the state is still the best there is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self, info: CloseInfo) {
        self.with(|engine, effects| engine.close(info, effects));
    }

    pub(crate) fn max_body(&self) -> usize {
        self.max_body.load(Ordering::Relaxed)
    }

    /// The driver has learnt what the engine knows.
    pub(crate) fn note(&self, engine: &Engine) {
        self.max_body.store(engine.max_body(), Ordering::Relaxed);
    }

    pub(crate) fn hold_context(&self, context: AnyContext) {
        let replaced = self.swap_context(Some(context));
        drop(replaced);
        // The driver lets go of it after the close, which may have come in between.
        if self.look(|engine| engine.closed().is_some()) {
            drop(self.swap_context(None));
        }
    }

    pub(crate) fn context(&self) -> Option<AnyContext> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn swap_context(&self, context: Option<AnyContext>) -> Option<AnyContext> {
        std::mem::replace(&mut self.context.lock().unwrap_or_else(PoisonError::into_inner), context)
    }

    /// Lets go of the application's state: where nobody else holds it, its destructor runs here.
    pub(crate) fn release_context(&self) -> Option<AnyContext> {
        self.swap_context(None)
    }

    /// Passes the engine's news on.
    pub(crate) fn tell(&self, told: Told) {
        if told.any() {
            self.on_news.notify_waiters();
        }
    }

    /// Resolves when there may be an early message, a text or room, or never will be.
    pub(crate) fn news_told(&self) -> Notified<'_> {
        self.on_news.notified()
    }

    pub(crate) fn tell_closing(&self) {
        self.on_end.notify_waiters();
        self.on_news.notify_waiters();
    }

    /// Resolves when the connection begins to end, before close frames are exchanged.
    pub(crate) async fn closing(&self) {
        loop {
            let notified = self.on_end.notified();
            if self.look(|engine| engine.closed().is_some()) {
                return;
            }
            notified.await;
        }
    }

    /// The driver's last act.
    pub(crate) fn end(&self, info: CloseInfo) {
        if self.ended.set(info).is_ok() {
            self.on_end.notify_waiters();
        }
    }

    /// Resolves when the connection has ended, whatever the cause.
    pub(crate) async fn closed(&self) -> CloseInfo {
        loop {
            let notified = self.on_end.notified();
            if let Some(info) = self.ended.get() {
                return info.clone();
            }
            notified.await;
        }
    }
}
