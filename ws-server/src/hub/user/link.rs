//! How a connection comes by a user (R28).

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::FutureExt;
use tokio::time::Instant;
use ws_core::ConnectionId;
use ws_core::link::Link;

use super::handle::User;
use super::name::is_within_bounds;
use super::options::{Authentication, LinkPolicy};
use crate::hub::Directory;
use crate::hub::tables::{Occupied, Tables};

/// What a link may bring to prove itself.
const MAX_AUTH: usize = 4096;
/// What a client is told of a refusal.
const MAX_REASON: usize = 1024;

/// What an authenticate hook refuses with; the client may be told it. Cut to 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkDenied(Cow<'static, str>);

impl LinkDenied {
    /// With this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into();
        if reason.len() > MAX_REASON {
            let end = (0..=MAX_REASON).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
            reason = Cow::Owned(reason[..end].to_owned());
        }
        Self(reason)
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for LinkDenied {
    fn from(reason: &'static str) -> Self {
        Self::new(reason)
    }
}

impl From<String> for LinkDenied {
    fn from(reason: String) -> Self {
        Self::new(reason)
    }
}

/// Why a connection was not linked; it stays open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It is not activated, or has ended, or is none of this server's.
    #[error("the connection is not open")]
    NotConnected,
    /// It has a user already.
    #[error("the connection is linked already")]
    AlreadyLinked,
    /// Another link of the connection is in progress, or the user comes and goes too fast to ask about.
    #[error("another link is in progress")]
    Busy,
    /// Too many links of this connection failed in a row.
    #[error("too many links of this connection failed")]
    TooManyAttempts,
    /// The rule does not allow the name.
    #[error("the name is not allowed")]
    InvalidName,
    /// `auth` is longer than 4 KiB.
    #[error("the auth value is longer than 4 KiB")]
    AuthTooLong,
    /// There is no such user, and no new ones are taken.
    #[error("new users are not accepted")]
    NoNewUsers,
    /// There is no such user, and no room for a new one.
    #[error("there is no room for new users")]
    Full,
    /// The user has a connection already: [`LinkPolicy::RejectNew`].
    #[error("the name is taken")]
    Taken,
    /// The user has as many connections as it may have: [`LinkPolicy::Many`].
    #[error("the user has too many connections")]
    TooMany,
    /// The authenticate hook refused.
    #[error("denied: {0}")]
    Denied(LinkDenied),
    /// The authenticate hook took too long.
    #[error("the authentication took too long")]
    Timeout,
    /// The authenticate hook or the name rule panicked.
    #[error("the authentication failed")]
    Internal,
}

impl LinkError {
    /// Whether it says something about what was asked, and so counts against the attempts.
    const fn counts(&self) -> bool {
        !matches!(self, Self::NotConnected | Self::AlreadyLinked | Self::Busy | Self::TooManyAttempts)
    }
}

impl From<Occupied> for LinkError {
    fn from(occupied: Occupied) -> Self {
        match occupied {
            Occupied::Taken => Self::Taken,
            Occupied::TooMany => Self::TooMany,
        }
    }
}

/// The one link of its connection that is in progress. Dropped on the way it leaves nothing behind but that it failed,
/// if the hook was asked: or who guesses could take each guess back.
struct Linking<'a> {
    directory: &'a Directory,
    id: ConnectionId,
    asked: bool,
}

impl Linking<'_> {
    fn finish(&mut self, error: Option<&LinkError>) {
        self.asked = error.is_some_and(LinkError::counts);
    }
}

impl Drop for Linking<'_> {
    fn drop(&mut self) {
        let (id, failed) = (self.id, self.asked);
        self.directory.with(|tables| {
            if let Some(entry) = tables.entries.get_mut(&id) {
                entry.linking = false;
                if failed {
                    entry.failed_links = entry.failed_links.saturating_add(1);
                }
            }
        });
    }
}

impl Directory {
    /// Links a connection to a user, which is made if it is not there.
    pub(crate) async fn link(
        self: &Arc<Self>,
        id: ConnectionId,
        name: String,
        auth: Option<String>,
    ) -> Result<User, LinkError> {
        let link = self.with(|tables| self.begin(tables, id))?;
        let mut linking = Linking { directory: self, id, asked: false };
        let linked = self.try_link(&link, name, auth, &mut linking).await;
        linking.finish(linked.as_ref().err());
        drop(linking);
        linked
    }

    fn begin(&self, tables: &mut Tables, id: ConnectionId) -> Result<Link, LinkError> {
        let entry = tables.active(id).ok_or(LinkError::NotConnected)?;
        if entry.failed_links >= self.settings.users.link_attempts {
            return Err(LinkError::TooManyAttempts);
        }
        if entry.linking {
            return Err(LinkError::Busy);
        }
        if entry.user.is_some() {
            return Err(LinkError::AlreadyLinked);
        }
        entry.linking = true;
        Ok(entry.link.clone())
    }

    async fn try_link(
        self: &Arc<Self>,
        link: &Link,
        name: String,
        auth: Option<String>,
        linking: &mut Linking<'_>,
    ) -> Result<User, LinkError> {
        if auth.as_ref().is_some_and(|auth| auth.len() > MAX_AUTH) {
            return Err(LinkError::AuthTooLong);
        }
        self.check_name(&name)?;
        let name: Arc<str> = name.into();
        let mut is_new = self.look(|tables| self.may_link(tables, &name))?;
        let deadline = Instant::now() + self.settings.users.authenticate_timeout;
        loop {
            let asked = Authentication {
                name: Arc::clone(&name),
                is_new,
                auth: auth.clone(),
                connection: link.id(),
                address: link.peer().remote_address(),
            };
            linking.asked = true;
            self.authenticate(link, asked, deadline).await?;
            match self.with(|tables| self.register(tables, link.id(), &name, is_new))? {
                Some(name) => return Ok(User::new(name, Arc::downgrade(self))),
                // It was asked about a new user, and there is one, or the other way round.
                None if Instant::now() < deadline => is_new = !is_new,
                None => return Err(LinkError::Timeout),
            }
        }
    }

    /// The name rule is the application's: outside of the lock, and it may panic.
    pub(super) fn check_name(&self, name: &str) -> Result<(), LinkError> {
        let rule = &self.settings.users.name_rule;
        match catch_unwind(AssertUnwindSafe(|| is_within_bounds(name) && rule(name))) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LinkError::InvalidName),
            Err(_) => {
                tracing::error!("the rule for names panicked");
                Err(LinkError::Internal)
            }
        }
    }

    /// Whether the tables allow it; tells whether the user would be new.
    fn may_link(&self, tables: &Tables, name: &str) -> Result<bool, LinkError> {
        let options = &self.settings.users;
        let is_new = !tables.users.contains_key(name);
        if is_new && !options.accept_new_users {
            return Err(LinkError::NoNewUsers);
        }
        if is_new && tables.users.len() >= options.max_users {
            return Err(LinkError::Full);
        }
        tables.may_link(name, options.policy)?;
        Ok(is_new)
    }

    async fn authenticate(
        &self,
        link: &Link,
        asked: Authentication,
        deadline: Instant,
    ) -> Result<(), LinkError> {
        let Some(hook) = &self.settings.users.authenticate else { return Ok(()) };
        let hook = AssertUnwindSafe(async move { hook(asked).await }).catch_unwind();
        tokio::select! {
            biased;
            () = link.ending() => Err(LinkError::NotConnected),
            () = tokio::time::sleep_until(deadline) => Err(LinkError::Timeout),
            answer = hook => match answer {
                Ok(Ok(())) => Ok(()),
                Ok(Err(denied)) => Err(LinkError::Denied(denied)),
                Err(_) => {
                    tracing::error!(connection = %link.id(), "an authenticate hook panicked");
                    Err(LinkError::Internal)
                }
            },
        }
    }

    /// Everything again, then all at once; none where the hook was asked about another state of affairs.
    fn register(
        &self,
        tables: &mut Tables,
        id: ConnectionId,
        name: &str,
        asked_as_new: bool,
    ) -> Result<Option<Arc<str>>, LinkError> {
        if tables.active(id).is_none() {
            return Err(LinkError::NotConnected);
        }
        if self.may_link(tables, name)? != asked_as_new {
            return Ok(None);
        }
        let replace = self.settings.users.policy == LinkPolicy::Replace;
        Ok(Some(tables.link(id, name, replace, Instant::now())))
    }
}
