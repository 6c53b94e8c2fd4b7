//! What a server says about its users.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ws_core::ConnectionId;
use ws_core::limits::LONGEST_DURATION;

use super::link::LinkDenied;
use super::name::default_name_rule;

/// What becomes of a link to a user who has a connection already (R28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkPolicy {
    /// The new one is refused. The default.
    #[default]
    RejectNew,
    /// The old ones are unlinked, and stay open.
    Replace,
    /// Up to so many are linked; the next one is refused.
    Many(usize),
}

/// What an authenticate hook is asked about. `Debug` does not show `auth`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// The user's name, which the name rule allows.
    pub name: Arc<str>,
    /// Whether there is no such user yet. Where that changes while the hook runs, it is asked again.
    pub is_new: bool,
    /// What the link brought to prove itself: at most 4 KiB.
    pub auth: Option<String>,
    /// The connection that is to be linked.
    pub connection: ConnectionId,
    /// Where it comes from, where the transport knows.
    pub address: Option<SocketAddr>,
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication")
            .field("name", &self.name)
            .field("is_new", &self.is_new)
            .field("connection", &self.connection)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

type NameRule = dyn Fn(&str) -> bool + Send + Sync;
type Hook = dyn Fn(Authentication) -> BoxFuture<'static, Result<(), LinkDenied>> + Send + Sync;

/// What a server says about its users: given to [`ServerBuilder::users`](crate::ServerBuilder::users).
///
/// ```
/// use std::time::Duration;
/// use ws_server::{LinkPolicy, UserOptions};
///
/// let users = UserOptions::new()
///     .policy(LinkPolicy::Many(3))
///     .authenticate(|asked| async move {
///         match asked.auth.as_deref() {
///             Some("secret") => Ok(()),
///             _ => Err("wrong password"),
///         }
///     })
///     .kick_after(Duration::from_secs(600));
/// ```
#[derive(Clone)]
#[must_use]
pub struct UserOptions {
    pub(super) policy: LinkPolicy,
    pub(super) accept_new_users: bool,
    pub(super) name_rule: Arc<NameRule>,
    pub(super) authenticate: Option<Arc<Hook>>,
    pub(super) authenticate_timeout: Duration,
    pub(in crate::hub) kick_after: Option<Duration>,
    pub(super) max_users: usize,
    pub(super) link_attempts: u32,
    pub(crate) message_events: bool,
}

impl UserOptions {
    /// Every default.
    pub fn new() -> Self {
        Self {
            policy: LinkPolicy::default(),
            accept_new_users: true,
            name_rule: Arc::new(default_name_rule),
            authenticate: None,
            authenticate_timeout: Duration::from_secs(5),
            kick_after: None,
            max_users: 65_536,
            link_attempts: 5,
            message_events: false,
        }
    }

    /// What becomes of a link to a user who has a connection already: it is refused.
    pub const fn policy(mut self, policy: LinkPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether a link may make a new user: yes. Where not, [`Users::join`](super::Users::join) makes them.
    pub const fn accept_new_users(mut self, accept: bool) -> Self {
        self.accept_new_users = accept;
        self
    }

    /// Which names are allowed: [`default_name_rule`]. Names have 1–256 bytes under every rule.
    pub fn name_rule(mut self, rule: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.name_rule = Arc::new(rule);
        self
    }

    /// Asked before each link; without it everybody may link. What it refuses with is told to the client where the
    /// client asked by the [`Presence`](ws_core::presence::Presence) contract. A panic refuses as well, and says nothing.
    ///
    /// It is dropped when the connection ends, and when it takes too long. Where a link is given up while it runs, that
    /// counts as a failed one.
    pub fn authenticate<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: Fn(Authentication) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<LinkDenied>,
    {
        self.authenticate = Some(Arc::new(move |asked| {
            let asked = hook(asked);
            Box::pin(async move { asked.await.map_err(Into::into) })
        }));
        self
    }

    /// How long the hook may take for one link: 5 s.
    pub const fn authenticate_timeout(mut self, timeout: Duration) -> Self {
        self.authenticate_timeout = timeout;
        self
    }

    /// Kicks users who had no connection for this long: never, by default.
    pub const fn kick_after(mut self, after: Duration) -> Self {
        self.kick_after = Some(after);
        self
    }

    /// How many users there may be, those who are offline included: 65,536.
    pub const fn max_users(mut self, users: usize) -> Self {
        self.max_users = users;
        self
    }

    /// How many links of one connection may fail in a row: 5. After that every further one does, without being looked at.
    pub const fn link_attempts(mut self, attempts: u32) -> Self {
        self.link_attempts = attempts;
        self
    }

    /// Whether messages of linked connections are user events: no. It costs a look into the tables for each message.
    pub const fn message_events(mut self, tell: bool) -> Self {
        self.message_events = tell;
        self
    }

    /// Whether anybody is kicked for being offline.
    pub(crate) const fn kicks(&self) -> bool {
        self.kick_after.is_some()
    }

    /// What can never work.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if matches!(self.policy, LinkPolicy::Many(0)) {
            return Err("LinkPolicy::Many must allow at least 1");
        }
        if self.max_users == 0 || self.link_attempts == 0 {
            return Err("max_users and link_attempts must be at least 1");
        }
        let too_long = |duration: Duration| duration.is_zero() || duration > LONGEST_DURATION;
        if too_long(self.authenticate_timeout) {
            return Err("authenticate_timeout must be more than nothing and at most a day");
        }
        Ok(())
    }
}

impl Default for UserOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for UserOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserOptions")
            .field("policy", &self.policy)
            .field("accept_new_users", &self.accept_new_users)
            .field("authenticate", &self.authenticate.is_some())
            .field("authenticate_timeout", &self.authenticate_timeout)
            .field("kick_after", &self.kick_after)
            .field("max_users", &self.max_users)
            .field("link_attempts", &self.link_attempts)
            .field("message_events", &self.message_events)
            .finish_non_exhaustive()
    }
}
