//! WebSocket text messages beside the protocol: none of ours, and perhaps of use to the application (R39, P7).

use std::collections::VecDeque;
use std::time::Instant;

use super::Effects;
use super::state::Engine;
use crate::policy::UnknownFrames;
use crate::protocol::code;

/// Texts of the peer that wait for the application; nothing until the first comes.
#[derive(Default)]
pub(super) struct Foreign(Option<Box<Texts>>);

#[derive(Default)]
struct Texts {
    texts: VecDeque<String>,
    bytes: usize,
}

/// Lengths only: what waits is the application's.
impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foreign").field("texts", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

impl Foreign {
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |texts| texts.bytes)
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |texts| texts.texts.len())
    }

    fn push(&mut self, text: String) {
        let texts = self.0.get_or_insert_default();
        texts.bytes += text.len();
        texts.texts.push_back(text);
    }

    fn pop(&mut self) -> Option<String> {
        let texts = self.0.as_mut()?;
        let text = texts.texts.pop_front()?;
        texts.bytes -= text.len();
        Some(text)
    }
}

/// What the application finds when it asks for a text.
#[derive(Debug)]
pub(crate) enum NextText {
    Text(String),
    /// None yet.
    Nothing,
    /// None any more.
    Over,
}

/// What becomes of a text of this side.
#[derive(Debug)]
pub(crate) enum SentText {
    Sent,
    /// The outbox is full; the text is given back.
    Full(String),
    NotAccepted,
    TooLarge,
    Closed(crate::protocol::CloseInfo),
}

impl Engine {
    /// Takes a WebSocket text message.
    pub(crate) fn receive_text(&mut self, now: Instant, text: String, effects: &mut Effects) {
        self.heard(now);
        self.on_time(now, effects);
        if self.closed.is_some() {
            return;
        }
        if !self.is_active() || self.unknown == UnknownFrames::Close {
            return self.violated(code::UNSUPPORTED, "text where binary messages are expected", effects);
        }
        if text.len() > self.limits.max_message {
            return self.violated(code::TOO_LARGE, "a text exceeds max_message", effects);
        }
        let fits = self.unknown == UnknownFrames::Emit
            && self.foreign.len() < self.limits.text_messages as usize
            && self.foreign.bytes() < self.limits.text_bytes
            && self.share.covers(self.buffered().saturating_add(text.len()));
        if !fits {
            self.stats.texts_dropped += 1;
            return;
        }
        self.stats.texts_received += 1;
        self.foreign.push(text);
        effects.told.text = true;
    }

    /// The next text for the application. Those that had come stay to be taken when the connection has ended.
    pub(crate) fn next_text(&mut self) -> NextText {
        match self.foreign.pop() {
            Some(text) => NextText::Text(text),
            None if self.closed.is_some() || self.unknown != UnknownFrames::Emit => NextText::Over,
            None => NextText::Nothing,
        }
    }

    /// Sends a text, where the outbox has room for it.
    pub(crate) fn send_text(&mut self, text: String) -> SentText {
        if let Some(info) = &self.closed {
            return SentText::Closed(info.clone());
        }
        if !self.is_active() {
            return SentText::NotAccepted;
        }
        if text.len() > self.frame_limit {
            return SentText::TooLarge;
        }
        if !self.outbox.has_room() {
            return SentText::Full(text);
        }
        self.outbox.push_text(text);
        self.stats.texts_sent += 1;
        SentText::Sent
    }
}
