//! How long, and against whom.

use std::net::SocketAddr;
use std::time::Duration;

/// What the driving process is told beside its workload.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The process of the server.
    pub server: u32,
    /// How long is measured.
    pub duration: Duration,
    /// Less of what has a size rather than a duration.
    pub quick: bool,
}

impl Plan {
    /// How long is worked before anything counts.
    #[must_use]
    pub fn warm_up(&self) -> Duration {
        self.duration.min(Duration::from_millis(200))
    }
}
