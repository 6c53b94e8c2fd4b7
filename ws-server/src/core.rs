//! What the handles of a server and its tasks share.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use ws_core::link::{Hooks, LinkConfig, LinkOptions};
use ws_core::{ContractError, Encoding, Limits, Provider, Remote};

use crate::gate::Gate;
use crate::hub::user::{Messages, sweep};
use crate::hub::{Directory, Settings};
use crate::lifecycle::Lifecycle;
use crate::tasks::Tasks;
use crate::upgrade::UpgradeChecks;

pub(crate) struct Core<H, P, R, C> {
    pub(crate) limits: Arc<Limits>,
    /// The error stands until the server is opened, which reports it.
    pub(crate) link: Result<LinkConfig, ContractError>,
    pub(crate) checks: UpgradeChecks,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) drain: Duration,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) directory: Arc<Directory>,
    pub(crate) gate: Arc<Gate>,
    /// Accept loops over listeners of the server's own: its close waits until the ports are free.
    pub(crate) listeners: Arc<Tasks>,
    /// Drivers: the server's close waits for them.
    pub(crate) drivers: Arc<Tasks>,
    /// Accept loops over others' listeners, upgrades and handlers: aborted when the server is dropped.
    pub(crate) helpers: Arc<Tasks>,
    /// Tells accept loops and upgrades of the current opening to stop.
    stop: Mutex<watch::Sender<bool>>,
    /// Held while a server enters `Open` without waiting, so that nobody finds it half open.
    entering: Mutex<()>,
    pub(crate) turned_away: AtomicU64,
    /// Whether users who are offline for too long are being looked for.
    sweeping: Arc<AtomicBool>,
    types: Types<H, P, R, C>,
}

/// Names the types without holding any.
type Types<H, P, R, C> = PhantomData<fn() -> (H, P, R, C)>;

impl<H, P: Provider, R: Remote, C> Core<H, P, R, C> {
    pub(crate) fn new(
        limits: Limits,
        checks: UpgradeChecks,
        encodings: Vec<Encoding>,
        drain: Duration,
        mut hooks: Hooks,
        options: LinkOptions,
        settings: Settings,
    ) -> Arc<Self> {
        if settings.users.message_events {
            // The last: it tells what the others let pass.
            hooks.intercept(Arc::new(Messages));
        }
        let limits = Arc::new(limits);
        let link = tables::<P, R>().map(|(serves, calls)| {
            let link = LinkConfig::new(Arc::clone(&limits), serves, calls).share_buffers();
            link.hooks(&hooks).options(options)
        });
        let tells_roster = R::methods().specs().iter().any(|spec| spec.name == ROSTER);
        Arc::new(Self {
            link,
            checks,
            encodings,
            drain,
            lifecycle: Lifecycle::new(),
            directory: Directory::new(settings, tells_roster),
            gate: Gate::new(limits.max_unactivated, limits.max_unactivated_per_address),
            listeners: Arc::default(),
            drivers: Arc::default(),
            helpers: Arc::default(),
            stop: Mutex::new(watch::Sender::new(true)),
            entering: Mutex::default(),
            turned_away: AtomicU64::new(0),
            sweeping: Arc::default(),
            limits,
            types: PhantomData,
        })
    }

    /// Until this is dropped, others that would enter `Open` without waiting do wait.
    pub(crate) fn enter_alone(&self) -> MutexGuard<'_, ()> {
        self.entering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh signal for a new opening; `true` means stop. Whoever belongs to an opening is handed its signal when it
    /// is made, and never looks it up again, so that it cannot join a later opening.
    pub(crate) fn arm(&self) -> watch::Receiver<bool> {
        let sender = watch::Sender::new(false);
        let signal = sender.subscribe();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = sender;
        signal
    }

    /// Looks for users who are offline for too long, where that is asked for and nobody does yet.
    pub(crate) fn sweep(&self) {
        if self.directory.settings.users.kicks() && !self.sweeping.swap(true, Ordering::AcqRel) {
            let (directory, sweeping) =
                (Arc::downgrade(&self.directory), Sweeping(Arc::clone(&self.sweeping)));
            self.helpers.spawn(async move {
                let _sweeping = sweeping;
                sweep(directory).await;
            });
        }
    }

    /// The signal of the current opening.
    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).subscribe()
    }

    pub(crate) fn stop(&self) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).send_replace(true);
    }

    pub(crate) fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets another task look, when the runtime of this one is gone.
struct Sweeping(Arc<AtomicBool>);

impl Drop for Sweeping {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A server whose remote has this tells its clients who is here (R31).
const ROSTER: &str = "RosterWatcher.snapshot";

type Table = Arc<ws_core::service::MethodTable>;

fn tables<P: Provider, R: Remote>() -> Result<(Table, Table), ContractError> {
    let serves = ws_core::service::MethodTable::new(P::methods())?;
    let calls = ws_core::service::MethodTable::new(R::methods())?;
    Ok((Arc::new(serves), Arc::new(calls)))
}

/// Names to encodings, in the order of this server's preference.
pub(crate) fn subprotocols(encodings: &[Encoding]) -> (Vec<&'static str>, HashMap<&'static str, Encoding>) {
    let names = encodings.iter().map(|encoding| encoding.subprotocol()).collect();
    let by_name = encodings.iter().map(|encoding| (encoding.subprotocol(), *encoding)).collect();
    (names, by_name)
}
