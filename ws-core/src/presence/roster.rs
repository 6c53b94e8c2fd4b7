//! A client's view of who is here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{RosterChange, RosterUser, RosterWatcher};

/// A client's view of who is here, built of the snapshot and the changes that a server tells: serve it with
/// `RosterWatcherProvider::new(roster.clone())`.
///
/// Cheap to clone; every clone is the same view, and remembers by itself which change it was last told of by
/// [`changed`](Self::changed). The server bounds how many users there are; on this side every message is bounded by the
/// connection's limits, so a client that does not trust its server should not keep a roster.
///
/// ```
/// use ws_core::presence::{Roster, RosterWatcherProvider};
///
/// let roster = Roster::new();
/// let provider = RosterWatcherProvider::new(roster.clone());
/// # let _ = provider;
/// assert!(roster.users().is_empty());
/// assert!(!roster.is_live());
/// ```
pub struct Roster {
    board: Arc<Board>,
    /// The version that this handle was last told of.
    seen: AtomicU64,
}

#[derive(Default)]
struct Board {
    view: Mutex<View>,
    on_change: Notify,
}

#[derive(Default)]
struct View {
    users: BTreeMap<String, u32>,
    sequence: u64,
    /// A snapshot has come, nothing is missing since, and it is still kept up to date.
    live: bool,
    /// How often anything has changed here.
    version: u64,
    gaps: u64,
    repeats: u64,
}

impl Roster {
    /// Empty, until a server tells who is here.
    #[must_use]
    pub fn new() -> Self {
        Self { board: Arc::default(), seen: AtomicU64::new(0) }
    }

    /// Who is here, by name, those who are offline included.
    #[must_use]
    pub fn users(&self) -> Vec<RosterUser> {
        let view = self.view();
        let users = view.users.iter();
        users
            .map(|(name, connections)| RosterUser { name: name.clone(), connections: *connections })
            .collect()
    }

    /// The number of the newest change that it shows; 0 before there was a snapshot.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view().sequence
    }

    /// Whether it is kept up to date: a snapshot has come, nothing was missing since, and the connection is linked. It
    /// does not notice the end of a connection.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.view().live
    }

    /// How often changes were missing. What comes after a gap is not shown, until the next snapshot.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.view().gaps
    }

    /// How many changes came that it showed already; they change nothing.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.view().repeats
    }

    /// Resolves when something has changed since this handle last resolved, at once where that is so already.
    ///
    /// # Cancel safety
    /// Safe: no change is missed.
    pub async fn changed(&self) {
        loop {
            let notified = self.board.on_change.notified();
            let version = self.view().version;
            if self.seen.swap(version, Ordering::Relaxed) != version {
                return;
            }
            notified.await;
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.board.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut View)) {
        {
            let mut view = self.view();
            change(&mut view);
            view.version += 1;
        }
        self.board.on_change.notify_waiters();
    }
}

impl View {
    fn apply(&mut self, sequence: u64, change: RosterChange) {
        if sequence <= self.sequence {
            self.repeats += 1;
            return;
        }
        if !self.live {
            return;
        }
        if sequence != self.sequence + 1 || !self.make(change) {
            self.gaps += 1;
            self.live = false;
            return;
        }
        self.sequence = sequence;
    }

    /// False where the change does not fit what is known, which no server of this toolkit sends.
    fn make(&mut self, change: RosterChange) -> bool {
        match change {
            RosterChange::Joined { name } => self.users.insert(name, 0).is_none(),
            RosterChange::Linked { name } => self.users.get_mut(&name).is_some_and(|connections| {
                *connections = connections.saturating_add(1);
                true
            }),
            RosterChange::Unlinked { name } => self.users.get_mut(&name).is_some_and(|connections| {
                let was = *connections;
                *connections = was.saturating_sub(1);
                was > 0
            }),
            RosterChange::Left { name } => self.users.remove(&name).is_some(),
        }
    }
}

impl RosterWatcher for Roster {
    async fn snapshot(&self, sequence: u64, users: Vec<RosterUser>) {
        let users = users.into_iter().map(|user| (user.name, user.connections)).collect();
        self.update(|view| {
            view.users = users;
            view.sequence = sequence;
            view.live = true;
        });
    }

    async fn changed(&self, sequence: u64, change: RosterChange) {
        self.update(|view| view.apply(sequence, change));
    }

    async fn ended(&self) {
        self.update(|view| view.live = false);
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Roster {
    fn clone(&self) -> Self {
        Self { board: Arc::clone(&self.board), seen: AtomicU64::new(self.seen.load(Ordering::Relaxed)) }
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        f.debug_struct("Roster")
            .field("users", &view.users.len())
            .field("sequence", &view.sequence)
            .field("live", &view.live)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(name: &str) -> RosterChange {
        RosterChange::Joined { name: name.to_owned() }
    }

    #[tokio::test]
    async fn r31_changes_are_made_once_in_order_and_a_gap_is_seen() {
        let roster = Roster::new();
        let ann = RosterUser { name: "ann".into(), connections: 1 };
        RosterWatcher::changed(&roster, 1, joined("nobody")).await;
        assert!(!roster.is_live() && roster.users().is_empty(), "nothing before the snapshot");
        roster.snapshot(7, vec![ann.clone()]).await;
        RosterWatcher::changed(&roster, 7, joined("old")).await;
        RosterWatcher::changed(&roster, 8, joined("bob")).await;
        RosterWatcher::changed(&roster, 8, joined("bob")).await;
        assert_eq!((roster.sequence(), roster.repeats(), roster.gaps()), (8, 2, 0));
        assert_eq!(roster.users(), [ann, RosterUser { name: "bob".into(), connections: 0 }]);
        RosterWatcher::changed(&roster, 10, joined("cy")).await;
        assert_eq!((roster.sequence(), roster.gaps(), roster.is_live()), (8, 1, false));
        roster.snapshot(20, vec![]).await;
        assert!(roster.is_live() && roster.users().is_empty(), "a snapshot mends it");
        roster.ended().await;
        assert!(!roster.is_live());
    }

    #[tokio::test]
    async fn a_change_before_the_question_is_not_missed() {
        let roster = Roster::new();
        let other = roster.clone();
        roster.snapshot(1, vec![]).await;
        Roster::changed(&roster).await;
        Roster::changed(&other).await;
        let mut next = std::pin::pin!(Roster::changed(&other));
        assert!(futures::poll!(next.as_mut()).is_pending(), "nothing since");
        roster.ended().await;
        next.await;
    }
}
