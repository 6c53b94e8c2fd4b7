//! One side of a world: its engine, the futures that wait on it, and the handlers that it runs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::task::Alarm;
use crate::codec::Body;
use crate::context::Metadata;
use crate::engine::entry::Progress;
use crate::engine::{
    Begun, Effects, Engine, Key, LatestKey, Outcome, Outgoing, Post, Posted, Role, Sends, SharedFrame, Slow,
    Verdict,
};
use crate::error::Fate;
use crate::protocol::{FailClass, encode};
use crate::service::{MethodId, Streams};

/// What a simulated future sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    /// A call of a method that the other side does not have.
    Unknown,
    /// An event that is handled in turn.
    Event,
    /// An event that is handled beside the others.
    Aside,
}

impl Kind {
    pub(crate) const fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::Unknown)
    }

    const fn method(self) -> MethodId {
        MethodId::of(match self {
            Self::Call => "T.call",
            Self::Unknown => "T.unknown",
            Self::Event => "T.event",
            Self::Aside => "T.aside",
        })
    }
}

/// A message to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) depth: u8,
    pub(crate) size: usize,
    pub(crate) deadline: Instant,
}

/// What the arguments of every message consist of.
const FILL: u8 = 0x5a;

impl Plan {
    /// Some sizes travel with metadata, so that every world has both.
    const fn has_metadata(size: usize) -> bool {
        size % 11 == 7
    }

    fn metadata(&self) -> Vec<u8> {
        let mut metadata = Metadata::new();
        if !Self::has_metadata(self.size) {
            return Vec::new();
        }
        metadata.insert("trace", "0af7651916cd43dd").expect("within the bounds");
        encode::metadata(&metadata)
    }
}

/// A simulated future of a call or an event.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) plan: Plan,
    pub(crate) place: Place,
    /// Its id on the wire, once it is in the outbox.
    pub(crate) id: Option<u64>,
    pub(crate) alarm: Alarm,
    /// When its outcome was first seen in the engine.
    pub(crate) ended_at: Option<Instant>,
}

impl Ticket {
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.place, Place::In(..))
    }
}

#[derive(Debug)]
pub(crate) enum Place {
    In(Key),
    Told(Outcome),
    Dropped,
}

/// What a handler does at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Value(usize),
    Declared(usize),
    Nothing,
    Internal,
    Denied,
}

/// A handler that was started and has neither answered nor been stopped.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) key: Key,
    pub(crate) method: usize,
    pub(crate) is_call: bool,
    pub(crate) depth: u8,
    pub(crate) bytes: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) id: u64,
    /// What it streams through.
    pub(crate) flow: Option<Key>,
    /// Its verdict waits for room.
    pub(crate) answered: bool,
    /// Tickets of calls made inside of it, which end with it.
    pub(crate) children: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) role: Role,
    pub(crate) engine: Engine,
    pub(crate) effects: Effects,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) handlers: Vec<Handler>,
    /// Uploads that the engine does not want any more.
    pub(crate) upload_stops: Vec<Key>,
    pub(crate) verdicts: VecDeque<(Key, Verdict)>,
    /// What handlers here answered, by the id of the call.
    pub(crate) given: HashMap<u64, (Answer, Vec<u8>)>,
    /// Calls of this side whose frame was handed to the link.
    pub(crate) left: HashSet<u64>,
    /// Events that were started here, in order: the id, and whether in turn. Without the broadcasts.
    pub(crate) arrived: Vec<(u64, bool)>,
    /// Broadcasts that this side took on, in order; what was replaced is not among them.
    pub(crate) posts: Vec<Posting>,
    /// Broadcasts that were started here, in order: the sizes of their arguments.
    pub(crate) posted: Vec<usize>,
}

/// A broadcast that was taken on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    pub(crate) size: usize,
    /// Of the whole frame.
    pub(crate) frame: usize,
    pub(crate) key: Option<u64>,
    /// When it closes the connection, where it still waits.
    pub(crate) until: Option<Instant>,
}

impl Side {
    pub(crate) fn new(role: Role, engine: Engine) -> Self {
        Self {
            role,
            engine,
            effects: Effects::default(),
            tickets: Vec::new(),
            handlers: Vec::new(),
            upload_stops: Vec::new(),
            verdicts: VecDeque::new(),
            given: HashMap::new(),
            left: HashSet::new(),
            arrived: Vec::new(),
            posts: Vec::new(),
            posted: Vec::new(),
        }
    }

    /// Posts a broadcast of this size, and keeps book.
    pub(crate) fn post(&mut self, now: Instant, size: usize, until: Option<Instant>, key: Option<u64>) {
        let plan = Plan { kind: Kind::Event, depth: 0, size, deadline: now };
        let frame =
            SharedFrame::new(Kind::Event.method(), &plan.metadata(), Body::from_bytes(&vec![FILL; size]));
        let posting = Posting { size, frame: frame.len(), key, until };
        let stats = self.engine.stats();
        let (full, waiting) = (frame.len() > self.engine.frame_limit, self.posts_waiting());
        let posted = self.engine.post(
            now,
            Post {
                method: Kind::Event.method(),
                frame,
                slow: if until.is_some() { Slow::Close } else { Slow::Drop },
                stall: until.map_or(Duration::ZERO, |until| until - now),
                latest: key.map(LatestKey::from),
            },
            &mut self.effects,
        );
        let (dropped, replaced) = (stats.broadcasts_dropped, stats.broadcasts_replaced);
        let mut expected = (dropped, replaced);
        match posted {
            Posted::Sent => {
                assert_eq!(waiting, 0, "R12: it overtakes those that wait");
                self.posts.push(posting);
            }
            Posted::Waits => self.posts.push(posting),
            Posted::Replaced => {
                let first = self.posts.len() - waiting;
                let mut places =
                    self.posts[first..].iter_mut().filter(|place| place.key == key && key.is_some());
                let place = places.next().expect("one with its key waits");
                assert!(places.next().is_none(), "R32: of one key one waits");
                *place = Posting { until: place.until.or(until), ..posting };
                expected.1 += 1;
            }
            Posted::Dropped => {
                assert_eq!(until, None);
                expected.0 += 1;
            }
            Posted::Closed => assert!(!self.engine.is_active()),
            Posted::Refused => assert!(full, "the frame is not too large"),
        }
        let stats = self.engine.stats();
        assert_eq!((stats.broadcasts_dropped, stats.broadcasts_replaced), expected, "R32: counted");
        self.apply(now);
    }

    /// How many broadcasts were taken on and are not in the outbox.
    pub(crate) fn posts_waiting(&self) -> usize {
        if self.engine.closed().is_some() {
            return 0;
        }
        let events = self.tickets.iter().filter(|ticket| !ticket.plan.kind.is_call() && ticket.id.is_some());
        let sent = self.engine.stats().events_sent - events.count() as u64;
        self.posts.len() - usize::try_from(sent).expect("fewer than there is memory for")
    }

    /// Those of them that wait: the last.
    pub(crate) fn waiting_posts(&self) -> &[Posting] {
        &self.posts[self.posts.len() - self.posts_waiting()..]
    }

    pub(crate) fn begin(&mut self, now: Instant, plan: Plan) -> usize {
        let mut alarm = Alarm::default();
        let message = Outgoing {
            answers: false,
            method: plan.kind.method(),
            kind: if plan.kind.is_call() { Sends::Call } else { Sends::Event },
            streams: Streams::Nothing,
            depth: if plan.kind.is_call() { plan.depth } else { 0 },
            deadline: plan.deadline,
            reply_to: None,
            metadata: plan.metadata(),
            content: Body::from_bytes(&vec![FILL; plan.size]).into(),
        };
        let (place, id) = match self.engine.begin(now, message, alarm.waker()) {
            Begun::Over(Outcome::Sent(id)) => (Place::Told(Outcome::Sent(id)), Some(id)),
            Begun::Over(outcome) => (Place::Told(outcome), None),
            Begun::Entered(key) => (Place::In(key), None),
        };
        let ended_at = matches!(place, Place::Told(_)).then_some(now);
        self.tickets.push(Ticket { plan, place, id, alarm, ended_at });
        self.name();
        self.tickets.len() - 1
    }

    pub(crate) fn poll(&mut self, now: Instant, index: usize) {
        let ticket = &mut self.tickets[index];
        let Place::In(key) = ticket.place else { return };
        let waker = ticket.alarm.waker();
        if let Poll::Ready(outcome) = self.engine.poll(now, key, &waker, &mut self.effects) {
            ticket.ended_at.get_or_insert(now);
            ticket.place = Place::Told(outcome);
        }
        self.apply(now);
    }

    /// Polls a future that nobody woke: it must not have an outcome, or a wake-up was lost.
    pub(crate) fn poll_spuriously(&mut self, now: Instant, index: usize) {
        let ticket = &self.tickets[index];
        if !ticket.is_open() || ticket.alarm.rang() || ticket.plan.deadline <= now {
            return;
        }
        self.poll(now, index);
        assert!(self.tickets[index].is_open(), "R13: ticket {index} of {:?} was not woken", self.role);
    }

    pub(crate) fn abandon(&mut self, now: Instant, index: usize) {
        if let Place::In(key) = self.tickets[index].place {
            let entry = self.engine.pending.get(key).map(|entry| &entry.progress);
            let waited = matches!(entry, Some(Progress::Waiting(_)));
            self.tickets[index].place = Place::Dropped;
            let fate = self.engine.abandon(now, key, &mut self.effects);
            assert_eq!(fate == Fate::NotSent, waited, "R13: whether it may have run");
            self.apply(now);
        }
    }

    /// The handler at `index` ends.
    pub(crate) fn answer(&mut self, now: Instant, index: usize, answer: Answer) {
        let handler = &mut self.handlers[index];
        if handler.answered {
            return;
        }
        handler.answered = true;
        let (key, id, is_call) = (handler.key, handler.id, handler.is_call);
        let most = self.engine.max_answer();
        let body = |size: usize| vec![id.to_le_bytes()[0]; size.min(most)];
        let (verdict, bytes) = match answer {
            Answer::Value(size) => (Verdict::Value(Body::from_bytes(&body(size))), body(size)),
            Answer::Declared(size) => (Verdict::Declared(Body::from_bytes(&body(size))), body(size)),
            Answer::Nothing => (Verdict::Nothing, Vec::new()),
            Answer::Internal => (Verdict::Internal(id ^ 0xdead), (id ^ 0xdead).to_le_bytes().to_vec()),
            Answer::Denied => (Verdict::Fail(FailClass::Denied), Vec::new()),
        };
        if is_call {
            self.given.insert(id, (answer, bytes));
        }
        self.verdicts.push_back((key, verdict));
        // What a handler began ends with it.
        for child in std::mem::take(&mut self.handlers[index].children) {
            self.abandon(now, child);
        }
        self.hand_over(now);
    }

    /// Offers the verdicts to the engine, in order, as the driver does before it writes.
    pub(crate) fn hand_over(&mut self, now: Instant) {
        while let Some((key, verdict)) = self.verdicts.pop_front() {
            if let Err(verdict) = self.engine.finish(now, key, verdict, &mut self.effects) {
                self.verdicts.push_front((key, verdict));
                break;
            }
            self.handlers.retain(|handler| handler.key != key);
        }
        self.apply(now);
    }

    /// Does what the engine asked for, in the driver's order: wakes, stops, starts.
    pub(crate) fn apply(&mut self, now: Instant) {
        self.name();
        self.effects.wake();
        for key in std::mem::take(&mut self.effects.stops) {
            let Some(index) = self.handlers.iter().position(|handler| handler.key == key) else { continue };
            for child in self.handlers.remove(index).children {
                self.abandon(now, child);
            }
        }
        for start in std::mem::take(&mut self.effects.starts) {
            assert!(self.engine.is_active(), "R9: nothing starts before acceptance or after the end");
            assert!(self.handlers.iter().all(|handler| handler.key != start.key), "one handler a key");
            assert!(start.body.iter().all(|byte| *byte == FILL), "the arguments arrive as they were sent");
            let metadata = start.metadata.as_ref().and_then(|metadata| metadata.get("trace"));
            assert_eq!(metadata.is_some(), Plan::has_metadata(start.body.len()));
            let is_call = start.deadline.is_some();
            if start.event_id == 0 {
                assert_eq!((start.method, is_call), (1, false));
                self.posted.push(start.body.len());
            } else if !is_call {
                self.arrived.push((start.event_id, start.method == 1));
            }
            self.handlers.push(Handler {
                key: start.key,
                method: start.method,
                is_call,
                depth: start.depth,
                bytes: start.body.len(),
                deadline: start.deadline,
                id: start.event_id,
                flow: start.flow,
                answered: false,
                children: Vec::new(),
            });
        }
        self.upload_stops.append(&mut self.effects.upload_stops);
        debug_assert!(self.effects.is_empty());
    }

    /// Remembers the ids of what is in the outbox.
    fn name(&mut self) {
        for ticket in self.tickets.iter_mut().filter(|ticket| ticket.id.is_none()) {
            let Place::In(key) = ticket.place else { continue };
            ticket.id = match self.engine.pending.get(key).map(|entry| &entry.progress) {
                Some(Progress::Sent { .. }) => Some(self.engine.pending.call_id(key)),
                Some(Progress::Done(Outcome::Sent(id))) => Some(*id),
                _ => None,
            };
        }
    }

    /// The outcome of the ticket, which must have one.
    pub(crate) fn outcome(&self, index: usize) -> &Outcome {
        match &self.tickets[index].place {
            Place::Told(outcome) => outcome,
            other => panic!("ticket {index} of {:?} is still {other:?}", self.role),
        }
    }

    pub(crate) fn is_over(&self, index: usize) -> bool {
        !self.tickets[index].is_open()
    }
}
