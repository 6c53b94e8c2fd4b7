//! What both sides of a ws-service connection share.
//!
//! One trait, annotated with [`#[ws_service]`](ws_service), becomes a typed service that either end of a WebSocket
//! can serve and the other end can call. A crate that holds contracts depends on this crate and on `serde`;
//! applications add `ws-server` or `ws-client`.
//!
//! ```
//! use ws_core::{CallContext, ws_service};
//!
//! #[ws_service]
//! pub trait Calculator {
//!     /// The sum.
//!     async fn add(&self, a: i64, b: i64) -> i64;
//!     /// One way: no reply is sent.
//!     #[ws(event)]
//!     async fn memo(&self, ctx: &CallContext, note: String);
//! }
//!
//! struct Calc;
//!
//! impl Calculator for Calc {
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//!     async fn memo(&self, ctx: &CallContext, note: String) {
//!         println!("{} notes {note}", ctx.connection());
//!     }
//! }
//!
//! let provider = CalculatorProvider::new(Calc);
//! # let _ = provider;
//! ```

// Generated code names this crate `ws_core`, also in this crate's own tests.
extern crate self as ws_core;

mod ask;
pub mod broadcast;
mod call;
mod clock;
mod codec;
mod connection;
mod connection_context;
mod context;
mod driver;
mod early;
mod engine;
mod error;
mod event;
mod failure;
mod id;
mod interceptor;
pub mod limits;
pub mod link;
mod listeners;
mod message;
mod peer;
mod policy;
pub mod presence;
pub mod protocol;
mod route;
pub mod service;
mod shared;
mod stream;
mod texts;
pub mod transport;

pub use ask::Ask;
pub use broadcast::{Broadcast, Casting, Delivery, Gather, Gathering, LatestKey, SlowConsumer};
pub use call::{Call, EventCall};
pub use codec::{DecodeError, EncodeError, Encoding, shared_bytes};
pub use connection::{Connection, Owns, ReplaceError};
pub use connection_context::Context;
pub use context::{CallOptions, Metadata, MetadataFull};
pub use driver::Driver;
pub use early::{EarlyAnswerError, EarlyMessage};
pub use engine::{SchemaMismatch, Stats};
pub use error::{CallError, Fate, Never, SendError};
pub use event::{MessageIds, Sending};
pub use failure::{Failure, FailureHook, FailureKind};
pub use id::ConnectionId;
pub use interceptor::{Denial, Interception, Interceptor, Outcome};
pub use limits::{DecodeLimits, Limits, LimitsError};
pub use listeners::{ListenerOutcome, Listeners, Subscription, Waiting};
pub use message::{Message, MessageHandle};
pub use peer::Peer;
pub use policy::{EarlyFrames, Overflow, UnknownFrames};
pub use protocol::{CloseInfo, ClosedBy, code};
pub use route::Route;
pub use service::{
    CallContext, Contract, ContractError, ContractName, Denied, Event, Guard, Guarded, Named, Payload,
    PrepareError, Provider, Remote, ReplyHandle, Request, RequestProvider, Requests, RouteTaken, Router,
};
pub use stream::{ItemSink, Opening, SendItem, StreamError, StreamReply, Streaming};
pub use texts::Texts;
pub use ws_macros::ws_service;
