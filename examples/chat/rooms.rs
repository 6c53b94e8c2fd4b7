//! The rooms: what was said in them. Who is in them is the server's to know: a room is a group of connections.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ws_core::{Casting, Connection};
use ws_examples::chat::{JoinError, Line, MemberBroadcast, SayError};
use ws_server::{Group, Groups, ServerConnection};

use crate::ClientRemote;

/// Lines that a room remembers. With [`MAX_TEXT`] they fit into one answer of `Limits::max_message`.
const HISTORY: usize = 200;
/// Rooms that are remembered. Where there is no place for another, those that nobody is in are forgotten.
const MAX_ROOMS: usize = 100;
/// Bytes of one line.
const MAX_TEXT: usize = 1000;

/// What was said, and where.
pub(crate) struct Rooms {
    /// Knows who is where.
    groups: Groups<ClientRemote>,
    rooms: Mutex<BTreeMap<Arc<str>, Room>>,
}

struct Room {
    members: Group<ClientRemote>,
    lines: VecDeque<Line>,
    said: u64,
}

impl Rooms {
    pub(crate) const fn new(groups: Groups<ClientRemote>) -> Self {
        Self { groups, rooms: Mutex::new(BTreeMap::new()) }
    }

    /// Enters a room, and leaves the one before.
    pub(crate) fn join(
        &self,
        guest: &Connection<ClientRemote>,
        name: &str,
        last: u32,
    ) -> Result<Vec<Line>, JoinError> {
        let user = guest.user().ok_or(JoinError::Nameless)?;
        if !(2..=16).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(JoinError::BadName);
        }
        let mut rooms = self.lock();
        if rooms.len() == MAX_ROOMS && !rooms.contains_key(name) {
            rooms.retain(|_, room| !room.members.is_empty());
            if rooms.len() == MAX_ROOMS {
                return Err(JoinError::TooManyRooms);
            }
        }
        leave(&rooms, guest);
        let room = rooms.entry(name.into()).or_insert_with(|| Room::new(self.groups.group(name)));
        // Under the lock: what was said before is in the history, and of what is said from now on the newcomer hears.
        room.tell(|members| members.entered(name.to_owned(), user.name().to_owned()));
        room.members.insert(guest.id());
        let skipped = room.lines.len().saturating_sub(last as usize);
        Ok(room.lines.iter().skip(skipped).cloned().collect())
    }

    /// Leaves the room.
    pub(crate) fn leave(&self, guest: &Connection<ClientRemote>) -> bool {
        leave(&self.lock(), guest)
    }

    /// Says something to everybody in the room.
    pub(crate) fn say(&self, guest: &Connection<ClientRemote>, text: String) -> Result<u64, SayError> {
        if text.trim().is_empty() {
            return Err(SayError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(SayError::TooLong { bytes: MAX_TEXT as u32 });
        }
        if text.chars().any(char::is_control) {
            return Err(SayError::Unprintable);
        }
        let user = guest.user().ok_or(SayError::NoRoom)?;
        let mut rooms = self.lock();
        let name = guest.groups().pop().ok_or(SayError::NoRoom)?;
        let room = rooms.get_mut(&name).ok_or(SayError::NoRoom)?;
        Ok(room.say(user.name(), text))
    }

    /// Who is in the guest's room.
    pub(crate) fn names(&self, guest: &Connection<ClientRemote>) -> Vec<String> {
        let Some(room) = guest.groups().pop() else { return Vec::new() };
        self.groups.group(room).users().iter().map(|user| user.name().to_owned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Room>> {
        // Nothing here can panic half-way through a change.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    const fn new(members: Group<ClientRemote>) -> Self {
        Self { members, lines: VecDeque::new(), said: 0 }
    }

    fn say(&mut self, name: &str, text: String) -> u64 {
        self.said += 1;
        let line =
            Line { room: self.members.name().to_owned(), number: self.said, name: name.to_owned(), text };
        if self.lines.len() == HISTORY {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        // Under the lock, so that everybody hears the lines in the same order.
        self.tell(|members| members.said(line));
        self.said
    }

    /// Tells everybody, without waiting for anybody. Who does not keep up is closed with 4010, and so gone from the room
    /// and from the roster; it may come again, and read what it has missed.
    fn tell(&self, event: impl FnOnce(MemberBroadcast) -> Casting) {
        let (members, _) = self.members.remote();
        event(members).now();
    }
}

/// A guest is in one room at most: its connection is in no other group.
fn leave(rooms: &BTreeMap<Arc<str>, Room>, guest: &Connection<ClientRemote>) -> bool {
    let Some(room) = guest.groups().pop().and_then(|name| rooms.get(&name)) else { return false };
    room.members.remove(guest.id());
    if let Some(user) = guest.user() {
        room.tell(|members| members.went(room.members.name().to_owned(), user.name().to_owned()));
    }
    true
}
