//! The options of a connector.

use std::marker::PhantomData;

use serde::Serialize;
use ws_core::{Encoding, Failure, FailureHook, Limits, LimitsError, Provider, Remote};

use crate::connector::WebSocketConnector;

/// The options of a connector; begin with [`WebSocketConnector::builder`].
#[derive(Debug)]
pub struct ConnectorBuilder<H, P, R> {
    header: H,
    limits: Limits,
    encodings: Vec<Encoding>,
    on_failure: Option<FailureHook>,
    types: PhantomData<fn() -> (P, R)>,
}

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

impl<H: Serialize + Send + Sync + 'static, P: Provider, R: Remote> ConnectorBuilder<H, P, R> {
    pub(crate) fn new(header: H) -> Self {
        Self {
            header,
            limits: Limits::default(),
            encodings: Encoding::available().to_vec(),
            on_failure: None,
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
        self.on_failure = Some(FailureHook::new(hook));
        self
    }

    /// The connector.
    ///
    /// # Errors
    /// A configuration that can never work.
    pub fn build(self) -> Result<WebSocketConnector<H, P, R>, ConfigError> {
        self.limits.check()?;
        if self.encodings.is_empty() {
            return Err(ConfigError::NoEncoding);
        }
        Ok(WebSocketConnector::with_options(self.header, self.limits, self.encodings, self.on_failure))
    }
}
