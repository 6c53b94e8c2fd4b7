//! The options of a connector.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::FutureExt;
use serde::Serialize;
use ws_core::link::{Hooks, LinkOptions};
use ws_core::{
    Encoding, Failure, FailureHook, Interceptor, Limits, LimitsError, Provider, Remote, UnknownFrames,
};

use crate::connector::WebSocketConnector;
use crate::rejected::{NextHeader, Rejected};

/// The options of a connector; begin with [`WebSocketConnector::builder`].
pub struct ConnectorBuilder<H, P, R, C = ()> {
    header: H,
    limits: Limits,
    encodings: Vec<Encoding>,
    hooks: Hooks,
    next_header: Option<NextHeader<H>>,
    options: LinkOptions,
    types: Types<P, R, C>,
}

/// Names the types without holding any.
type Types<P, R, C> = PhantomData<fn() -> (P, R, C)>;

/// A configuration that can never work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Limits that cannot work together.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// No encoding at all.
    #[error("a connector needs at least one encoding")]
    NoEncoding,
}

impl<H, P, R, C> ConnectorBuilder<H, P, R, C>
where
    H: Serialize + Send + Sync + 'static,
    P: Provider,
    R: Remote,
    C: Default + Send + 'static,
{
    pub(crate) fn new(header: H) -> Self {
        Self {
            header,
            limits: Limits::default(),
            encodings: Encoding::available().to_vec(),
            hooks: Hooks::default(),
            next_header: None,
            options: LinkOptions::default(),
            types: PhantomData,
        }
    }

    /// Every bound of the connections.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The encodings that are offered, the most wanted first: by default all that are compiled in. The server takes
    /// the first one that it knows.
    #[must_use]
    pub fn encodings(mut self, encodings: impl Into<Vec<Encoding>>) -> Self {
        self.encodings = encodings.into();
        self
    }

    /// Tells `hook` of every call and event of the server that fails here: what its caller learns, and what stays on
    /// this side. It runs in the connection's task and must be quick.
    #[must_use]
    pub fn on_failure(mut self, hook: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.on_failure(FailureHook::new(hook));
        self
    }

    /// Has `interceptor` see, change or deny messages on their way, after those that were installed before (R24).
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.hooks.intercept(Arc::new(interceptor));
        self
    }

    /// Asks for another header where the server rejects one and takes more on the same connection
    /// (`ServerBuilder::attempts`); `None` gives up, and `connect` fails with that rejection. Without this the first
    /// rejection ends the connection (R7).
    ///
    /// It is asked once for each rejection; the waiting counts towards `Limits::connect_timeout`, and the server waits
    /// for its own `Limits::header_timeout`.
    #[must_use]
    pub fn next_header<F, Fut>(mut self, next: F) -> Self
    where
        F: Fn(Rejected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<H>> + Send + 'static,
    {
        self.next_header = Some(Arc::new(move |rejected| next(rejected).boxed()));
        self
    }

    /// What becomes of WebSocket text messages that the other side sends beside the service: they close the connection
    /// with 1003 (P7).
    #[must_use]
    pub const fn unknown_frames(mut self, unknown: UnknownFrames) -> Self {
        self.options.unknown = unknown;
        self
    }

    /// The connector.
    ///
    /// # Errors
    /// A configuration that can never work.
    pub fn build(self) -> Result<WebSocketConnector<H, P, R, C>, ConfigError> {
        self.limits.check()?;
        if self.encodings.is_empty() {
            return Err(ConfigError::NoEncoding);
        }
        Ok(WebSocketConnector::with_options(
            self.header,
            self.limits,
            self.encodings,
            &self.hooks,
            self.next_header,
            self.options,
        ))
    }
}

impl<H, P, R, C> fmt::Debug for ConnectorBuilder<H, P, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorBuilder")
            .field("limits", &self.limits)
            .field("encodings", &self.encodings)
            .finish_non_exhaustive()
    }
}
