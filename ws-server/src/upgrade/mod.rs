//! Before the 101 (R4): a byte stream that a stranger opened becomes an accepted WebSocket upgrade or gets an
//! HTTP answer, within one deadline and within bounds.
//!
//! In order: [`receive`] reads and parses the request, [`UpgradeChecks`] judges it, [`negotiate`] picks the
//! subprotocol, then [`accept`] or [`refuse`] answers. No answer repeats anything of the request. The WebSocket
//! layer's own handshake is not used: it answers a bad request with nothing and bounds neither time nor size.

mod answer;
mod authority;
mod checks;
mod error;
mod fields;
mod handshake;
mod head_end;
mod limits;
mod negotiate;
mod origin;
mod parse;
mod query;
mod receive;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

pub use answer::{accept, refuse};
pub use checks::UpgradeChecks;
pub use error::UpgradeError;
pub use handshake::AcceptKey;
pub use limits::UpgradeLimits;
pub use negotiate::negotiate;
pub use receive::{Received, receive};
pub use refusal::UpgradeRefusal;
pub use request::UpgradeRequest;
pub use tokio_tungstenite::tungstenite::http;
