//! What holds at every step of every world, whatever the link and the applications do.

use std::collections::HashMap;

use super::frames::{Seen, read};
use super::side::{Answer, Kind, Place, Side};
use super::world::{CLIENT, SERVER, World};

use crate::engine::entry::{EVENTS, Progress};
use crate::engine::pending::POST;
use crate::engine::{Outcome, Role};
use crate::error::Fate;
use crate::limits::{BATCH_BYTES, Limits, MAX_DEPTH, NESTED_SLOTS};
use crate::protocol::{ClosedBy, FailClass, Frames, MAX_VARINT, code};

/// What was seen on the wires, by sender.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    credit: [(u64, u64); 2],
    begun: [bool; 2],
}

impl Watch {
    /// Looks at a batch as it leaves `from`.
    pub(crate) fn written(&mut self, side: usize, from: &mut Side, batch: &[u8]) {
        let frames = read(batch);
        let lengths = Frames::new(batch).map(|frame| frame.expect("whole").len()).max().unwrap_or(0);
        assert!(batch.len() <= BATCH_BYTES || frames.len() == 1, "a large frame travels alone");
        assert!(lengths <= from.engine.frame_limit, "the peer's max_message is kept");
        for frame in frames {
            if !std::mem::replace(&mut self.begun[side], true) {
                let first = matches!(
                    (from.role, &frame),
                    (Role::Client, Seen::Hello(_)) | (Role::Server, Seen::Welcome(_) | Seen::Reject(_))
                );
                assert!(first, "R9: the first frame of the {:?} is {frame:?}", from.role);
            }
            match frame {
                Seen::Call { id, deadline_ms, .. } => {
                    assert!(from.left.insert(id), "R19: an id is used once");
                    assert!(deadline_ms > Some(0), "R14: a call that has expired is not sent");
                }
                // One of the other parity stops an upload.
                Seen::Cancel(id) if id % 2 == u64::from(from.role == Role::Client) => {
                    assert!(from.left.contains(&id), "a CANCEL follows its call");
                }
                Seen::Credit(messages, bytes) => {
                    let before = std::mem::replace(&mut self.credit[side], (messages, bytes));
                    assert!(before <= (messages, bytes) && before.1 <= bytes, "credit never shrinks");
                }
                _ => {}
            }
        }
    }
}

impl World {
    /// Every invariant, after every step.
    pub(crate) fn check(&mut self) {
        for side in [CLIENT, SERVER] {
            self.check_futures(side);
            self.check_counts(side);
            self.check_slots(side);
            self.check_turns(side);
            self.check_outcomes(side);
            self.check_times(side);
            self.check_events(side);
            self.check_posts(side);
        }
    }

    /// R13, R14: a future with an outcome was woken; a deadline neither comes early nor is missed.
    fn check_futures(&mut self, side: usize) {
        let now = self.now;
        let Side { engine, tickets, .. } = &mut self.sides[side];
        for (index, ticket) in tickets.iter_mut().enumerate() {
            let Place::In(key) = &ticket.place else { continue };
            let entry = engine.pending.get(*key).expect("an entry stays until its outcome is taken");
            match &entry.progress {
                Progress::Done(outcome) => {
                    assert!(ticket.alarm.rang(), "R13: ticket {index} has an outcome and was not woken");
                    let ended = *ticket.ended_at.get_or_insert(now);
                    match outcome {
                        Outcome::Timeout(_) => assert!(ended >= ticket.plan.deadline, "R14: too early"),
                        Outcome::Returned(_) | Outcome::Failed(..) => {
                            assert!(ended < ticket.plan.deadline, "R14: expiry beats a reply");
                        }
                        Outcome::Sent(_) => {
                            assert!(ended < ticket.plan.deadline, "R12: an event waits no longer than that");
                        }
                        _ => {}
                    }
                }
                Progress::Waiting(_) => assert_eq!(ticket.id, None, "what waits has not been sent"),
                Progress::Sent { .. } => assert!(ticket.id.is_some(), "what was sent has an id"),
            }
        }
    }

    /// R18, R38: the tables hold what is there and nothing else, and the outbox keeps its bound.
    fn check_counts(&self, side: usize) {
        let Side { engine, tickets, handlers, .. } = &self.sides[side];
        let of = |wanted: fn(&Progress) -> bool| {
            let held = tickets.iter().filter(|ticket| match ticket.place {
                Place::In(key) => engine.pending.get(key).is_some_and(|entry| wanted(&entry.progress)),
                _ => false,
            });
            held.count()
        };
        let (waiting, sent, done) = (
            of(|progress| matches!(progress, Progress::Waiting(_))),
            of(|progress| matches!(progress, Progress::Sent { .. })),
            of(|progress| matches!(progress, Progress::Done(_))),
        );
        let posts = self.sides[side].waiting_posts();
        let waiting = waiting + posts.len();
        assert_eq!(engine.pending(), waiting + sent, "R18: what is pending");
        assert_eq!(engine.pending.waiting(), waiting);
        assert!(waiting <= self.limits(side).max_waiting);
        assert_eq!(engine.running(), handlers.len() + engine.lane.waiting(), "what runs");
        assert_eq!(engine.entries(), waiting + sent + done + engine.running(), "nothing is left behind");
        let bodies = tickets.iter().filter_map(|ticket| match ticket.place {
            Place::In(key) => engine.pending.get(key),
            _ => None,
        });
        let held: usize = bodies.map(|entry| held(&entry.progress)).sum();
        let held = held + posts.iter().map(|post| post.size).sum::<usize>();
        assert_eq!(engine.pending.held_bytes(), held, "bytes that wait, and replies not taken");
        if engine.closed().is_some() {
            assert_eq!((engine.pending(), engine.running()), (0, 0), "R15: nothing goes on after the end");
        } else {
            let used =
                (0..=MAX_DEPTH).map(|depth| engine.usage_there.calls_at(depth) as usize).sum::<usize>();
            let owed = used.checked_sub(sent).expect("every call that was sent holds a slot");
            assert!(owed == 0 || engine.pending.owes_cancels(), "a slot is kept that nobody holds");
            let turns = handlers.iter().filter(|handler| handler.method == 1 && !handler.is_call).count();
            assert!(turns <= 1, "R12: events are handled in turn");
        }
        let (own, there) = (self.limits(side), self.limits(1 - side).max_message);
        let bound = own.outbox_bytes + there + MAX_VARINT + own.reserve();
        let handshake = if engine.is_active() { 0 } else { 1024 };
        assert!(engine.outbox.queued() <= bound + handshake, "R38: the outbox is bounded");
    }

    /// R11, R12: what runs keeps to what was announced, and an honest peer is never refused or closed for its own
    /// doing.
    fn check_slots(&self, side: usize) {
        let Side { engine, handlers, .. } = &self.sides[side];
        let limits = self.limits(side);
        let mut depths: HashMap<u8, (u32, usize)> = HashMap::new();
        for handler in handlers.iter().filter(|handler| handler.is_call) {
            let used = depths.entry(handler.depth).or_default();
            *used = (used.0 + 1, used.1 + handler.bytes);
        }
        for (depth, (calls, bytes)) in depths {
            let (slots, most) = bounds(limits, depth);
            assert!(calls <= slots, "R12: {calls} calls run at depth {depth}, {slots} may");
            assert!(calls == 1 || bytes <= most, "R12: {bytes} bytes at depth {depth}, {most} may be");
        }
        assert_eq!(engine.stats().violations, 0, "R12: an honest peer keeps to the limits");
        if let Some(info) = engine.closed() {
            let blamed = matches!(info.code, code::PROTOCOL | code::POLICY | code::TOO_LARGE);
            assert!(!blamed, "an honest peer is closed: {info}");
        }
    }

    /// R11, R12: nothing waits that could be sent.
    fn check_turns(&mut self, side: usize) {
        let most = u64::from(self.limits(side).max_outgoing);
        let engine = &mut self.sides[side].engine;
        for class in (0..=MAX_DEPTH).chain([EVENTS]) {
            let Some(head) = engine.pending.head(class) else { continue };
            let bytes = engine.pending.get(head).map_or(0, |entry| entry.bytes);
            let there = &engine.usage_there;
            let fits = match class {
                EVENTS => engine.allowance.admits(),
                0 if there.calls_at(0) >= most => false,
                _ => engine.bounds_there.is_some_and(|bounds| there.admits(&bounds, class, bytes)),
            };
            assert!(!fits || !engine.outbox.has_room(), "R11: a message of class {class} waits for nothing");
        }
    }

    /// R13, R15: outcomes are what the other side answered, or how the connection ended.
    fn check_outcomes(&self, side: usize) {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        for (index, ticket) in this.tickets.iter().enumerate() {
            let Place::Told(outcome) = &ticket.place else { continue };
            let given = || ticket.id.and_then(|id| other.given.get(&id)).expect("its handler answered");
            match outcome {
                Outcome::Returned(body) => {
                    let (answer, bytes) = given();
                    assert!(matches!(answer, Answer::Value(_)), "ticket {index}: {answer:?}");
                    assert_eq!(body.as_slice(), bytes, "ticket {index} has the answer of another");
                }
                Outcome::Answered(_) => panic!("ticket {index} asked for nothing"),
                Outcome::Failed(FailClass::UnknownMethod, _) => assert_eq!(ticket.plan.kind, Kind::Unknown),
                Outcome::Failed(FailClass::Overloaded, _) => {
                    let excused = self.setup.budget.is_some() || self.leaving;
                    assert!(excused, "R12: an honest peer is answered Overloaded");
                }
                Outcome::Failed(class, body) => {
                    let (answer, bytes) = given();
                    let expected = match answer {
                        Answer::Declared(_) => FailClass::Declared,
                        Answer::Nothing => FailClass::NoReply,
                        Answer::Internal => FailClass::Internal,
                        Answer::Denied => FailClass::Denied,
                        Answer::Value(_) => panic!("ticket {index}: a value became {class:?}"),
                    };
                    assert_eq!(*class, expected);
                    assert_eq!(body.as_slice(), bytes, "ticket {index} has the answer of another");
                }
                Outcome::Timeout(fate) => {
                    assert_eq!(*fate == Fate::NotSent, ticket.id.is_none(), "R13: whether it was sent");
                    let ended = ticket.ended_at.expect("it ended");
                    assert!(ended >= ticket.plan.deadline, "R14: ticket {index} timed out early");
                }
                Outcome::Closed(info) => self.check_closed(side, ticket.id, info),
                Outcome::Sent(_) => assert!(!ticket.plan.kind.is_call()),
                Outcome::Opened(_) => panic!("ticket {index}: no call of this test streams"),
                Outcome::Cancelled(_) => panic!("ticket {index}: nobody cancelled it"),
                Outcome::Refused(_) => assert_eq!(ticket.id, None, "what is refused here is not sent"),
            }
        }
    }

    fn check_closed(&self, side: usize, id: Option<u64>, info: &crate::protocol::CloseInfo) {
        let this = &self.sides[side];
        let left = id.is_some_and(|id| this.left.contains(&id));
        assert!(!(info.unsent && left), "R13: a call that left is said not to have been sent");
        let drained = self.leaving && side == CLIENT && id.is_none() && info.unsent;
        match this.engine.closed() {
            // Refused because the server leaves, before the end.
            _ if drained && info.by == ClosedBy::Peer && info.code == code::GOING_AWAY => {}
            Some(end) => {
                let told = (info.code, &info.reason, info.by);
                assert_eq!(told, (end.code, &end.reason, end.by), "R15: code, reason and who closed");
                if end.by == ClosedBy::Local {
                    // The outbox is still written, so that what was in it may run.
                    assert!(!(info.unsent && id.is_some()), "R13: what is in the outbox may have run");
                } else {
                    assert_eq!(
                        info.unsent, !left,
                        "R13: NotSent where it certainly did not run, else Unknown"
                    );
                }
            }
            None => panic!("R15: Closed, and the connection lives"),
        }
    }

    /// R14, R21: the timer is asked for no later than the next deadline, and never for the past for long.
    fn check_times(&mut self, side: usize) {
        let of_posts: Vec<_> =
            self.sides[side].waiting_posts().iter().filter_map(|post| post.until).collect();
        let Side { engine, tickets, handlers, .. } = &mut self.sides[side];
        let next = engine.next_time();
        let live = |ticket: &&super::side::Ticket| match ticket.place {
            Place::In(key) => engine.pending.is_live(key),
            _ => false,
        };
        let of_futures = tickets.iter().filter(live).map(|ticket| ticket.plan.deadline);
        let of_handlers = handlers.iter().filter_map(|handler| handler.deadline);
        if let Some(first) = of_futures.chain(of_handlers).chain(of_posts).min() {
            assert!(next.is_some_and(|next| next <= first), "R14: the timer comes after a deadline");
        }
    }

    /// R12: events arrive in the order of sending, each at most once.
    fn check_events(&self, side: usize) {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        let sent = |kind: Kind| {
            let of_kind = this.tickets.iter().filter(move |ticket| ticket.plan.kind == kind);
            of_kind.filter_map(|ticket| ticket.id).collect::<Vec<_>>()
        };
        for (kind, in_turn) in [(Kind::Event, true), (Kind::Aside, false)] {
            let arrived: Vec<u64> =
                other.arrived.iter().filter(|(_, turn)| *turn == in_turn).map(|(id, _)| *id).collect();
            let sent = sent(kind);
            assert!(sent.is_sorted(), "R12: {kind:?}s leave in the order in which they were begun");
            let mut expected = sent.iter();
            for id in arrived {
                assert!(expected.any(|sent| *sent == id), "R12: {id} is out of order, or twice, or nobody's");
            }
        }
    }

    /// R32: broadcasts arrive as they were posted, none lost, within their bound.
    fn check_posts(&self, side: usize) {
        let (this, other) = (&self.sides[side], &self.sides[1 - side]);
        let cost: usize = this.waiting_posts().iter().map(|post| post.frame + POST).sum();
        assert_eq!(this.engine.pending.posted(), cost);
        let alone = this.waiting_posts().len() == 1;
        assert!(alone || cost <= self.limits(side).outbox_bytes, "R32: what waits is bounded, or alone");
        let mut sent = this.posts.iter().map(|post| post.size);
        if self.setup.budget.is_none() {
            let arrived = other.posted.iter().copied();
            assert!(arrived.eq(sent.by_ref().take(other.posted.len())), "R32: lost, or out of order");
        }
        for size in &other.posted {
            assert!(self.setup.budget.is_none() || sent.any(|sent| sent == *size), "R32: out of order");
        }
        if this.waiting_posts().is_empty() && this.engine.pending.waiting() == 0 {
            assert_eq!(this.engine.latest.len(), 0, "keys of what has left");
        }
    }

    /// Nothing is left anywhere, once everything had its outcome and every future was dropped or told.
    pub(crate) fn check_empty(&self) {
        for (name, side) in ["client", "server"].into_iter().zip(&self.sides) {
            let engine = &side.engine;
            let open = side.tickets.iter().filter(|ticket| matches!(ticket.place, Place::In(..))).count();
            assert_eq!(open, 0, "R13: futures of the {name} without an outcome");
            assert_eq!((engine.pending(), engine.entries()), (0, 0), "R18: entries of the {name}");
            if engine.closed().is_none() {
                let there = (0..=MAX_DEPTH).map(|depth| engine.usage_there.calls_at(depth)).sum::<u64>();
                assert_eq!((there, engine.usage_there.bytes()), (0, 0), "slots that the {name} holds there");
                assert_eq!(engine.running.call_bytes(), 0, "slots that run at the {name}");
                assert_eq!(engine.grant.outstanding_bytes(), 0, "events that the {name} has not consumed");
                assert!(!engine.pending.owes_cancels() && !engine.has_output(), "the {name} owes nothing");
            }
        }
    }
}

fn held(progress: &Progress) -> usize {
    match progress {
        Progress::Waiting(message) => message.content.len(),
        Progress::Done(Outcome::Returned(body) | Outcome::Failed(_, body)) => body.as_slice().len(),
        Progress::Sent { .. } | Progress::Done(_) => 0,
    }
}

fn bounds(limits: &Limits, depth: u8) -> (u32, usize) {
    match depth {
        0 => (limits.max_in_flight, limits.max_call_bytes),
        _ => (limits.max_in_flight.min(NESTED_SLOTS), limits.max_message),
    }
}
