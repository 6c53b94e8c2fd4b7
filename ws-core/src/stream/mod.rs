//! Streams of values and uploads (R26): what an application reads from, and what generated code writes to.

mod error;
mod opening;
mod reply;
mod sink;
mod streaming;
mod turn;
mod upload;

pub use error::StreamError;
pub use opening::Opening;
pub use reply::StreamReply;
pub use sink::{ItemSink, SendItem};
pub use streaming::Streaming;
pub(crate) use turn::{begin_turn, cost_of_turn};
pub(crate) use upload::{Upload, Uploading, uploading};
