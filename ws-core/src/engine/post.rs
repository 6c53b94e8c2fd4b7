//! Broadcast events: one frame for many connections, which waits in each for credit and room, within bounds, and never
//! makes its sender wait (R32).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::{Content, SharedFrame};
use super::deadlines::Due;
use super::entry::{EVENTS, Entry, Kind, Progress, Slow};
use super::pending::POST;
use super::send::Outgoing;
use super::state::{Engine, Role};
use super::{Effects, Key};
use crate::id::ConnectionId;
use crate::limits::LONGEST_DURATION;
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::{MethodId, Streams};

/// What a broadcast is about: of the events of one method that wait in one connection under the same key, only the
/// latest is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LatestKey(KeyOf);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum KeyOf {
    Number(u64),
    Connection(ConnectionId),
    Text(Arc<str>),
}

impl From<u64> for LatestKey {
    fn from(number: u64) -> Self {
        Self(KeyOf::Number(number))
    }
}

impl From<ConnectionId> for LatestKey {
    fn from(id: ConnectionId) -> Self {
        Self(KeyOf::Connection(id))
    }
}

impl From<&str> for LatestKey {
    fn from(text: &str) -> Self {
        Self(KeyOf::Text(text.into()))
    }
}

impl From<&String> for LatestKey {
    fn from(text: &String) -> Self {
        Self(KeyOf::Text(text.as_str().into()))
    }
}

impl From<String> for LatestKey {
    fn from(text: String) -> Self {
        Self(KeyOf::Text(text.into()))
    }
}

impl From<Arc<str>> for LatestKey {
    fn from(text: Arc<str>) -> Self {
        Self(KeyOf::Text(text))
    }
}

/// A broadcast event for one of its receivers.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) method: MethodId,
    pub(crate) frame: SharedFrame,
    pub(crate) slow: Slow,
    /// How long it may wait, where that closes the connection.
    pub(crate) stall: Duration,
    pub(crate) latest: Option<LatestKey>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It is in the outbox.
    Sent,
    /// It waits for its turn, credit or room.
    Waits,
    /// It took the place of an older one that waited.
    Replaced,
    /// There was no room for it.
    Dropped,
    /// The connection has ended, by this or before.
    Closed,
    /// The other side takes no such message: its contract differs, the frame is too large for it, or it is a server.
    Refused,
}

/// Where the latest of each key waits; nothing until something does.
#[derive(Debug, Default)]
pub(super) struct Latest {
    places: Option<Box<Places>>,
}

type Places = HashMap<(MethodId, LatestKey), Key>;

impl Latest {
    /// Keys of posts that have left stay behind while others wait; this many more than wait are swept.
    const SPARE: usize = 32;

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.as_ref().map_or(0, |places| places.len())
    }
}

impl Engine {
    /// Sends a broadcast event, or has it wait within the bounds.
    pub(crate) fn post(&mut self, now: Instant, post: Post, effects: &mut Effects) -> Posted {
        self.now = now;
        if !self.is_active() {
            return Posted::Closed;
        }
        // A client may not send what has the id 0 (R19).
        let refused = self.role == Role::Client || self.schema.refuses_there(post.method);
        if refused || post.frame.len() > self.frame_limit {
            return Posted::Refused;
        }
        if self.pending.head(EVENTS).is_none() && self.admits_event() {
            // One may always be on its way: its bytes are shared, and a server without memory would else take those
            // for slow who are not.
            let behind = self.outbox.queued() > 0;
            if behind && !self.share.covers(self.buffered().saturating_add(post.frame.len())) {
                return self.no_room(post.slow, effects);
            }
            self.write_post(post.frame);
            return Posted::Sent;
        }
        self.wait(post, effects)
    }

    /// Sends a broadcast event if it can leave at once, and gives it back where it cannot.
    pub(crate) fn post_now(
        &mut self,
        now: Instant,
        post: Post,
        effects: &mut Effects,
    ) -> Result<Posted, Post> {
        let waits = self.is_active()
            && self.role == Role::Server
            && !(self.pending.head(EVENTS).is_none() && self.admits_event());
        if waits { Err(post) } else { Ok(self.post(now, post, effects)) }
    }

    fn wait(&mut self, post: Post, effects: &mut Effects) -> Posted {
        let Post { method, frame, slow, stall, latest } = post;
        let (bytes, cost) = (frame.payload().len(), frame.len() + POST);
        let deadline = self.now + if slow == Slow::Close { stall } else { LONGEST_DURATION };
        let message = Outgoing {
            method,
            kind: Kind::Post(slow),
            streams: Streams::Nothing,
            depth: 0,
            deadline,
            reply_to: None,
            answers: false,
            metadata: Vec::new(),
            content: Content::Frame(frame),
        };
        // Of one method: another's events are about something else, whatever the key.
        let latest = latest.map(|latest| (method, latest));
        let place = latest.as_ref().and_then(|latest| self.latest.places.as_ref()?.get(latest)).copied();
        let place = place.filter(|place| self.pending.waits(*place));
        let freed = place.map_or(0, |place| self.pending.post_cost(place));
        let freed_bytes = place.and_then(|place| self.pending.get(place)).map_or(0, |entry| entry.bytes);
        let no_place = || self.pending.waiting() >= self.limits.max_waiting || self.pending.is_full();
        let queued = self.pending.posted() - freed;
        // One that is larger than the bound may wait alone, or it never could be sent.
        let full = (queued > 0 && queued + cost > self.limits.outbox_bytes)
            || (place.is_none() && no_place())
            || !self.share.covers((self.buffered() - freed_bytes).saturating_add(bytes));
        if full {
            return self.no_room(slow, effects);
        }
        if let Some(place) = place {
            // In the place of the old one, and with its deadline: a subject that changes often loses no turn by it.
            if self.pending.replace_waiting(place, message) {
                self.watch(deadline, Due::Pending(place));
            }
            self.stats.broadcasts_replaced += 1;
            return Posted::Replaced;
        }
        let progress = Progress::Waiting(Box::new(message));
        let kind = Kind::Post(slow);
        let key = self.pending.insert(Entry { class: EVENTS, bytes, deadline, waker: None, kind, progress });
        if slow == Slow::Close {
            self.watch(deadline, Due::Pending(key));
        }
        if let Some(latest) = latest {
            let (places, pending) = (self.latest.places.get_or_insert_default(), &self.pending);
            if places.len() > 2 * pending.waiting() + Latest::SPARE {
                places.retain(|_, place| pending.waits(*place));
            }
            places.insert(latest, key);
        }
        Posted::Waits
    }

    /// Nothing is broadcast that waits: no key has a place.
    pub(super) fn forget_latest(&mut self) {
        if self.latest.places.is_some() && self.pending.posted() == 0 {
            self.latest = Latest::default();
        }
    }

    /// One that was waited for found no room in time.
    pub(crate) fn count_dropped_broadcast(&mut self) {
        self.stats.broadcasts_dropped += 1;
    }

    fn no_room(&mut self, slow: Slow, effects: &mut Effects) -> Posted {
        match slow {
            Slow::Drop => {
                self.stats.broadcasts_dropped += 1;
                Posted::Dropped
            }
            Slow::Close => {
                self.too_slow(effects);
                Posted::Closed
            }
        }
    }

    /// The other side does not keep up with what is broadcast to it.
    pub(super) fn too_slow(&mut self, effects: &mut Effects) {
        self.close(CloseInfo::new(code::SLOW, "too slow for what is broadcast", ClosedBy::Local), effects);
    }

    fn write_post(&mut self, frame: SharedFrame) {
        self.allowance.spend(frame.payload().len());
        self.stats.events_sent += 1;
        self.push_frame(frame);
    }

    pub(super) fn push_frame(&mut self, frame: SharedFrame) {
        self.stats.broadcasts_shared += u64::from(self.outbox.push_shared(frame));
    }
}
