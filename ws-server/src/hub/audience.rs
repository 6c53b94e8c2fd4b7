//! Whom a broadcast reaches.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use ws_core::broadcast::{BroadcastHandle, LatestKey, Recipients, SlowConsumer};
use ws_core::link::Link;
use ws_core::{Broadcast, Connection, ConnectionId, Peer, Remote};

use super::by_id::Ids;
use super::directory::{Directory, typed};
use super::group::Group;
use super::tables::Tables;
use super::user::User;

/// A choice of a server's activated connections, for a stub that tells or asks all of them something. It is looked up
/// anew for each message; each connection is in it once. Weak: it keeps neither connections nor the server.
///
/// ```
/// # use ws_core::ws_service;
/// # use ws_core::ConnectionId;
/// # #[ws_service] pub trait Screen { #[ws(event)] async fn typing(&self, name: String); }
/// # type Server = ws_server::WebSocketServer<(), (), ScreenRemote>;
/// # async fn tell(server: &Server, myself: ConnectionId) {
/// let others = server.audience().group("lobby").except(myself);
/// let report = others.remote().typing("alice".to_owned()).await;
/// println!("{} were told", report.reached);
/// # }
/// ```
#[must_use = "an audience is there for its stub"]
pub struct Audience<R, C = ()> {
    choice: Choice,
    slow: SlowConsumer,
    latest: Option<LatestKey>,
    types: PhantomData<fn() -> (R, C)>,
}

/// Some of the connections: by their ids, or those of users or groups. From a [`ConnectionId`], several, a [`User`] or a
/// [`Group`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Connections(Vec<ConnectionId>),
    Users(Vec<Arc<str>>),
    Groups(Vec<Arc<str>>),
}

#[derive(Clone)]
struct Choice {
    directory: Weak<Directory>,
    /// All of them, where nothing was chosen; a choice of nobody is one.
    chosen: Option<Vec<Selector>>,
    except: Vec<Selector>,
    filters: Vec<Filter>,
}

type Filter = Arc<dyn Fn(&Link) -> bool + Send + Sync>;

impl Selector {
    /// The connections of a user.
    pub fn user(name: impl AsRef<str>) -> Self {
        Self::users([name])
    }

    /// The connections of several users.
    pub fn users(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(Kind::Users(names.into_iter().map(|name| Arc::from(name.as_ref())).collect()))
    }

    /// The members of a group.
    pub fn group(name: impl AsRef<str>) -> Self {
        Self::groups([name])
    }

    /// The members of several groups.
    pub fn groups(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(Kind::Groups(names.into_iter().map(|name| Arc::from(name.as_ref())).collect()))
    }

    /// Whether no connection can be meant twice.
    fn names_each_once(&self) -> bool {
        match &self.0 {
            Kind::Connections(ids) => ids.len() <= 1,
            Kind::Users(names) | Kind::Groups(names) => names.len() <= 1,
        }
    }

    /// Calls `each` with every connection that is meant, perhaps more than once.
    fn visit(&self, tables: &Tables, mut each: impl FnMut(ConnectionId)) {
        match &self.0 {
            Kind::Connections(ids) => ids.iter().copied().for_each(each),
            Kind::Users(names) => {
                let records = names.iter().filter_map(|name| tables.users.get(name));
                records.flat_map(|record| &record.connections).copied().for_each(&mut each);
            }
            Kind::Groups(names) => {
                let groups = names.iter().filter_map(|name| tables.groups.get(name));
                groups.flatten().copied().for_each(&mut each);
            }
        }
    }
}

impl From<ConnectionId> for Selector {
    fn from(id: ConnectionId) -> Self {
        Self(Kind::Connections(vec![id]))
    }
}

impl<const N: usize> From<[ConnectionId; N]> for Selector {
    fn from(ids: [ConnectionId; N]) -> Self {
        Self(Kind::Connections(ids.to_vec()))
    }
}

impl From<&[ConnectionId]> for Selector {
    fn from(ids: &[ConnectionId]) -> Self {
        Self(Kind::Connections(ids.to_vec()))
    }
}

impl From<Vec<ConnectionId>> for Selector {
    fn from(ids: Vec<ConnectionId>) -> Self {
        Self(Kind::Connections(ids))
    }
}

impl From<&User> for Selector {
    fn from(user: &User) -> Self {
        Self::user(user.name())
    }
}

impl<R> From<&Group<R>> for Selector {
    fn from(group: &Group<R>) -> Self {
        Self::group(group.name())
    }
}

impl<R, C> Audience<R, C> {
    pub(crate) fn new(directory: Weak<Directory>) -> Self {
        let choice = Choice { directory, chosen: None, except: Vec::new(), filters: Vec::new() };
        Self { choice, slow: SlowConsumer::default(), latest: None, types: PhantomData }
    }

    /// Everybody; so it is where nothing else is chosen.
    pub fn all(mut self) -> Self {
        self.choice.chosen = None;
        self
    }

    /// These as well: connections, users or groups.
    pub fn and(mut self, selector: impl Into<Selector>) -> Self {
        self.choice.chosen.get_or_insert_default().push(selector.into());
        self
    }

    /// The connections of this user as well.
    pub fn user(self, name: impl AsRef<str>) -> Self {
        self.and(Selector::user(name))
    }

    /// The connections of these users as well. Of no users it is nobody, not everybody.
    pub fn users(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.and(Selector::users(names))
    }

    /// The members of this group as well.
    pub fn group(self, name: impl AsRef<str>) -> Self {
        self.and(Selector::group(name))
    }

    /// The members of these groups as well. Of no groups it is nobody, not everybody.
    pub fn groups(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.and(Selector::groups(names))
    }

    /// But not these.
    pub fn except(mut self, selector: impl Into<Selector>) -> Self {
        self.choice.except.push(selector.into());
        self
    }

    /// What becomes of an event where a connection does not keep up: it is closed (R32).
    pub const fn slow(mut self, slow: SlowConsumer) -> Self {
        self.slow = slow;
        self
    }

    /// Of the events of one method that wait for one connection under this key, only the latest is sent.
    pub fn latest_by(mut self, key: impl Into<LatestKey>) -> Self {
        self.latest = Some(key.into());
        self
    }

    /// Who they are now.
    #[must_use]
    pub fn ids(&self) -> Vec<ConnectionId> {
        self.choice.links().iter().map(Link::id).collect()
    }

    /// How many they are now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.choice.links().len()
    }

    /// Whether there is nobody now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stub that reaches them by another contract than the server's remote.
    #[must_use]
    pub fn remote_as<S: Remote>(&self) -> S::Broadcast {
        let mut handle = BroadcastHandle::new(Arc::new(self.choice.clone())).slow(self.slow);
        if let Some(key) = &self.latest {
            handle = handle.latest_by(key.clone());
        }
        S::Broadcast::from_handle(handle)
    }
}

impl<R: Remote, C> Audience<R, C> {
    /// The stub that reaches them: an event gives a [`Delivery`](ws_core::Delivery), a call a
    /// [`Gather`](ws_core::Gather).
    #[must_use]
    pub fn remote(&self) -> R::Broadcast {
        self.remote_as::<R>()
    }
}

impl<R: Remote, C: Send + 'static> Audience<R, C> {
    /// Those alone for which this holds; it is asked for each message, in the place of its sending.
    pub fn filter(mut self, filter: impl Fn(&Connection<R, C>) -> bool + Send + Sync + 'static) -> Self {
        let filter = move |link: &Link| typed(link).is_some_and(|connection| filter(&connection));
        self.choice.filters.push(Arc::new(filter));
        self
    }
}

impl Choice {
    /// Those who are accepted and open. The filters are the application's, and run without the lock.
    fn links(&self) -> Vec<Link> {
        let Some(directory) = self.directory.upgrade() else { return Vec::new() };
        let mut links = directory.look(|tables| self.find(tables));
        links.retain(|link| link.is_active() && self.filters.iter().all(|holds| holds(link)));
        links
    }

    fn find(&self, tables: &Tables) -> Vec<Link> {
        // Whoever is out is as good as seen.
        let mut seen = Ids::default();
        for selector in &self.except {
            selector.visit(tables, |id| {
                seen.insert(id);
            });
        }
        let Some(chosen) = &self.chosen else {
            let entries = tables.entries.iter().filter(|(id, entry)| entry.enrolled && !seen.contains(id));
            return entries.map(|(_, entry)| entry.link.clone()).collect();
        };
        let each_once = matches!(&chosen[..], [selector] if selector.names_each_once());
        let mut links = Vec::new();
        for selector in chosen {
            selector.visit(tables, |id| {
                let entry = tables.entries.get(&id).filter(|entry| entry.enrolled);
                if let Some(entry) =
                    entry.filter(|_| if each_once { !seen.contains(&id) } else { seen.insert(id) })
                {
                    links.push(entry.link.clone());
                }
            });
        }
        links
    }
}

impl Recipients for Choice {
    fn recipients(&self) -> Vec<Peer> {
        self.links().into_iter().map(Link::into_peer).collect()
    }
}

impl<R, C> Clone for Audience<R, C> {
    fn clone(&self) -> Self {
        let (choice, latest) = (self.choice.clone(), self.latest.clone());
        Self { choice, slow: self.slow, latest, types: PhantomData }
    }
}

impl<R, C> fmt::Debug for Audience<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("chosen", &self.choice.chosen)
            .field("except", &self.choice.except)
            .field("filters", &self.choice.filters.len())
            .field("slow", &self.slow)
            .finish_non_exhaustive()
    }
}
