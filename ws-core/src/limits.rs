//! Every bound of the toolkit, by name.

use std::time::Duration;

/// The largest `max_message` that may be configured: 64 MiB.
pub const MAX_MESSAGE_CEILING: usize = 64 << 20;

/// The longest of any configured duration: a day. Longer ones would be no bound, and overflow a clock.
pub const LONGEST_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest of any limit in bytes but `max_message`: 1 TiB. Larger ones would be no bound, and overflow sums.
pub const LARGEST_BYTES: usize = 1 << 40;

/// How deep calls may nest (R11).
pub const MAX_DEPTH: u8 = 32;

/// Slots at each depth from 1 to [`MAX_DEPTH`]: the smaller of this and `max_in_flight` (R11).
pub const NESTED_SLOTS: u32 = 16;

/// Calls that stream, at each depth from 1 to [`MAX_DEPTH`]: the smaller of this and `max_streams` (R11).
pub const NESTED_STREAMS: u32 = 4;

/// What an item costs a reader's window beside its bytes, when windows are widened.
pub const ITEM_COST: usize = 64;

/// Items wait in the outbox up to this many bytes; then their producers wait, so that answers need not (R38).
pub const ITEMS_AHEAD: usize = 64 << 10;

/// One WebSocket message carries frames up to this many bytes, or a single larger frame (P2).
pub const BATCH_BYTES: usize = 64 << 10;

/// Bytes of a large message that a client masks and writes at once, at most (R46). Each write wakes the other side, so that
/// smaller ones cost more.
pub(crate) const MASKED_BYTES: usize = 512 << 10;

/// Fingerprints that one HELLO may carry in each direction (R35).
pub const MAX_FINGERPRINTS: usize = 4096;

/// Metadata of one message: keys (R35).
pub const MAX_METADATA_KEYS: usize = 16;

/// Metadata of one message: bytes of all keys and values together (R35).
pub const MAX_METADATA_BYTES: usize = 4 << 10;

/// Bytes of a frame before activation: HELLO with every fingerprint and the largest header. Neither side knows the
/// other's `max_message` yet, so their handshake frames have this bound of their own.
pub const MAX_HANDSHAKE: usize = (2 * MAX_FINGERPRINTS * 13) + MAX_HEADER + 1024;

/// The largest `max_header` that may be configured: 64 KiB.
pub const MAX_HEADER: usize = 64 << 10;

/// A rejection's reason, in bytes (R35).
pub const MAX_REASON_BYTES: usize = 1 << 10;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// Every bound of one connection and of one server. Start from `Limits::default()` and change what must differ:
        ///
        /// ```
        /// use ws_core::Limits;
        /// let limits = Limits::default().max_in_flight(1024).max_message(4 << 20).max_call_bytes(16 << 20);
        /// limits.check().unwrap();
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }
    };
}

limits! {
    /// Bytes of one frame, envelope included, in either direction: 1 MiB. At least 1 KiB, at most 64 MiB. The other
    /// side's announced value bounds what is sent.
    max_message: usize = 1 << 20;
    /// Bytes of the header that a client may send: 64 KiB, which is also the most.
    max_header: usize = 64 << 10;
    /// Calls of the peer that run here at once at depth 0: 256; nested ones have 16 more at each depth (R11, R12).
    max_in_flight: u32 = 256;
    /// Argument bytes of the peer's calls that run here at once at depth 0: 4 MiB. At each deeper depth the bound is
    /// one `max_message`. At least `max_message`.
    max_call_bytes: usize = 4 << 20;
    /// Calls that this side has in flight at once, whatever the other side would admit: 65,536.
    max_outgoing: u32 = 65_536;
    /// Calls and events of this side that wait for a slot, for credit or for room in the outbox: 65,536, then
    /// `Overloaded` or `Full`.
    max_waiting: usize = 65_536;
    /// Events of the peer that wait here for their turn: 256.
    event_lane_messages: u32 = 256;
    /// Bytes of the events that wait here for their turn: 1 MiB, which the last one may exceed.
    event_lane_bytes: usize = 1 << 20;
    /// Text messages of the peer that wait for the application: 64, where they are taken at all
    /// ([`UnknownFrames::Emit`](crate::UnknownFrames::Emit)). The newest beyond that are dropped.
    text_messages: u32 = 64;
    /// Bytes of those texts: 1 MiB, which the last one may exceed. At least 1.
    text_bytes: usize = 1 << 20;
    /// Calls that stream, at once, at depth 0: 64 of the peer's here, and no more of this side's there; nested ones have
    /// 4 more at each depth (R11, R26).
    max_streams: u32 = 64;
    /// Items of a stream that the peer may send before the first is read: 32. Windows that are read quickly widen, within
    /// `stream_buffer`.
    stream_items: u32 = 32;
    /// Bytes of the items that the peer may send before the first is read: 8 KiB, which the last one may exceed. So
    /// 64 streams that are read and 64 that are uploaded fit into 1 MiB before any window is widened.
    stream_bytes: usize = 8 << 10;
    /// Bytes up to which the windows of all streams of a connection widen, counting 64 for each item: 1 MiB. Streams
    /// that open later have their first windows all the same.
    stream_buffer: usize = 1 << 20;
    /// Bytes that wait to be written to one connection: 1 MiB, which the last frame may exceed (R38).
    outbox_bytes: usize = 1 << 20;
    /// Bytes beyond `outbox_bytes` for the small answers that no handler gives: 64 KiB (R38). Raised to 16 for
    /// each of `max_in_flight` + 512 calls and `max_streams` + 128 streams, all of which may have to be refused while the outbox is full.
    outbox_reserve: usize = 64 << 10;
    /// Bytes of calls, events and answers that a server buffers over all its connections: 1 GiB, then `Overloaded`.
    max_buffered_bytes: usize = 1 << 30;
    /// Bytes that are read from a socket at once: 64 KiB, into a buffer for all sockets of a thread. A client that sends
    /// messages larger than 16 KiB puts their masks on in the same buffer, which has up to 512 KiB then.
    read_buffer: usize = 64 << 10;
    /// Overloads by a peer that ignores its announced limits, before it is closed 1008: 64 (R12).
    max_violations: u32 = 64;
    /// Nesting of one payload: 64 (R35).
    max_nesting: usize = 64;
    /// Elements of one payload beyond one per byte, for types that take no bytes: 65,536 (R35).
    spare_elements: usize = 65_536;
    /// The deadline of a call that sets none: 30 s (R14).
    call_timeout: Duration = Duration::from_secs(30);
    /// The longest deadline of a call, asked here or served here, and the longest that an event's handler may run:
    /// 10 min (R14).
    max_call_timeout: Duration = Duration::from_secs(600);
    /// How long `send` waits for credit and room: 5 s, then `SendError::Full` (R12).
    send_timeout: Duration = Duration::from_secs(5);
    /// Silence after which the peer is pinged: 15 s, at least 100 ms (R33).
    ping_interval: Duration = Duration::from_secs(15);
    /// Silence after a ping until the peer counts as dead: 10 s (R33).
    ping_grace: Duration = Duration::from_secs(10);
    /// How long bytes may wait without any being written, until 4008: 10 s (R38).
    write_stall: Duration = Duration::from_secs(10);
    /// How long a close waits for the outbox and the peer's own close: 5 s (R3).
    close_grace: Duration = Duration::from_secs(5);
    /// Server: how long a connection may take for TLS and its upgrade request: 5 s (R4).
    upgrade_timeout: Duration = Duration::from_secs(5);
    /// Server: how long an upgraded connection may take to send its header: 5 s (R6).
    header_timeout: Duration = Duration::from_secs(5);
    /// Server: how long the handler may take to decide: 10 s (R6).
    decision_timeout: Duration = Duration::from_secs(10);
    /// Client: how long the whole way from dialling to acceptance may take: 10 s (R36).
    connect_timeout: Duration = Duration::from_secs(10);
    /// Server: connections that are not activated yet, in all: 1,024 (R6).
    max_unactivated: usize = 1024;
    /// Server: connections that are not activated yet, from one address: 64 (R6).
    max_unactivated_per_address: usize = 64;
}

/// A configuration that can never work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LimitsError(pub(crate) &'static str);

impl Limits {
    /// Whether these limits can work together.
    ///
    /// # Errors
    /// The first one that cannot, and why.
    pub fn check(&self) -> Result<(), LimitsError> {
        let rules = [
            (self.max_message >= 1 << 10, "max_message must be at least 1 KiB"),
            (self.max_message <= MAX_MESSAGE_CEILING, "max_message must be at most 64 MiB"),
            (self.max_header <= MAX_HEADER, "max_header must be at most 64 KiB"),
            (self.max_in_flight >= 1, "max_in_flight must be at least 1"),
            (self.max_call_bytes >= self.max_message, "max_call_bytes must admit one max_message"),
            ((1..=65_536).contains(&self.max_outgoing), "max_outgoing must be 1 to 65,536"),
            ((1..=900_000).contains(&self.max_waiting), "max_waiting must be 1 to 900,000"),
            (self.event_lane_messages >= 1, "event_lane_messages must be at least 1"),
            (self.event_lane_bytes >= 1, "event_lane_bytes must be at least 1"),
            (self.text_messages >= 1, "text_messages must be at least 1"),
            (self.text_bytes >= 1, "text_bytes must be at least 1"),
            ((1..=65_536).contains(&self.max_streams), "max_streams must be 1 to 65,536"),
            ((1..=1 << 20).contains(&self.stream_items), "stream_items must be 1 to 1,048,576"),
            (self.stream_bytes >= 1, "stream_bytes must be at least 1"),
            (self.outbox_bytes >= 1, "outbox_bytes must be at least 1"),
            (self.read_buffer >= 256, "read_buffer must be at least 256 bytes"),
            (self.max_nesting >= 1, "max_nesting must be at least 1"),
            (self.ping_interval >= Duration::from_millis(100), "ping_interval must be at least 100 ms"),
            (!self.call_timeout.is_zero(), "call_timeout must not be zero"),
            (self.call_timeout <= self.max_call_timeout, "call_timeout must not exceed max_call_timeout"),
            (!self.header_timeout.is_zero(), "header_timeout must not be zero"),
            (!self.decision_timeout.is_zero(), "decision_timeout must not be zero"),
            (!self.upgrade_timeout.is_zero(), "upgrade_timeout must not be zero"),
            (!self.connect_timeout.is_zero(), "connect_timeout must not be zero"),
            (!self.write_stall.is_zero(), "write_stall must not be zero"),
            (self.max_unactivated >= 1, "max_unactivated must be at least 1"),
            (self.max_unactivated_per_address >= 1, "max_unactivated_per_address must be at least 1"),
        ];
        if let Some((_, text)) = rules.iter().find(|(holds, _)| !holds) {
            return Err(LimitsError(text));
        }
        if self.byte_limits().into_iter().any(|bytes| bytes > LARGEST_BYTES) {
            return Err(LimitsError("no limit in bytes may exceed 1 TiB"));
        }
        if self.durations().into_iter().any(|duration| duration > LONGEST_DURATION) {
            return Err(LimitsError("no duration may exceed a day"));
        }
        Ok(())
    }

    /// The calls of the peer that may run here at once, at all depths.
    pub(crate) const fn all_slots(&self) -> usize {
        self.max_in_flight as usize + MAX_DEPTH as usize * NESTED_SLOTS as usize
    }

    /// The calls of the peer that may stream here at once, at all depths.
    pub(crate) const fn all_streams(&self) -> usize {
        self.max_streams as usize + MAX_DEPTH as usize * NESTED_STREAMS as usize
    }

    /// The reserve of the outbox, see [`outbox_reserve`](Self::outbox_reserve).
    pub(crate) fn reserve(&self) -> usize {
        self.outbox_reserve.max(16 * (self.all_slots() + self.all_streams()))
    }

    const fn byte_limits(&self) -> [usize; 9] {
        [
            self.text_bytes,
            self.stream_bytes,
            self.stream_buffer,
            self.max_call_bytes,
            self.event_lane_bytes,
            self.outbox_bytes,
            self.outbox_reserve,
            self.max_buffered_bytes,
            self.read_buffer,
        ]
    }

    const fn durations(&self) -> [Duration; 11] {
        [
            self.call_timeout,
            self.max_call_timeout,
            self.send_timeout,
            self.ping_interval,
            self.ping_grace,
            self.write_stall,
            self.close_grace,
            self.upgrade_timeout,
            self.header_timeout,
            self.decision_timeout,
            self.connect_timeout,
        ]
    }

    /// What decoding one payload may take.
    pub(crate) const fn decode(&self) -> DecodeLimits {
        DecodeLimits { depth: self.max_nesting, spare_elements: self.spare_elements }
    }

    /// The largest WebSocket message that the other side may send: a batch, a handshake, or one frame with its length.
    #[must_use]
    pub const fn max_websocket_message(&self) -> usize {
        let one_frame = self.max_message + crate::protocol::MAX_VARINT;
        let handshake = MAX_HANDSHAKE + crate::protocol::MAX_VARINT;
        // A handshake frame is longer than a batch may be.
        if one_frame > handshake { one_frame } else { handshake }
    }

    /// The most bytes that one connection can hold at its worst, payloads and queues together (README, limits table).
    #[must_use]
    pub const fn worst_case_bytes(&self) -> usize {
        let nested = self.max_message * MAX_DEPTH as usize;
        let calls = self.max_call_bytes + nested;
        let events = self.event_lane_bytes + self.max_message;
        let texts = self.text_bytes + self.max_message;
        let outbox = self.outbox_bytes + self.max_message + self.outbox_reserve;
        // Broadcasts that wait; one may be larger than their bound.
        let broadcasts = self.outbox_bytes + self.max_message;
        let metadata = (self.all_slots() + self.event_lane_messages as usize) * MAX_METADATA_BYTES;
        // What the peer uploads; the last item of each may exceed its window by one message.
        let window = self.stream_bytes + self.stream_items as usize * ITEM_COST + self.max_message;
        let streams = self.all_streams() * window + self.stream_buffer;
        let scratch = if self.read_buffer > MASKED_BYTES { self.read_buffer } else { MASKED_BYTES };
        let socket = scratch + 2 * self.max_websocket_message();
        calls + events + streams + texts + metadata + outbox + broadcasts + socket
    }
}

/// What decoding one payload may take (R35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Levels of nesting.
    pub depth: usize,
    /// Elements beyond one per byte of the payload.
    pub spare_elements: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Limits::default().decode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work() {
        Limits::default().check().expect("the defaults hold their own rules");
    }

    #[test]
    fn what_can_never_work_is_refused() {
        assert!(Limits::default().max_in_flight(0).check().is_err());
        assert!(Limits::default().max_message(128 << 20).check().is_err());
        assert!(Limits::default().max_call_bytes(10).check().is_err());
        assert!(Limits::default().call_timeout(Duration::from_secs(601)).check().is_err());
        assert!(
            Limits::default().ping_interval(Duration::MAX).check().is_err(),
            "it would overflow the clock"
        );
    }
}
