//! The wire, version 1: bytes ⇄ values, pure. `docs/protocol.md` specifies every byte; its rule numbers (P1…) are
//! cited here. Nothing in this folder allocates in proportion to a number that a peer claims.

mod batch;
mod close;
mod fail;
mod frame;
mod hello;
mod reader;
mod varint;

pub(crate) use batch::length_of;
pub use batch::{Frames, put_length};
pub use close::{CloseInfo, ClosedBy, code};
pub use fail::FailClass;
pub use frame::{Envelope, Frame, Message, encode};
pub use hello::{Announced, Fingerprint, Hello, Mismatch, Reject, Side, Welcome};
pub use reader::Malformed;
pub use varint::MAX_VARINT;

/// The version that this crate speaks.
pub const VERSION: u64 = 1;
