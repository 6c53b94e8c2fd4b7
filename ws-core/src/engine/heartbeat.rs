//! Whether the peer still lives (R33): any inbound frame counts; silence is answered with a ping, then with a close.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    grace: Duration,
    last_heard: Instant,
    pinged: bool,
    count: u64,
}

/// What silence asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Ping(u64),
    Dead,
}

impl Heartbeat {
    pub(super) const fn new(now: Instant, interval: Duration, grace: Duration) -> Self {
        Self { interval, grace, last_heard: now, pinged: false, count: 0 }
    }

    /// Something came at `at`, which may be told late.
    pub(super) fn heard(&mut self, at: Instant) {
        if at > self.last_heard {
            self.last_heard = at;
            self.pinged = false;
        }
    }

    pub(super) fn at(&self) -> Instant {
        let silence = if self.pinged { self.interval + self.grace } else { self.interval };
        self.last_heard + silence
    }

    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        if now < self.at() {
            return Beat::Nothing;
        }
        if self.pinged {
            return Beat::Dead;
        }
        self.pinged = true;
        self.count += 1;
        Beat::Ping(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_pinged_then_ended() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, 15 * second, 10 * second);
        assert_eq!(heartbeat.beat(start + 14 * second), Beat::Nothing);
        assert_eq!(heartbeat.beat(start + 15 * second), Beat::Ping(1));
        assert_eq!(heartbeat.beat(start + 24 * second), Beat::Nothing);
        assert_eq!(heartbeat.beat(start + 25 * second), Beat::Dead);
        heartbeat.heard(start + 25 * second);
        assert_eq!(heartbeat.beat(start + 40 * second), Beat::Ping(2));
    }
}
