//! Messages that are answered by messages: conversations (R19–R21).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ask::Ask;
use crate::context::Metadata;
use crate::error::SendError;
use crate::event::{MessageIds, Sending};
use crate::peer::Peer;
use crate::service::Event;

/// A message that came in: which one it is, and how to answer it. Cheap to clone, and weak like a [`Peer`].
#[derive(Clone)]
pub struct MessageHandle {
    peer: Peer,
    ids: MessageIds,
    /// Where its sender waits for an answer: true until the first one.
    asked: Option<Arc<AtomicBool>>,
    metadata: Option<Arc<Metadata>>,
}

impl MessageHandle {
    pub(crate) const fn new(
        peer: Peer,
        event_id: u64,
        reply_to: Option<u64>,
        asked: Option<Arc<AtomicBool>>,
        metadata: Option<Arc<Metadata>>,
    ) -> Self {
        Self { peer, ids: MessageIds { event_id, reply_to }, asked, metadata }
    }

    /// The untyped handle of the side that sent it.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The message's id and the one it answers.
    #[must_use]
    pub const fn ids(&self) -> MessageIds {
        self.ids
    }

    /// The message's id; 0 for a broadcast, which cannot be answered.
    #[must_use]
    pub const fn event_id(&self) -> u64 {
        self.ids.event_id
    }

    /// The message that this one answers, if it answers one.
    #[must_use]
    pub const fn reply_to(&self) -> Option<u64> {
        self.ids.reply_to
    }

    /// Whether the sender waits for a message that answers this one. The first needs no credit for events.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn is_first(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.swap(false, Ordering::AcqRel))
    }

    /// A value that the sender sent along.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref().and_then(|metadata| metadata.get(key))
    }

    /// Answers with a message and awaits that it is sent.
    ///
    /// # Errors
    /// [`SendError`], `Broadcast` among them.
    ///
    /// # Cancel safety
    /// As [`Sending`].
    pub fn reply<V: Event>(&self, event: V) -> Sending {
        self.peer.send(event).answering(self.ids.event_id, self.is_first())
    }

    /// Answers with a message, without waiting: the form for synchronous listeners. See [`Sending::start`].
    ///
    /// # Errors
    /// Why it will not be sent, as far as that is known now.
    pub fn answer<V: Event>(&self, event: V) -> Result<(), SendError> {
        self.reply(event).start()
    }

    /// Answers with a message, and awaits the message that answers that one.
    ///
    /// # Errors
    /// As [`Peer::ask`]; `NoReply` for an answer to a broadcast.
    ///
    /// # Cancel safety
    /// As [`Ask`].
    pub fn ask<V: Event>(&self, event: V) -> Ask<V> {
        self.peer.ask(event).answering(self.ids.event_id, self.is_first())
    }
}

impl fmt::Debug for MessageHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageHandle").field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// A message that came in, its arguments decoded, and how to answer it.
#[derive(Clone, Debug)]
pub struct Message<V> {
    event: V,
    handle: MessageHandle,
}

impl<V> Message<V> {
    pub(crate) const fn new(event: V, handle: MessageHandle) -> Self {
        Self { event, handle }
    }

    /// The message as plain data.
    #[must_use]
    pub const fn event(&self) -> &V {
        &self.event
    }

    /// The message as plain data, without the means to answer it.
    #[must_use]
    pub fn into_event(self) -> V {
        self.event
    }

    /// The message as plain data, and how to answer it.
    #[must_use]
    pub fn into_parts(self) -> (V, MessageHandle) {
        (self.event, self.handle)
    }

    /// Which message it is, and how to answer it.
    #[must_use]
    pub const fn handle(&self) -> &MessageHandle {
        &self.handle
    }
}

/// A message can do what its handle can: `message.reply(…)`, `message.ask(…)`.
impl<V> std::ops::Deref for Message<V> {
    type Target = MessageHandle;

    fn deref(&self) -> &MessageHandle {
        &self.handle
    }
}
