//! The server side of ws-service: listens, checks upgrades, hands out acceptors and owns its connections.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use ws_core::ws_service;
//! use ws_server::{Rejection, WebSocketServer};
//!
//! #[ws_service]
//! pub trait Greeter {
//!     async fn greet(&self, name: String) -> String;
//! }
//!
//! struct Polite;
//!
//! impl Greeter for Polite {
//!     async fn greet(&self, name: String) -> String {
//!         format!("Good day, {name}.")
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Login {
//!     token: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ws_server::OpenError> {
//! let server = WebSocketServer::<Login, GreeterProvider<Polite>, ()>::new();
//! let address = server
//!     .open("127.0.0.1:0", |acceptor| async move {
//!         if acceptor.header().token != "secret" {
//!             return acceptor.reject(Rejection::unauthorized("bad token")).await;
//!         }
//!         acceptor.accept(GreeterProvider::new(Polite)).await?;
//!         Ok(())
//!     })
//!     .await?;
//! println!("listening on {address}");
//! server.close().await;
//! # Ok(())
//! # }
//! ```

mod acceptor;
mod activation;
mod builder;
mod core;
mod decision;
mod gate;
mod handler;
mod hub;
mod lifecycle;
mod listen;
mod rejection;
mod server;
mod tasks;
pub mod upgrade;

pub use acceptor::{AcceptError, Acceptor};
pub use builder::{ConfigError, ServerBuilder};
pub use handler::HandlerError;
pub use hub::{
    Audience, Authentication, Events, Group, Groups, Insertion, JoinError, LinkDenied, LinkError, LinkPolicy,
    Selector, ServerConnection, ServerEvent, ServerEvents, ServerPresence, User, UserError, UserEvent,
    UserEvents, UserInfo, UserOptions, Users, default_name_rule,
};
pub use lifecycle::{OpenError, ServerState, StateError};
pub use rejection::Rejection;
pub use server::{ServerCounts, WebSocketServer};
pub use ws_core;
