//! socketioxide over WebSocket. There is no client of the same make, so that the client here is one of our own, on
//! tokio-tungstenite, which does only what the measurements need.

mod client;
mod server;

pub use client::Peer;
pub use server::serve;
