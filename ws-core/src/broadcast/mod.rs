//! One message to many connections: encoded once, shared, and never waiting for the slow unless asked to (R32).
//!
//! An audience (of `ws-server`) says who they are; the stub that `#[ws_service]` generates, `ChatBroadcast`, says what
//! they are told: an event is cast and gives a [`Delivery`], a call is gathered and gives a [`Gather`].

mod casting;
mod delivery;
mod frames;
mod gather;
mod handle;
mod slow;

pub use casting::Casting;
pub use delivery::Delivery;
pub use gather::{Gather, Gathering};
pub use handle::{Broadcast, BroadcastHandle, Recipients};
pub use slow::SlowConsumer;

pub use crate::engine::LatestKey;
