//! Whether the peer still lives (R33): any inbound frame counts; silence is answered with a ping, then with a close.

use std::time::{Duration, Instant};

use crate::limits::Limits;

#[derive(Debug)]
pub(super) struct Heartbeat {
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
    pub(super) const fn new(now: Instant) -> Self {
        Self { last_heard: now, pinged: false, count: 0 }
    }

    /// Something came at `at`, which may be told late.
    pub(super) fn heard(&mut self, at: Instant) {
        if at > self.last_heard {
            self.last_heard = at;
            self.pinged = false;
        }
    }

    /// When it asks for something, if nothing is heard.
    pub(super) fn at(&self, limits: &Limits) -> Instant {
        let grace = if self.pinged { limits.ping_grace } else { Duration::ZERO };
        self.last_heard + limits.ping_interval + grace
    }

    pub(super) fn beat(&mut self, now: Instant, limits: &Limits) -> Beat {
        if now < self.at(limits) {
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
        let limits = Limits::default().ping_interval(15 * second).ping_grace(10 * second);
        let mut heartbeat = Heartbeat::new(start);
        assert_eq!(heartbeat.beat(start + 14 * second, &limits), Beat::Nothing);
        assert_eq!(heartbeat.beat(start + 15 * second, &limits), Beat::Ping(1));
        assert_eq!(heartbeat.beat(start + 24 * second, &limits), Beat::Nothing);
        assert_eq!(heartbeat.beat(start + 25 * second, &limits), Beat::Dead);
        heartbeat.heard(start + 25 * second);
        assert_eq!(heartbeat.beat(start + 40 * second, &limits), Beat::Ping(2));
    }
}
