//! Why an upgrade came to nothing.

use std::io;

use super::UpgradeRefusal;

/// Why an upgrade came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The stream failed. There is nobody left to answer.
    #[error("the stream failed during the upgrade")]
    Io(#[from] io::Error),
    /// The deadline passed. The stream is to be dropped: whoever is this slow on purpose gets no more of our time.
    #[error("the upgrade took too long")]
    Timeout,
    /// The client left before it sent a byte, as port scanners and health checks do.
    #[error("the stream ended before a request")]
    Closed,
    /// The request is answered by this refusal; hand it to [`refuse`](super::refuse).
    #[error("the upgrade request is refused")]
    Refused(#[from] UpgradeRefusal),
}
