//! The engine itself: its parts, its phases, its clock and its end.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::budget::{Budget, Share};
use super::credit::{Allowance, Grant};
use super::deadlines::{Deadlines, Due};
use super::early::Early;
use super::entry::{Kind as Sends, Outcome, Slow};
use super::flows::Flows;
use super::foreign::Foreign;
use super::handshake::{Activation, announced};
use super::heartbeat::{Beat, Heartbeat};
use super::lane::{Lane, Late};
use super::outbox::Outbox;
use super::pending::Pending;
use super::post::Latest;
use super::queues::Queues;
use super::running::{Entry, Kind, Running};
use super::schema::{Schema, SchemaMismatch};
use super::stats::Counters;
use super::usage::Bounds;
use super::{Effects, Failed, Stats};
use crate::failure::FailureKind;
use crate::limits::{LONGEST_DURATION, Limits, MAX_MESSAGE_CEILING};
use crate::policy::{LinkOptions, UnknownFrames};
use crate::protocol::{Announced, CloseInfo, ClosedBy, FailClass, code, encode};
use crate::service::MethodTable;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// What an engine is made from.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) role: Role,
    pub(crate) limits: Arc<Limits>,
    /// The methods served here.
    pub(crate) serves: Arc<MethodTable>,
    /// The methods called on the other side.
    pub(crate) calls: Arc<MethodTable>,
    pub(crate) budget: Option<Arc<Budget>>,
    /// Whether anybody is told of messages that fail.
    pub(crate) reports: bool,
    pub(crate) options: LinkOptions,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Server: the header has not come.
    AwaitHello {
        until: Instant,
        /// After a rejection that leaves tries (R7).
        again: bool,
    },
    /// Server: the header is with the handler.
    Deciding {
        until: Instant,
        announced: Box<Announced>,
    },
    /// Client: the decision has not come.
    AwaitWelcome,
    /// Client: rejected, and may say HELLO again.
    Rejected,
    Active,
    /// Nothing is started any more; the driver writes what is queued and closes.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) role: Role,
    /// The time that was last told.
    pub(super) now: Instant,
    pub(super) limits: Arc<Limits>,
    pub(super) serves: Arc<MethodTable>,
    pub(super) calls: Arc<MethodTable>,
    pub(super) phase: Phase,
    pub(super) schema: Schema,
    pub(super) outbox: Outbox,
    pub(super) pending: Pending,
    pub(super) latest: Latest,
    pub(super) running: Running,
    pub(super) lane: Lane,
    pub(super) late: Late,
    pub(super) queues: Queues,
    pub(super) flows: Flows,
    pub(super) grant: Grant,
    pub(super) allowance: Allowance,
    /// What the other side announced; none before activation.
    pub(super) bounds_there: Option<Bounds>,
    /// The longest frame that the other side takes.
    pub(super) frame_limit: usize,
    /// Slots and bytes of this side's calls that run there.
    pub(super) usage_there: super::usage::Usage,
    pub(super) deadlines: Deadlines,
    /// When the driver will look again, as it was told last; and whether something is due before.
    told: Option<Instant>,
    sooner: bool,
    pub(super) heartbeat: Heartbeat,
    pub(super) pong_owed: Option<u64>,
    pub(super) share: Share,
    reports: bool,
    /// Whether observers see each message on its arrival.
    pub(super) observed: bool,
    /// Whether messages for methods in no table are handled.
    pub(super) dynamic: bool,
    /// The same, for listeners' sake.
    pub(super) listened: bool,
    /// Overloads not yet made up for by calls that kept to the limits.
    pub(super) violations: u32,
    /// The server said GOAWAY: no new calls of this side.
    pub(super) peer_leaves: bool,
    /// This server said GOAWAY: close when nothing runs any more, or then.
    pub(super) leaving: Option<Instant>,
    /// Server: the tries that are left after this one. Client: the most that the next REJECT may leave (R7).
    pub(super) retries: u8,
    pub(super) early: Early,
    pub(super) unknown: UnknownFrames,
    pub(super) foreign: Foreign,
    pub(super) activation: Option<Box<Activation>>,
    pub(super) activation_waker: Option<Waker>,
    pub(super) closed: Option<CloseInfo>,
    pub(super) stats: Counters,
}

impl Engine {
    pub(crate) fn new(config: Config, now: Instant) -> Self {
        let limits = config.limits;
        let here = announced(&limits);
        let (phase, parity) = match config.role {
            Role::Client => (Phase::AwaitWelcome, 1),
            Role::Server => (Phase::AwaitHello { until: now + limits.header_timeout, again: false }, 2),
        };
        Self {
            role: config.role,
            now,
            serves: config.serves,
            calls: config.calls,
            phase,
            schema: Schema::default(),
            outbox: Outbox::new(limits.outbox_bytes, limits.reserve()),
            pending: Pending::new(parity),
            latest: Latest::default(),
            running: Running::default(),
            lane: Lane::default(),
            late: Late::default(),
            queues: Queues::default(),
            flows: Flows::new(&limits),
            grant: Grant::new(here.event_messages, here.event_bytes),
            allowance: Allowance::default(),
            bounds_there: None,
            frame_limit: MAX_MESSAGE_CEILING,
            usage_there: super::usage::Usage::default(),
            deadlines: Deadlines::default(),
            told: None,
            sooner: false,
            heartbeat: Heartbeat::new(now),
            pong_owed: None,
            share: Share::of(config.budget),
            reports: config.reports,
            observed: false,
            dynamic: false,
            listened: false,
            violations: 0,
            peer_leaves: false,
            leaving: None,
            retries: match config.role {
                Role::Client => u8::MAX,
                Role::Server => config.options.attempts.saturating_sub(1),
            },
            early: Early::new(config.options.early),
            unknown: config.options.unknown,
            foreign: Foreign::default(),
            activation: None,
            activation_waker: None,
            closed: None,
            stats: Counters::default(),
            limits,
        }
    }

    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active)
    }

    /// Client: whether it was rejected and may say HELLO again.
    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.phase, Phase::Rejected)
    }

    /// How it ended, once it has.
    pub(crate) const fn closed(&self) -> Option<&CloseInfo> {
        self.closed.as_ref()
    }

    /// Calls and events of this side without an outcome (R18).
    pub(crate) const fn pending(&self) -> usize {
        self.pending.open()
    }

    /// Handlers that run here, and events that wait for theirs.
    pub(crate) fn running(&self) -> usize {
        self.running.len() + self.lane.waiting()
    }

    /// Entries of any table, for tests that look for leaks.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> usize {
        self.pending.len() + self.running() + self.early.len() + self.flows.len()
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.stats
    }

    pub(crate) fn mismatches(&self) -> Vec<SchemaMismatch> {
        self.schema.mismatches(&self.serves, &self.calls)
    }

    /// The longest answer body that the other side takes, behind the longest envelope of an answer.
    pub(crate) const fn max_answer(&self) -> usize {
        self.frame_limit - ANSWER_ENVELOPE
    }

    /// The longest argument body that could be sent, envelope included.
    pub(crate) const fn max_body(&self) -> usize {
        self.frame_limit
    }

    /// Bytes that the outbox takes before handlers must wait (R38).
    pub(crate) const fn room(&self) -> usize {
        self.outbox.room()
    }

    /// Whether there is something to write.
    pub(crate) fn has_output(&self) -> bool {
        let owes =
            self.pong_owed.is_some() || self.grant.owes() || self.flows.owes() || self.pending.owes_cancels();
        self.outbox.queued() > 0 || (owes && self.is_active())
    }

    /// Whether a sleeping driver must be woken.
    pub(crate) fn needs_driver(&self) -> bool {
        self.sooner || self.closed.is_some() || self.leaving.is_some() || self.has_output()
    }

    /// The peer showed that it lives.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heartbeat.heard(now);
    }

    /// Lets time pass: deadlines end calls exactly (R14, R21), silence is pinged or ends the connection (R33), a
    /// header or a decision that does not come ends it too (R6).
    pub(crate) fn on_time(&mut self, now: Instant, effects: &mut Effects) {
        self.now = now;
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Pending(key) => self.expire_pending(key, effects),
                Due::Running(key) => self.expire_running(key, effects),
            }
        }
        match self.phase {
            Phase::AwaitHello { until, .. } if until <= now => {
                let info = CloseInfo::new(code::ACTIVATION_TIMEOUT, "no header in time", ClosedBy::Local);
                self.close(info, effects);
            }
            Phase::Deciding { until, .. } if until <= now => {
                self.reject(code::ACTIVATION_TIMEOUT, "no decision in time", effects);
            }
            Phase::Active => self.beat(now, effects),
            _ => {}
        }
        if self.leaving.is_some_and(|until| until <= now) {
            self.finish_leaving(effects);
        }
    }

    fn beat(&mut self, now: Instant, effects: &mut Effects) {
        match self.heartbeat.beat(now, &self.limits) {
            Beat::Nothing => {}
            Beat::Ping(number) => {
                self.outbox.rest();
                self.deadlines.rest();
                if self.outbox.has_reserve(CONTROL) {
                    self.outbox.push_parts(&encode::ping(number), &[], &[]);
                }
            }
            Beat::Dead => {
                let info = CloseInfo::new(code::HEARTBEAT, "the peer fell silent", ClosedBy::Local);
                self.close(info.abruptly(), effects);
            }
        }
    }

    /// When to call [`on_time`](Self::on_time) next, if nothing happens before.
    pub(crate) fn next_time(&mut self) -> Option<Instant> {
        let (pending, running) = (&self.pending, &self.running);
        let deadline = self.deadlines.next(|due| match due {
            Due::Pending(key) => pending.is_live(key),
            Due::Running(key) => running.is_due(key),
        });
        let phase = match self.phase {
            Phase::AwaitHello { until, .. } | Phase::Deciding { until, .. } => Some(until),
            Phase::Active => Some(self.heartbeat.at(&self.limits)),
            Phase::AwaitWelcome | Phase::Rejected | Phase::Closed => None,
        };
        self.sooner = false;
        self.told = [deadline, phase, self.leaving].into_iter().flatten().min();
        self.told
    }

    /// Adds the deadline of a call to those watched.
    pub(super) fn watch(&mut self, at: Instant, due: Due) {
        self.sooner |= self.told.is_none_or(|told| at < told);
        let (pending, running) = (&self.pending, &self.running);
        let live = pending.len() + running.len();
        self.deadlines.add(at, due, live, |due| match due {
            Due::Pending(key) => pending.is_live(key),
            Due::Running(key) => running.is_due(key),
        });
    }

    fn expire_running(&mut self, key: super::Key, effects: &mut Effects) {
        let Some(Entry { kind, method, .. }) = self.running.get(key).copied() else { return };
        match kind {
            Kind::Call { id, .. } => self.refuse_call(id, Some(method), FailClass::Timeout, effects),
            Kind::Event { id, .. } => {
                self.stats.events_expired += 1;
                self.report(id, Some(method), FailClass::Timeout, effects);
            }
            // Its deadline held until it was open (R14).
            Kind::Stream { .. } => return,
        }
        self.stop(key, effects);
    }

    /// Server: no new calls from now on; closes 1001 when nothing runs any more, at the latest after `drain` (R3).
    pub(crate) fn go_away(&mut self, now: Instant, drain: Duration, effects: &mut Effects) {
        if !self.is_active() {
            let info = CloseInfo::new(code::GOING_AWAY, "the server closes", ClosedBy::Local);
            return self.close(info, effects);
        }
        let millis = u64::try_from(drain.as_millis()).unwrap_or(u64::MAX);
        self.outbox.push_parts(&encode::go_away(millis), &[], &[]);
        self.leaving = Some(now + drain.min(LONGEST_DURATION));
        if drain.is_zero() {
            self.finish_leaving(effects);
        } else {
            self.leave_if_idle(effects);
        }
    }

    /// Closes a leaving server's connection once nothing runs on it.
    pub(super) fn leave_if_idle(&mut self, effects: &mut Effects) {
        if self.leaving.is_some() && self.running() == 0 {
            self.finish_leaving(effects);
        }
    }

    fn finish_leaving(&mut self, effects: &mut Effects) {
        self.close(CloseInfo::new(code::GOING_AWAY, "the server closes", ClosedBy::Local), effects);
    }

    /// Ends the connection: fails what is pending, drops what runs, at once (R15). The first cause stands (R34).
    pub(crate) fn close(&mut self, info: CloseInfo, effects: &mut Effects) {
        if self.closed.is_some() {
            return;
        }
        self.phase = Phase::Closed;
        self.leaving = None;
        let outbox = &self.outbox;
        self.pending.close(&info, |position| outbox.has_left(position), effects);
        self.flows.close(&info, effects);
        effects.starts.clear();
        effects.verdicts.clear();
        self.early.close();
        effects.stops.extend(self.running.drain());
        self.lane.clear();
        self.latest = Latest::default();
        self.late = Late::default();
        self.queues.clear();
        self.deadlines.clear();
        if info.by != ClosedBy::Local {
            self.outbox.clear();
        }
        self.share.settle(0);
        effects.wakes.extend(self.activation_waker.take());
        self.closed = Some(info);
    }

    /// The driver is gone: keeps what tells of the end, and gives the memory back. Outcomes not yet told stay.
    pub(crate) fn bury(&mut self) {
        self.outbox.clear();
        self.running.bury();
        self.pending.bury();
        self.flows.bury();
        self.schema = Schema::default();
    }

    /// Has the application told of a message that no handler ends.
    pub(super) fn report(
        &self,
        event_id: u64,
        method: Option<usize>,
        class: FailClass,
        effects: &mut Effects,
    ) {
        if self.reports {
            effects.failed.push(Failed { event_id, method, kind: FailureKind::of(class) });
        }
    }

    /// Whether observers see each message on its arrival, before anything becomes of it (R20).
    pub(crate) const fn set_observed(&mut self, observed: bool) {
        self.observed = observed;
    }

    /// Whether messages for methods in no table are handled.
    pub(crate) const fn set_dynamic(&mut self, dynamic: bool) {
        self.dynamic = dynamic;
    }

    /// Whether listeners want messages for methods in no table.
    pub(crate) const fn set_listened(&mut self, listened: bool) {
        self.listened = listened;
    }

    /// The peer broke a rule.
    pub(crate) fn violated(&mut self, code: u16, reason: &str, effects: &mut Effects) {
        self.close(CloseInfo::new(code, reason, ClosedBy::Local), effects);
    }

    /// Marks an outcome for calls that this side gives up.
    pub(super) fn expire_pending(&mut self, key: super::Key, effects: &mut Effects) {
        if self.pending.get(key).is_some_and(|entry| entry.kind == Sends::Post(Slow::Close)) {
            return self.too_slow(effects);
        }
        self.give_up(key, Outcome::Timeout, effects);
    }

    /// Bytes that this connection buffers for now, against the server's budget.
    pub(super) fn buffered(&self) -> usize {
        let held = self.running.call_bytes()
            + self.grant.outstanding_bytes()
            + self.late.bytes()
            + self.flows.held();
        let ours = self.outbox.queued() + self.pending.held_bytes() + self.early.bytes();
        let ours = ours + self.foreign.bytes();
        usize::try_from(held).unwrap_or(usize::MAX).saturating_add(ours)
    }
}

/// RETURN's and FAIL's kind, flags, id and class.
pub(super) const ANSWER_ENVELOPE: usize = 13;

/// No control frame is longer.
pub(super) const CONTROL: usize = 64;
