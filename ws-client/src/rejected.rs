//! A rejection that leaves tries.

use std::sync::Arc;

use futures::future::BoxFuture;

/// The server rejected a header and takes another one on the same connection (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Why, as a close code.
    pub code: u16,
    /// Why, for people.
    pub reason: String,
    /// How many more headers the server takes, at least 1.
    pub tries_left: u8,
}

/// Asks the application for another header.
pub(crate) type NextHeader<H> = Arc<dyn Fn(Rejected) -> BoxFuture<'static, Option<H>> + Send + Sync>;
