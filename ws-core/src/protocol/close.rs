//! How a connection ended: codes, and who ended it.

use std::fmt;

/// Close codes (P40; RFC 6455 section 7.4). 4000–4499: the client may reconnect; 4500–4999: it must not.
pub mod code {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The server goes down.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A kind of WebSocket message that is not taken, such as text on a binary connection.
    pub const UNSUPPORTED: u16 = 1003;
    /// No close frame carried a code. Never sent.
    pub const NO_STATUS: u16 = 1005;
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Text that is not UTF-8.
    pub const INVALID_UTF8: u16 = 1007;
    /// The peer ignores a bound it was told, or was not decided upon.
    pub const POLICY: u16 = 1008;
    /// A message over the limit.
    pub const TOO_LARGE: u16 = 1009;
    /// A failure on this side that is not the peer's.
    pub const INTERNAL: u16 = 1011;
    /// Nothing was heard from the peer for the ping interval and its grace (R33).
    pub const HEARTBEAT: u16 = 4007;
    /// Nothing could be written to the peer for the write stall (R38).
    pub const WRITE_STALL: u16 = 4008;
    /// The header or the decision did not come in time (R6).
    pub const ACTIVATION_TIMEOUT: u16 = 4009;
    /// The peer takes what is broadcast too slowly (R32).
    pub const SLOW: u16 = 4010;
    /// The server has as much as it can take; try again later.
    pub const BUSY: u16 = 4013;
    /// The header's credentials are not accepted.
    pub const UNAUTHORIZED: u16 = 4501;
    /// The header's owner may not connect.
    pub const FORBIDDEN: u16 = 4503;
    /// Protocol versions that do not match (R5).
    pub const VERSION: u16 = 4505;
    /// A header that does not decode as the type that the server expects.
    pub const INVALID_HEADER: u16 = 4506;
}

/// Which side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// This side.
    Local,
    /// The other side.
    Peer,
    /// Neither: the socket died.
    Network,
}

/// How a connection ended (R34).
#[derive(Clone)]
#[non_exhaustive]
pub struct CloseInfo {
    /// The close code, see [`code`].
    pub code: u16,
    /// The text that travelled with it, at most 123 bytes.
    pub reason: String,
    /// Who ended it.
    pub by: ClosedBy,
    /// Whether both sides exchanged their close frames.
    pub clean: bool,
    /// For the copy that fails a call: it certainly had not left this side.
    pub(crate) unsent: bool,
    /// The peer is not expected to answer, and not waited for.
    pub(crate) abrupt: bool,
}

impl CloseInfo {
    /// The connection was dropped on this side, without a close frame.
    pub(crate) fn dropped() -> Self {
        Self::new(code::ABNORMAL, "the connection was dropped", ClosedBy::Local)
    }

    /// An end with this code and reason; the reason is cut to what a close frame can carry.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<String>, by: ClosedBy) -> Self {
        let mut reason = reason.into();
        let length = clip(&reason, MAX_CLOSE_TEXT).len();
        reason.truncate(length);
        Self { code, reason, by, clean: false, unsent: false, abrupt: false }
    }

    /// Whether the code invites the client to connect again: 1001, 1006, 1011, 1012 to 1014 and 4000 to 4499.
    #[must_use]
    pub const fn may_reconnect(&self) -> bool {
        matches!(self.code, 1001 | 1006 | 1011..=1014 | 4000..=4499)
    }

    pub(crate) const fn abruptly(mut self) -> Self {
        self.abrupt = true;
        self
    }

    pub(crate) const fn not_sent(mut self) -> Self {
        self.unsent = true;
        self
    }
}

impl PartialEq for CloseInfo {
    fn eq(&self, other: &Self) -> bool {
        (self.code, &self.reason, self.by, self.clean) == (other.code, &other.reason, other.by, other.clean)
    }
}

impl Eq for CloseInfo {}

impl fmt::Debug for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseInfo")
            .field("code", &self.code)
            .field("reason", &self.reason)
            .field("by", &self.by)
            .field("clean", &self.clean)
            .finish()
    }
}

/// How a connection ended is an error for whoever waited for something else of it.
impl std::error::Error for CloseInfo {}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            ClosedBy::Local => "by this side",
            ClosedBy::Peer => "by the other side",
            ClosedBy::Network => "by the network",
        };
        write!(f, "closed {by}, code {}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

/// RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the code.
const MAX_CLOSE_TEXT: usize = 123;

/// The longest prefix of `text` within `limit` bytes that ends between characters (R35).
pub(crate) fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        let info = CloseInfo::new(1000, "ä".repeat(100), ClosedBy::Local);
        assert_eq!(info.reason.len(), 122);
        assert_eq!(clip("abc", 2), "ab");
    }
}
