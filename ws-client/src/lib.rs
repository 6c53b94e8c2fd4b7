//! The client side of ws-service: a reusable connector that sends the header and hands out connections.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use ws_client::WebSocketConnector;
//! use ws_core::ws_service;
//!
//! #[ws_service]
//! pub trait Greeter {
//!     async fn greet(&self, name: String) -> String;
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Login {
//!     token: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = WebSocketConnector::<Login, (), GreeterRemote>::new(Login { token: "secret".into() });
//! let connection = connector.connect("ws://127.0.0.1:9000", ()).await?;
//! println!("{}", connection.remote().greet("Ada".into()).await?);
//! connection.close().await;
//! # Ok(())
//! # }
//! ```

mod builder;
mod connector;
mod dial;
mod error;
mod rejected;

pub use builder::{ConfigError, ConnectorBuilder};
pub use connector::WebSocketConnector;
pub use error::ConnectError;
pub use rejected::Rejected;
pub use ws_core;
