//! Which valid upgrade requests are wanted.

use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::http::StatusCode;

use super::origin::{Origin, OriginRule};
use super::{UpgradeRefusal, UpgradeRequest};

type Rule = Arc<dyn Fn(UpgradeRequest) -> BoxFuture<'static, Result<(), UpgradeRefusal>> + Send + Sync>;

/// Which upgrade requests become connections (R4): path, then `Origin`, then rules of your own in the order given.
///
/// As it comes, every path is served, and pages only from the host that serves them: behind a proxy that rewrites
/// `Host` the page's origin has to be named. Requests without `Origin` do not come from a browser and pass.
///
/// ```
/// use ws_server::upgrade::{UpgradeChecks, UpgradeRefusal};
///
/// # async fn is_known(_: &str) -> bool { true }
/// let checks = UpgradeChecks::new()
///     .path("/ws")
///     .allow_origin("https://app.example")
///     .authenticate(|request| async move {
///         match request.header("authorization") {
///             Some(token) if is_known(token).await => Ok(()),
///             _ => Err(UpgradeRefusal::unauthorized("a token is required")),
///         }
///     });
/// ```
#[derive(Clone, Default)]
pub struct UpgradeChecks {
    /// None means any.
    paths: Vec<Cow<'static, str>>,
    origins: OriginRule,
    rules: Vec<Rule>,
}

impl UpgradeChecks {
    /// Any path, pages of this host only, no rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves exactly this path, compared as it is sent, still percent-encoded; others get 404. Repeat it for
    /// several.
    ///
    /// # Panics
    /// Where it does not begin with `/`: it would never match.
    #[must_use]
    #[track_caller]
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        let path = path.into();
        assert!(path.starts_with('/'), "a path begins with a slash: {path:?}");
        self.paths.push(path);
        self
    }

    /// Lets pages of another host connect, such as `https://app.example` or `http://localhost:3000`. Repeat it for
    /// several. An origin that is neither this host nor named gets 403, and so does `null`, always.
    ///
    /// # Panics
    /// Where it is not `scheme://host` or `scheme://host:port`: it would never match.
    #[must_use]
    #[track_caller]
    pub fn allow_origin(mut self, origin: impl AsRef<str>) -> Self {
        let text = origin.as_ref();
        let Some(origin) = Origin::parse(text) else {
            panic!("an origin is scheme://host or scheme://host:port, without a path: {text:?}");
        };
        self.origins.allow(origin);
        self
    }

    /// Lets every page in the world connect, `null` included. Only where nothing depends on cookies, on client
    /// certificates or on the address of the visitor.
    #[must_use]
    pub fn allow_any_origin(mut self) -> Self {
        self.origins.allow_any();
        self
    }

    /// Adds a rule that needs not wait.
    #[must_use]
    pub fn require<F>(mut self, rule: F) -> Self
    where
        F: Fn(&UpgradeRequest) -> Result<(), UpgradeRefusal> + Send + Sync + 'static,
    {
        self.rules.push(Arc::new(move |request| ready(rule(&request)).boxed()));
        self
    }

    /// Adds a rule that may wait: ask a database, verify a token. It has what is left until the upgrade's deadline;
    /// then it is dropped and the client gets 503. If it panics, the client gets 500, and nothing else happens.
    #[must_use]
    pub fn authenticate<F, Fut>(mut self, rule: F) -> Self
    where
        F: Fn(UpgradeRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), UpgradeRefusal>> + Send + 'static,
    {
        self.rules.push(Arc::new(move |request| rule(request).boxed()));
        self
    }

    /// Judges a request.
    ///
    /// # Errors
    /// The refusal to answer with: 404 for a path, 403 for an origin, that of a rule, 500 for a rule that panics, 503
    /// for rules that are not done by the deadline.
    ///
    /// # Cancel safety
    /// Cancelling drops the rule that is running.
    pub async fn run(&self, request: &UpgradeRequest, deadline: Instant) -> Result<(), UpgradeRefusal> {
        if !self.paths.is_empty() && !self.paths.iter().any(|path| path == request.path()) {
            return Err(UpgradeRefusal::not_found());
        }
        if !self.origins.permits(request) {
            return Err(UpgradeRefusal::forbidden("this origin may not connect"));
        }
        let rules = AssertUnwindSafe(self.run_rules(request)).catch_unwind();
        match timeout_at(deadline, rules).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_panic)) => {
                tracing::error!(path = request.path(), "a rule for upgrades panicked");
                let text = "the server could not check the request";
                Err(UpgradeRefusal::custom(StatusCode::INTERNAL_SERVER_ERROR, text))
            }
            Err(_elapsed) => {
                Err(UpgradeRefusal::unavailable("the server could not check the request in time"))
            }
        }
    }

    async fn run_rules(&self, request: &UpgradeRequest) -> Result<(), UpgradeRefusal> {
        for rule in &self.rules {
            rule(request.clone()).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for UpgradeChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeChecks")
            .field("paths", &self.paths)
            .field("origins", &self.origins)
            .field("rules", &self.rules.len())
            .finish()
    }
}
