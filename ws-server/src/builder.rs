//! The options of a server.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ws_core::limits::LONGEST_DURATION;
use ws_core::link::{Hooks, LinkOptions};
use ws_core::{
    EarlyFrames, Encoding, Failure, FailureHook, Interceptor, Limits, LimitsError, Provider, Remote,
    UnknownFrames,
};

use crate::core::Core;
use crate::hub::{ServerEvent, Settings, UserEvent, UserOptions};
use crate::server::WebSocketServer;
use crate::upgrade::UpgradeChecks;

/// The options of a server; begin with [`WebSocketServer::builder`].
#[derive(Debug)]
pub struct ServerBuilder<H, P, R, C = ()> {
    limits: Limits,
    checks: UpgradeChecks,
    encodings: Vec<Encoding>,
    drain: Duration,
    hooks: Hooks,
    options: LinkOptions,
    settings: Settings,
    types: Types<H, P, R, C>,
}

/// Names the types without holding any.
type Types<H, P, R, C> = PhantomData<fn() -> (H, P, R, C)>;

/// A configuration that can never work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Limits that cannot work together, or options that cannot work with them.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// A drain longer than a day.
    #[error("drain must be at most a day")]
    Drain,
    /// Options of users or groups that can never work.
    #[error("{0}")]
    Users(&'static str),
    /// No encoding at all.
    #[error("a server needs at least one encoding")]
    NoEncoding,
}

impl<H, P, R, C> Default for ServerBuilder<H, P, R, C> {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            checks: UpgradeChecks::default(),
            encodings: Encoding::available().to_vec(),
            drain: Duration::ZERO,
            hooks: Hooks::default(),
            options: LinkOptions::default(),
            settings: Settings::default(),
            types: PhantomData,
        }
    }
}

impl<H, P: Provider, R: Remote, C> ServerBuilder<H, P, R, C> {
    /// Every bound of the server and of its connections.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What is checked before the 101: paths, origins, an authenticator (R4).
    #[must_use]
    pub fn checks(mut self, checks: UpgradeChecks) -> Self {
        self.checks = checks;
        self
    }

    /// The encodings that clients may choose from: by default all that are compiled in.
    #[must_use]
    pub fn encodings(mut self, encodings: impl Into<Vec<Encoding>>) -> Self {
        self.encodings = encodings.into();
        self
    }

    /// How long `close` lets running calls go on: 0 (R3).
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Tells `hook` of every call and event of a client that fails here: what its caller learns, and what stays on this
    /// side. It runs in the connection's task and must be quick.
    ///
    /// ```
    /// # use ws_core::ws_service;
    /// # #[ws_service] pub trait Calculator { async fn add(&self, a: i64, b: i64) -> i64; }
    /// # fn build<C: Calculator>() -> Result<(), ws_server::ConfigError> {
    /// let server = ws_server::WebSocketServer::<(), CalculatorProvider<C>, ()>::builder()
    ///     .on_failure(|failure| eprintln!("{:?}: {} {:?}", failure.method, failure.kind, failure.detail))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_failure(mut self, hook: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.on_failure(FailureHook::new(hook));
        self
    }

    /// Tells `hook` of everything that happens to the server, in order; see also
    /// [`WebSocketServer::events`]. It runs wherever something happened and must be quick: others wait for it to be told,
    /// and beyond 65,536 waiting events they are missed. What it makes happen is told after it has returned.
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.settings.on_event.push(Arc::new(hook));
        self
    }

    /// Who may be a user, and how (R27–R30).
    #[must_use]
    pub fn users(mut self, options: UserOptions) -> Self {
        self.settings.users = options;
        self
    }

    /// Tells `hook` of everything that happens to users, in order; see also [`Users::events`](crate::Users::events).
    /// As with [`on_event`](Self::on_event).
    #[must_use]
    pub fn on_user_event(mut self, hook: impl Fn(&UserEvent) + Send + Sync + 'static) -> Self {
        self.settings.on_user_event.push(Arc::new(hook));
        self
    }

    /// How many groups one connection may be in: 1,024.
    #[must_use]
    pub const fn max_groups_per_connection(mut self, groups: usize) -> Self {
        self.settings.max_groups = groups;
        self
    }

    /// Has `interceptor` see, change or deny messages on their way, after those that were installed before (R24).
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.hooks.intercept(Arc::new(interceptor));
        self
    }

    /// How many headers a client may try on one connection: 1, so that a rejection closes it (R7).
    ///
    /// The handler runs for each of them, one after another: the next try waits until the handler of the last has
    /// returned. `Limits::header_timeout` and `Limits::decision_timeout` hold for each. A connection counts as not
    /// activated through all its tries.
    #[must_use]
    pub const fn attempts(mut self, attempts: u8) -> Self {
        self.options.attempts = attempts;
        self
    }

    /// What becomes of calls and events that a client sends before it is accepted: they are dropped and counted (R8).
    #[must_use]
    pub const fn early_frames(mut self, early: EarlyFrames) -> Self {
        self.options.early = early;
        self
    }

    /// What becomes of WebSocket text messages that the other side sends beside the service: they close the connection
    /// with 1003 (P7).
    #[must_use]
    pub const fn unknown_frames(mut self, unknown: UnknownFrames) -> Self {
        self.options.unknown = unknown;
        self
    }

    /// The server, not yet open.
    ///
    /// # Errors
    /// A configuration that can never work.
    pub fn build(self) -> Result<WebSocketServer<H, P, R, C>, ConfigError> {
        self.limits.check()?;
        self.options.check(&self.limits)?;
        self.settings.users.check().map_err(ConfigError::Users)?;
        if self.settings.max_groups == 0 {
            return Err(ConfigError::Users("max_groups_per_connection must be at least 1"));
        }
        if self.drain > LONGEST_DURATION {
            return Err(ConfigError::Drain);
        }
        if self.encodings.is_empty() {
            return Err(ConfigError::NoEncoding);
        }
        Ok(WebSocketServer::from_core(Core::new(
            self.limits,
            self.checks,
            self.encodings,
            self.drain,
            self.hooks,
            self.options,
            self.settings,
        )))
    }
}
