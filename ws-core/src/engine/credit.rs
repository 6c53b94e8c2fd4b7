//! Credit, absolute: for events since activation, for items since their stream began (R12, R26, P26, P47): a lost or repeated CREDIT changes nothing.

/// What this side may still send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    messages: u64,
    bytes: u64,
    sent_messages: u64,
    sent_bytes: u64,
}

impl Allowance {
    pub(super) const fn new(messages: u64, bytes: u64) -> Self {
        Self { messages, bytes, sent_messages: 0, sent_bytes: 0 }
    }

    /// The last message may exceed the bytes, or one larger than the window never could be sent.
    pub(super) const fn admits(&self) -> bool {
        self.sent_messages < self.messages && self.sent_bytes < self.bytes
    }

    pub(super) const fn spend(&mut self, bytes: usize) {
        self.spend_all(1, bytes);
    }

    pub(super) const fn spend_all(&mut self, messages: usize, bytes: usize) {
        self.sent_messages += messages as u64;
        self.sent_bytes += bytes as u64;
    }

    /// Takes a CREDIT; an older, lower one is ignored.
    pub(super) fn raise(&mut self, messages: u64, bytes: u64) {
        self.messages = self.messages.max(messages);
        self.bytes = self.bytes.max(bytes);
    }
}

/// Half of a window comes back at once: each CREDIT costs both sides a message.
const FEW: u8 = 2;

/// A sixth of one that is as wide as it gets, whose reader takes whatever comes. With fewer pieces the two sides wait for
/// one another, and that costs more than messages do.
const MANY: u8 = 6;

/// What this side has granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    window_messages: u64,
    window_bytes: u64,
    received: Count,
    consumed: Count,
    granted: Count,
    /// The window comes back in so many pieces.
    pieces: u8,
    owed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl Grant {
    pub(super) fn new(messages: u64, bytes: u64) -> Self {
        let none = Count::default();
        Self {
            window_messages: messages,
            window_bytes: bytes,
            received: none,
            consumed: none,
            granted: Count { messages, bytes },
            pieces: FEW,
            owed: false,
        }
    }

    /// Takes one message in; false where the peer had no credit for it.
    pub(super) const fn receive(&mut self, bytes: usize) -> bool {
        let had = self.received.messages < self.granted.messages && self.received.bytes < self.granted.bytes;
        if had {
            self.received.messages += 1;
            self.received.bytes += bytes as u64;
        }
        had
    }

    /// One message is done with; owes a CREDIT once a piece of the window is free.
    pub(super) const fn consume(&mut self, bytes: usize) {
        self.consume_all(1, bytes as u64);
    }

    /// `messages` with `bytes` in all are done with, as [`consume`](Self::consume).
    pub(super) const fn consume_all(&mut self, messages: u64, bytes: u64) {
        self.consumed.messages += messages;
        self.consumed.bytes += bytes;
        self.look();
    }

    /// The window with twice as much of that which messages of the size so far run out of first.
    pub(super) const fn wider(&self) -> (u64, u64) {
        let (messages, bytes) = self.window();
        let as_many = self.consumed.bytes.saturating_mul(messages);
        let large = as_many > self.consumed.messages.saturating_mul(bytes);
        if large { (messages, bytes * 2) } else { (messages * 2, bytes) }
    }

    /// Grants so much at once from now on, which is not less than before.
    pub(super) const fn widen(&mut self, (messages, bytes): (u64, u64)) {
        self.window_messages = messages;
        self.window_bytes = bytes;
        self.look();
    }

    /// Gives it back in more pieces from now on.
    pub(super) const fn divide(&mut self) {
        self.pieces = MANY;
        self.look();
    }

    /// Whether it comes back in so many pieces that the other side goes on while this one is busy, if it hears of each
    /// at once.
    pub(super) const fn is_divided(&self) -> bool {
        self.pieces == MANY
    }

    /// Whether so much makes up a piece of the window.
    pub(super) const fn is_piece(&self, messages: u64, bytes: u64) -> bool {
        let pieces = self.pieces as u64;
        messages * pieces >= self.window_messages || bytes * pieces >= self.window_bytes
    }

    /// Messages and bytes granted at once.
    pub(super) const fn window(&self) -> (u64, u64) {
        (self.window_messages, self.window_bytes)
    }

    const fn look(&mut self) {
        let messages = self.consumed.messages + self.window_messages - self.granted.messages;
        let bytes = self.consumed.bytes + self.window_bytes - self.granted.bytes;
        self.owed |= self.is_piece(messages, bytes);
    }

    /// These came before anything was granted, and are done with: grants as many anew, and owes the CREDIT that says so.
    pub(super) const fn waive(&mut self, messages: u64, bytes: u64) {
        self.received.messages += messages;
        self.received.bytes += bytes;
        self.consumed.messages += messages;
        self.consumed.bytes += bytes;
        self.granted.messages += messages;
        self.granted.bytes += bytes;
        self.owed = true;
    }

    pub(super) const fn owes(&self) -> bool {
        self.owed
    }

    /// The CREDIT that is owed, if one is.
    pub(super) fn take_owed(&mut self) -> Option<(u64, u64)> {
        if !std::mem::take(&mut self.owed) {
            return None;
        }
        self.granted.messages = self.consumed.messages + self.window_messages;
        self.granted.bytes = self.consumed.bytes + self.window_bytes;
        Some((self.granted.messages, self.granted.bytes))
    }

    /// Bytes received and not consumed.
    pub(super) const fn outstanding_bytes(&self) -> u64 {
        self.received.bytes - self.consumed.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overrun_is_seen() {
        let mut grant = Grant::new(2, 100);
        assert!(grant.receive(99));
        assert!(grant.receive(500), "the last message may exceed the bytes");
        assert!(!grant.receive(1));
        grant.consume(99);
        assert_eq!(grant.take_owed(), Some((3, 199)));
        assert!(!grant.receive(1), "599 bytes received, 199 granted");
        grant.consume(500);
        assert_eq!(grant.take_owed(), Some((4, 699)));
        assert!(grant.receive(1));
    }

    #[test]
    fn credit_is_absolute() {
        let mut allowance = Allowance::new(1, 10);
        allowance.spend(20);
        assert!(!allowance.admits());
        allowance.raise(5, 30);
        assert!(allowance.admits());
        allowance.raise(2, 5);
        assert!(allowance.admits(), "an older CREDIT takes nothing back");
    }
}
