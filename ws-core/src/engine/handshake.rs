//! HELLO, WELCOME, REJECT: from an open socket to an activated connection (R5–R9).

use std::task::{Context, Poll};
use std::time::Instant;

use super::Effects;
use super::credit::Allowance;
use super::schema::Schema;
use super::state::{Engine, Phase, Role};
use super::usage::Bounds;
use crate::limits::Limits;
use crate::protocol::{
    Announced, CloseInfo, ClosedBy, Fingerprint, Hello, Malformed, Reject, VERSION, Welcome, code,
};

/// What the one who opens a connection waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Server: the header has come, in the connection's encoding.
    Header(Vec<u8>),
    /// Client: the server accepted.
    Accepted,
    /// Client: the server rejected; its version, code and reason.
    Rejected(Reject),
    /// The connection ended before.
    Closed(CloseInfo),
}

impl Engine {
    /// Client: queues the HELLO that carries `header`, the first or one after a rejection that leaves tries (R7).
    pub(crate) fn say_hello(&mut self, header: Vec<u8>) {
        let hello = Hello {
            version: VERSION,
            features: 0,
            announced: announced(&self.limits),
            serves: Fingerprint::of(&self.serves),
            calls: Fingerprint::of(&self.calls),
            header,
        };
        self.outbox.push_frame(&hello.encode());
        self.phase = Phase::AwaitWelcome;
    }

    /// Waits for what the one who opens the connection needs to know next.
    pub(crate) fn poll_activation(&mut self, cx: &Context<'_>) -> Poll<Activation> {
        if let Some(news) = self.activation.take() {
            return Poll::Ready(*news);
        }
        if let Some(info) = &self.closed {
            return Poll::Ready(Activation::Closed(info.clone()));
        }
        self.activation_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Server: accepts. The WELCOME is the first frame the peer sees (R9); then comes what it sent before (R8).
    ///
    /// # Errors
    /// The connection ended during the decision.
    pub(crate) fn accept(&mut self, now: Instant, effects: &mut Effects) -> Result<(), CloseInfo> {
        let Phase::Deciding { announced: theirs, .. } = &self.phase else {
            return Err(self.closed.clone().unwrap_or_else(|| {
                CloseInfo::new(code::ABNORMAL, "no decision was waited for", ClosedBy::Local)
            }));
        };
        let theirs = **theirs;
        let mismatches = self.schema.tell(&self.serves, &self.calls);
        let welcome =
            Welcome { version: VERSION, features: 0, announced: announced(&self.limits), mismatches };
        self.outbox.push_frame(&welcome.encode());
        self.activate(now, theirs);
        self.begin_early(now, effects);
        Ok(())
    }

    /// Server: rejects this try. Where others are left the client may say HELLO again, else it is closed (R7).
    pub(crate) fn reject_try(&mut self, now: Instant, code: u16, reason: &str, effects: &mut Effects) {
        if self.retries == 0 || !matches!(self.phase, Phase::Deciding { .. }) {
            return self.reject(code, reason, effects);
        }
        self.now = now;
        self.outbox.push_frame(&Reject::new(code, reason).with_retry(self.retries).encode());
        self.retries -= 1;
        self.phase = Phase::AwaitHello { until: now + self.limits.header_timeout, again: true };
        self.schema = Schema::default();
        // The next try begins from nothing, on both sides.
        self.stats.early_dropped += self.early.len() as u64;
        self.early.clear();
    }

    /// Server: rejects and closes. Nothing that follows on this connection is looked at.
    pub(crate) fn reject(&mut self, code: u16, reason: &str, effects: &mut Effects) {
        if matches!(self.phase, Phase::Deciding { .. } | Phase::AwaitHello { .. }) {
            self.outbox.push_frame(&Reject::new(code, reason).encode());
            self.close(CloseInfo::new(code, reason, ClosedBy::Local), effects);
        }
    }

    pub(super) fn on_hello(
        &mut self,
        now: Instant,
        fields: &[u8],
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        if self.role == Role::Client {
            return Err(Malformed("a HELLO from a server"));
        }
        if !matches!(self.phase, Phase::AwaitHello { .. }) {
            return Err(Malformed("a second HELLO"));
        }
        let theirs = Hello::version(fields)?;
        if theirs != VERSION {
            let reason = format!("protocol version {theirs} is not spoken here, but {VERSION}");
            self.reject(code::VERSION, &reason, effects);
            return Ok(());
        }
        let hello = Hello::parse(fields)?;
        if hello.header.len() > self.limits.max_header {
            self.close(CloseInfo::new(code::TOO_LARGE, "the header is too large", ClosedBy::Local), effects);
            return Ok(());
        }
        self.schema = Schema::compare(&hello, &self.serves, &self.calls);
        self.phase = Phase::Deciding {
            until: now + self.limits.decision_timeout,
            announced: Box::new(hello.announced),
        };
        self.tell(Activation::Header(hello.header), effects);
        Ok(())
    }

    pub(super) fn on_welcome(
        &mut self,
        now: Instant,
        fields: &[u8],
        effects: &mut Effects,
    ) -> Result<(), Malformed> {
        if !matches!(self.phase, Phase::AwaitWelcome) {
            return Err(Malformed("a WELCOME that was not waited for"));
        }
        let welcome = Welcome::parse(fields)?;
        self.schema = Schema::learn(&welcome.mismatches);
        self.activate(now, welcome.announced);
        self.tell(Activation::Accepted, effects);
        Ok(())
    }

    pub(super) fn on_reject(&mut self, fields: &[u8], effects: &mut Effects) -> Result<(), Malformed> {
        if !matches!(self.phase, Phase::AwaitWelcome) {
            return Err(Malformed("a REJECT that was not waited for"));
        }
        let reject = Reject::parse(fields)?;
        if reject.retry > 0 {
            // Else a server could ask for ever.
            if reject.retry > self.retries {
                return Err(Malformed("a REJECT that leaves no fewer tries"));
            }
            self.retries = reject.retry - 1;
            self.phase = Phase::Rejected;
            self.tell(Activation::Rejected(reject), effects);
            return Ok(());
        }
        let info = CloseInfo::new(reject.code, reject.reason.clone(), ClosedBy::Peer);
        self.tell(Activation::Rejected(reject), effects);
        self.close(info, effects);
        Ok(())
    }

    fn activate(&mut self, now: Instant, theirs: Announced) {
        self.phase = Phase::Active;
        self.bounds_there = Some(Bounds::of(&theirs));
        self.frame_limit = theirs.frame_limit();
        self.allowance = Allowance::new(theirs.event_messages, theirs.event_bytes);
        self.flows.activate(&theirs);
        self.heartbeat.heard(now);
    }

    pub(super) fn tell(&mut self, news: Activation, effects: &mut Effects) {
        self.activation = Some(Box::new(news));
        effects.wakes.extend(self.activation_waker.take());
    }
}

/// What this side tells the other one to keep to.
pub(super) fn announced(limits: &Limits) -> Announced {
    Announced {
        max_message: limits.max_message as u64,
        max_in_flight: u64::from(limits.max_in_flight),
        max_call_bytes: limits.max_call_bytes as u64,
        event_messages: u64::from(limits.event_lane_messages),
        event_bytes: limits.event_lane_bytes as u64,
        max_streams: u64::from(limits.max_streams),
        stream_items: u64::from(limits.stream_items),
        stream_bytes: limits.stream_bytes as u64,
        ping_ms: u64::try_from(limits.ping_interval.as_millis()).unwrap_or(u64::MAX),
    }
}
