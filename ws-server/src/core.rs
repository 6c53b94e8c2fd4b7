//! What the handles of a server and its tasks share.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use ws_core::link::{Hooks, LinkConfig, LinkOptions};
use ws_core::{ContractError, Encoding, Limits, Provider, Remote};

use crate::gate::Gate;
use crate::lifecycle::Lifecycle;
use crate::registry::Registry;
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
    pub(crate) registry: Arc<Registry<C>>,
    pub(crate) gate: Arc<Gate>,
    /// Accept loops over listeners of the server's own: its close waits until the ports are free.
    pub(crate) listeners: Arc<Tasks>,
    /// Drivers: the server's close waits for them.
    pub(crate) drivers: Arc<Tasks>,
    /// Accept loops over others' listeners, upgrades and handlers: aborted when the server is dropped.
    pub(crate) helpers: Arc<Tasks>,
    /// Tells accept loops and upgrades of the current opening to stop.
    stop: Mutex<watch::Sender<bool>>,
    pub(crate) turned_away: AtomicU64,
    types: Types<H, P, R>,
}

/// Names the types without holding any.
type Types<H, P, R> = PhantomData<fn() -> (H, P, R)>;

impl<H, P: Provider, R: Remote, C> Core<H, P, R, C> {
    pub(crate) fn new(
        limits: Limits,
        checks: UpgradeChecks,
        encodings: Vec<Encoding>,
        drain: Duration,
        hooks: &Hooks,
        options: LinkOptions,
    ) -> Arc<Self> {
        let limits = Arc::new(limits);
        let link = tables::<P, R>().map(|(serves, calls)| {
            let link = LinkConfig::new(Arc::clone(&limits), serves, calls).share_buffers();
            link.hooks(hooks).options(options)
        });
        Arc::new(Self {
            link,
            checks,
            encodings,
            drain,
            lifecycle: Lifecycle::new(),
            registry: Arc::new(Registry::new()),
            gate: Gate::new(limits.max_unactivated, limits.max_unactivated_per_address),
            listeners: Arc::default(),
            drivers: Arc::default(),
            helpers: Arc::default(),
            stop: Mutex::new(watch::Sender::new(true)),
            turned_away: AtomicU64::new(0),
            limits,
            types: PhantomData,
        })
    }

    /// A fresh signal for a new opening; `true` means stop. Whoever belongs to an opening is handed its signal when it
    /// is made, and never looks it up again, so that it cannot join a later opening.
    pub(crate) fn arm(&self) -> watch::Receiver<bool> {
        let sender = watch::Sender::new(false);
        let signal = sender.subscribe();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = sender;
        signal
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
