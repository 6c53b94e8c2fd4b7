//! Closures that see a contract's messages: on their arrival, or in their turn.
//!
//! A message passes the observers first, on its arrival; then, if it answers one, whoever asked; else, in its turn, the
//! listeners and the provider's handler (R20).

mod entry;
mod hub;
mod set;
mod subscription;

pub use entry::ListenerOutcome;
pub(crate) use hub::Hub;
pub use set::{Listeners, Waiting};
pub use subscription::Subscription;
