//! The room: who is in it and what was said. It knows nothing of sockets; a member is a remote to tell things to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use ws_core::{SendError, Sending};
use ws_examples::chat::{Line, MemberRemote, SayError};

/// Lines that the room remembers. With [`MAX_TEXT`] they fit into one answer of `Limits::max_message`.
const HISTORY: usize = 200;
/// Members at once.
const MAX_MEMBERS: usize = 1000;
/// Bytes of one line.
const MAX_TEXT: usize = 1000;

/// Who is in it and what was said.
#[derive(Default)]
pub(crate) struct Room {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: BTreeMap<String, Present>,
    lines: VecDeque<Line>,
    said: u64,
}

struct Present {
    remote: MemberRemote,
    /// Dropped with the entry, which is how the connection's handler learns that its member has been put out.
    _seated: oneshot::Sender<()>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not 2 to 16 letters and digits.
    BadName,
    /// Somebody of that name is here.
    NameTaken,
    /// As many are here as there may be.
    Full,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "a name has 2 to 16 letters and digits",
            Self::NameTaken => "somebody of that name is in the room",
            Self::Full => "the room is full",
        })
    }
}

/// A place in the room. Dropped, its member has left.
pub(crate) struct Seat {
    room: Arc<Room>,
    name: String,
    out: oneshot::Receiver<()>,
}

impl Room {
    /// Takes a place, and tells the others.
    ///
    /// Before the connection is accepted, telling the newcomer something fails `NotAccepted`. That loses nothing: it
    /// asks for the history after its acceptance, and finds there what was said before.
    pub(crate) fn enter(self: &Arc<Self>, name: &str, remote: MemberRemote) -> Result<Seat, Refusal> {
        if !(2..=16).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Refusal::BadName);
        }
        let mut state = self.lock();
        if state.members.contains_key(name) {
            return Err(Refusal::NameTaken);
        }
        if state.members.len() == MAX_MEMBERS {
            return Err(Refusal::Full);
        }
        state.tell(|member| member.joined(name.to_owned()));
        let (seated, out) = oneshot::channel();
        state.members.insert(name.to_owned(), Present { remote, _seated: seated });
        Ok(Seat { room: Arc::clone(self), name: name.to_owned(), out })
    }

    /// Says something to everybody.
    pub(crate) fn say(&self, name: &str, text: String) -> Result<u64, SayError> {
        if text.trim().is_empty() {
            return Err(SayError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(SayError::TooLong { bytes: MAX_TEXT as u32 });
        }
        if text.chars().any(char::is_control) {
            return Err(SayError::Unprintable);
        }
        let mut state = self.lock();
        state.said += 1;
        let line = Line { number: state.said, name: name.to_owned(), text };
        if state.lines.len() == HISTORY {
            state.lines.pop_front();
        }
        state.lines.push_back(line.clone());
        // Under the lock, so that everybody hears the lines in the same order.
        state.tell(|member| member.said(line.clone()));
        Ok(line.number)
    }

    /// The newest lines, the oldest first.
    pub(crate) fn history(&self, last: u32) -> Vec<Line> {
        let state = self.lock();
        let skipped = state.lines.len().saturating_sub(last as usize);
        state.lines.iter().skip(skipped).cloned().collect()
    }

    /// Who is here.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().members.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing below can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells everybody, without waiting for anybody: who does not keep up is put out, and the others hear of that.
    fn tell(&mut self, event: impl Fn(&MemberRemote) -> Sending) {
        let mut slow = Vec::new();
        for (name, member) in &self.members {
            // One that has ended is on its way out already; one that is not accepted yet reads the history.
            if event(&member.remote).now() == Err(SendError::Full) {
                slow.push(name.clone());
            }
        }
        for name in slow {
            self.put_out(&name);
        }
    }

    fn put_out(&mut self, name: &str) {
        if self.members.remove(name).is_some() {
            self.tell(|member| member.left(name.to_owned()));
        }
    }
}

impl Seat {
    /// Resolves when the member was put out because it does not keep up.
    pub(crate) async fn lost(&mut self) {
        // The sender never sends; it goes.
        let _ = (&mut self.out).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.room.lock();
        // Where the member was put out before, the place may be another one's by now.
        if self.out.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            state.put_out(&self.name);
        }
    }
}
