//! What one upgrade may cost.

use std::time::Duration;

use tokio::time::Instant;

/// Stands in for "never" where a timeout does not fit the clock.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What one upgrade may cost before it is cut or refused (R4).
///
/// The worst case of memory for one upgrade is about three times `max_bytes` and 150 bytes for each field: the
/// bytes read, and the request parsed from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpgradeLimits {
    /// From the first byte awaited to the last byte of the 101: TLS, the request and the checks share it.
    /// Default: 5 s.
    pub timeout: Duration,
    /// The request line and all header fields, in bytes, line ends included; also the most that is read from a
    /// client that sends frames behind its request without waiting. Default: 8 KiB.
    pub max_bytes: usize,
    /// How many header fields a request may have. Default: 64.
    pub max_fields: usize,
}

impl UpgradeLimits {
    /// The instant at which an upgrade that begins now has taken too long.
    ///
    /// Take it once, before TLS, and hand the same one to [`receive`](super::receive()),
    /// [`UpgradeChecks::run`](super::UpgradeChecks::run) and [`accept`](super::accept()): a client then cannot
    /// stretch its time by using up each step in turn.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout).unwrap_or_else(|| now + FAR_FUTURE)
    }
}

impl Default for UpgradeLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), max_bytes: 8 * 1024, max_fields: 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_never_overflows() {
        let limits = UpgradeLimits { timeout: Duration::MAX, ..UpgradeLimits::default() };
        assert!(limits.deadline() > Instant::now() + Duration::from_secs(3600));
        assert_eq!(UpgradeLimits::default().deadline(), Instant::now() + Duration::from_secs(5));
    }
}
