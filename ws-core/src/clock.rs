//! The clock: tokio's, so that a paused one pauses everything.

use std::time::Instant;

pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
