//! Presence: a ready-made pair of contracts by which clients name themselves and are told who is here (R31).
//!
//! A server that serves [`Presence`] lets its clients link, unlink and leave by themselves; one that calls
//! [`RosterWatcher`] tells each linked client who is here, and every change of it. A client serves that with a
//! [`Roster`]. `ws-server` has the other halves: `WebSocketServer::presence`, and the directory that the news come from.

mod contract;
mod roster;

pub use contract::*;
pub use roster::Roster;
