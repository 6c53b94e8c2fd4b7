//! Whatever the applications and the network do, the invariants of `harness/check.rs` hold after every step, and
//! nothing is left at the end (R11–R15, R18, R21, R32, R38).

use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::{Answer, CLIENT, Kind, Plan, SECOND, SERVER, Setup, World, batch, cases, limits, ms};
use crate::limits::Limits;
use crate::protocol::{FailClass, encode};

/// One thing that happens. Numbers choose among what there is, modulo its count.
#[derive(Clone, Debug)]
enum Step {
    Begin {
        side: usize,
        kind: Kind,
        depth: u8,
        size: usize,
        deadline: u64,
    },
    /// A broadcast of the server's (R32); with a stall it closes the connection where it does not get on.
    Post {
        size: usize,
        stall: Option<u64>,
        key: Option<u64>,
    },
    /// Polls a future that was woken.
    Poll {
        side: usize,
        which: usize,
    },
    /// Polls a future, woken or not; perhaps by another task than before.
    PollAny {
        side: usize,
        which: usize,
        moved: bool,
    },
    Abandon {
        side: usize,
        which: usize,
    },
    Pump(usize),
    Deliver(usize),
    /// Everything that `side` has to say is written and delivered, and whoever that wakes is polled.
    Exchange(usize),
    Answer {
        side: usize,
        which: usize,
        answer: Answer,
    },
    /// A handler makes a call of its own.
    Nest {
        side: usize,
        which: usize,
        size: usize,
    },
    /// A reply that nobody waits for.
    Stray {
        side: usize,
        which: usize,
        fails: bool,
    },
    Pass(u64),
    Tick(usize),
    /// To the next instant at which an engine wants to be called, and both timers fire.
    ToNext,
    Accept,
    GoAway(u64),
    Close {
        side: usize,
        code: u16,
    },
    Break(usize),
}

fn side() -> impl Strategy<Value = usize> {
    prop_oneof![Just(CLIENT), Just(SERVER)]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![10 => 0..60_usize, 5 => 300..980_usize, 2 => 1000..8000_usize, 1 => Just(20_000_usize)]
}

fn depth() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 3 => 1..4_u8, 2 => 0..=32_u8, 1 => Just(33_u8)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![6 => Just(Kind::Call), 1 => Just(Kind::Unknown), 3 => Just(Kind::Event), 1 => Just(Kind::Aside)]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => size().prop_map(Answer::Value),
        1 => size().prop_map(Answer::Declared),
        1 => Just(Answer::Nothing),
        1 => Just(Answer::Internal),
        1 => Just(Answer::Denied),
    ]
}

/// Mostly such as close nobody: a run that is over soon shows little.
fn stall() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![20 => Just(None), 1 => (0..100_u64).prop_map(Some), 1 => Just(Some(60_000))]
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..1000_usize;
    let deadline = prop_oneof![1 => 0..40_u64, 4 => 1000..60_000_u64];
    prop_oneof![
        12 => (side(), kind(), depth(), size(), deadline).prop_map(|(side, kind, depth, size, deadline)| {
            Step::Begin { side, kind, depth, size, deadline }
        }),
        8 => (size(), stall(), proptest::option::of(0..3_u64))
            .prop_map(|(size, stall, key)| Step::Post { size, stall, key }),
        10 => (side(), which.clone()).prop_map(|(side, which)| Step::Poll { side, which }),
        3 => (side(), which.clone(), any::<bool>())
            .prop_map(|(side, which, moved)| Step::PollAny { side, which, moved }),
        2 => (side(), which.clone()).prop_map(|(side, which)| Step::Abandon { side, which }),
        8 => side().prop_map(Step::Pump),
        8 => side().prop_map(Step::Deliver),
        8 => side().prop_map(Step::Exchange),
        12 => (side(), which.clone(), answer())
            .prop_map(|(side, which, answer)| Step::Answer { side, which, answer }),
        3 => (side(), which.clone(), size()).prop_map(|(side, which, size)| Step::Nest { side, which, size }),
        2 => (side(), which, any::<bool>())
            .prop_map(|(side, which, fails)| Step::Stray { side, which, fails }),
        3 => (0..30_u64).prop_map(Step::Pass),
        2 => side().prop_map(Step::Tick),
        1 => Just(Step::ToNext),
        3 => Just(Step::Accept),
    ]
}

/// The steps that end a connection are rare: at most one in a run, at any place.
fn end() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..100_u64).prop_map(Step::GoAway),
        (side(), 4000..4005_u16).prop_map(|(side, code)| Step::Close { side, code }),
        side().prop_map(Step::Break),
        Just(Step::Pass(40_000)),
    ]
}

fn narrow() -> impl Strategy<Value = Limits> {
    (
        (prop_oneof![Just(1_u32), 2..5_u32, Just(64)], 0..3_usize, prop_oneof![Just(1_usize), 2..40_usize]),
        (1..5_u32, prop_oneof![Just(1_usize), 100..4000_usize], prop_oneof![1..3_u32, Just(100)]),
        prop_oneof![Just(1_usize), 100..6000_usize, Just(60_000)],
        prop_oneof![Just(1024_usize), Just(8192), Just(40_000)],
        prop_oneof![1 => Just(15), 3 => Just(3600)],
    )
        .prop_map(|((slots, spare, waiting), (events, event_bytes, outgoing), outbox, message, ping)| {
            limits()
                .ping_interval(ping * SECOND)
                .max_message(message)
                .max_header(1024)
                .max_in_flight(slots)
                .max_call_bytes(message * (1 + spare))
                .max_waiting(waiting)
                .max_outgoing(outgoing)
                .event_lane_messages(events)
                .event_lane_bytes(event_bytes)
                .outbox_bytes(outbox)
                .outbox_reserve(4 << 10)
        })
}

fn setup() -> impl Strategy<Value = Setup> {
    let budget = prop_oneof![3 => Just(None), 1 => (0..3_usize).prop_map(|chunks| Some(chunks << 16))];
    (narrow(), narrow(), budget).prop_map(|(client, server, budget)| Setup { client, server, budget })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = proptest::option::weighted(0.3, (end(), 0..100_usize));
    (vec(step(), 0..250), end).prop_map(|(mut steps, end)| {
        if let Some((end, before_last)) = end {
            steps.insert(steps.len().saturating_sub(before_last), end);
        }
        steps
    })
}

/// The index of the `which`th of those that `pick` takes.
fn choose<T>(all: &[T], which: usize, pick: impl Fn(&T) -> bool) -> Option<usize> {
    let picked: Vec<usize> = (0..all.len()).filter(|&index| pick(&all[index])).collect();
    (!picked.is_empty()).then(|| picked[which % picked.len()])
}

impl World {
    fn play(&mut self, step: &Step) {
        match *step {
            Step::Begin { side, kind, depth, size, deadline } => {
                self.begin(side, Plan { kind, depth, size, deadline: self.now + ms(deadline) });
            }
            Step::Post { size, stall, key } => {
                let until = stall.map(|stall| self.now + ms(stall));
                self.sides[SERVER].post(self.now, size, until, key);
            }
            Step::Poll { side, which } => {
                let woken = choose(&self.sides[side].tickets, which, |ticket| {
                    ticket.is_open() && ticket.alarm.rang()
                });
                if let Some(index) = woken {
                    self.poll(side, index);
                }
            }
            Step::PollAny { side, which, moved } => {
                let open = choose(&self.sides[side].tickets, which, |ticket| ticket.is_open());
                let Some(index) = open else { return };
                self.sides[side].poll_spuriously(self.now, index);
                if moved && self.sides[side].tickets[index].is_open() {
                    self.sides[side].tickets[index].alarm.moves();
                    self.poll(side, index);
                }
            }
            Step::Abandon { side, which } => {
                if let Some(index) = choose(&self.sides[side].tickets, which, |ticket| ticket.is_open()) {
                    self.abandon(side, index);
                }
            }
            Step::Pump(side) => {
                self.pump(side);
            }
            Step::Deliver(side) => {
                self.deliver(side);
            }
            Step::Exchange(side) => {
                while self.pump(side) || self.deliver(1 - side) {}
                self.poll_woken();
            }
            Step::Answer { side, which, answer } => {
                if let Some(index) = choose(&self.sides[side].handlers, which, |handler| !handler.answered) {
                    self.answer(side, index, answer);
                }
            }
            Step::Nest { side, which, size } => self.nest(side, which, size),
            Step::Stray { side, which, fails } => self.stray(side, which, fails),
            Step::Pass(milliseconds) => self.pass(ms(milliseconds)),
            Step::Tick(side) => self.tick(side),
            Step::ToNext => {
                if let Some(next) = self.next_time() {
                    self.now = self.now.max(next);
                    self.advance(ms(0));
                }
            }
            Step::Accept => {
                // Ignored where no decision is waited for.
                self.accept();
            }
            Step::GoAway(drain) => self.go_away(ms(drain)),
            Step::Close { side, code } => self.close(side, code, "enough"),
            Step::Break(side) => self.break_socket(side),
        }
    }

    fn nest(&mut self, side: usize, which: usize, size: usize) {
        let Some(index) = choose(&self.sides[side].handlers, which, |handler| !handler.answered) else {
            return;
        };
        let handler = &self.sides[side].handlers[index];
        let (key, own) = (handler.key, self.now + 30 * SECOND);
        let deadline = handler.deadline.map_or(own, |inherited| own.min(inherited));
        let depth = handler.depth + 1;
        let ticket = self.begin(side, Plan { kind: Kind::Call, depth, size, deadline });
        let handlers = &mut self.sides[side].handlers;
        let handler = handlers.iter_mut().find(|handler| handler.key == key).expect("it runs on");
        handler.children.push(ticket);
    }

    /// R17: late, duplicate and unknown replies are counted and dropped.
    fn stray(&mut self, side: usize, which: usize, fails: bool) {
        let this = &self.sides[side];
        if !this.engine.is_active() {
            return;
        }
        let ended = choose(&this.tickets, which, |ticket| !ticket.is_open() && ticket.id.is_some());
        let id = match (ended, which % 3) {
            (Some(index), 0 | 1) => this.tickets[index].id.unwrap_or_default(),
            _ => (1 << 40) + which as u64,
        };
        let envelope = if fails { encode::fail(id, FailClass::Internal) } else { encode::ret(id) };
        let before = this.engine.stats().stray_replies;
        self.receive(side, &batch([envelope.as_slice()]));
        if self.sides[side].engine.is_active() {
            assert_eq!(self.sides[side].engine.stats().stray_replies, before + 1, "R17: counted");
        }
    }

    /// Lets everything come to its end, and looks for what is left.
    fn drain(&mut self) {
        // Where it was never accepted there is nothing to drain.
        if !self.sides[CLIENT].engine.is_active() && self.sides[CLIENT].engine.closed().is_none() {
            self.accept();
        }
        self.settle_answering();
        self.check();
        self.check_empty();
        let ends = self.sides.iter().filter(|side| side.engine.closed().is_some()).count();
        assert!(ends != 1, "one side ended and the other did not hear of it");
        if ends == 0 && !self.leaving {
            self.events_arrived();
        }
    }

    /// R12: on a connection that lives, every event that was sent has been handled.
    fn events_arrived(&self) {
        for side in [CLIENT, SERVER] {
            let sent = self.sides[side].engine.stats().events_sent;
            let other = &self.sides[1 - side];
            let dropped = other.engine.stats().events_dropped;
            let arrived = other.arrived.len() + other.posted.len();
            assert_eq!(sent, arrived as u64 + dropped, "R12, R32: no event is lost");
            assert!(dropped == 0 || self.setup.budget.is_some());
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_invariants_hold_at_every_step(setup in setup(), steps in steps()) {
        let mut world = World::open(setup);
        for step in &steps {
            world.play(step);
            world.check();
        }
        world.drain();
    }

    /// R8, R9: the same from the first byte on, with a decision that comes at any time or never.
    #[test]
    fn nothing_happens_before_acceptance(setup in setup(), steps in steps()) {
        let mut world = World::unopened(setup);
        for step in &steps {
            world.play(step);
            world.check();
        }
        world.drain();
    }

    /// R15, R18: wherever a connection ends, everything that is pending ends with it, on both sides.
    #[test]
    fn an_end_leaves_nothing(setup in setup(), steps in vec(step(), 0..120), end in end()) {
        let mut world = World::open(setup);
        for step in steps.iter().chain([&end]) {
            world.play(step);
            world.check();
        }
        if !matches!(end, Step::Pass(_)) {
            world.advance(ms(200));
        }
        world.drain();
        prop_assert!(world.sides.iter().all(|side| side.engine.pending() == 0));
    }
}

/// The link carries what was written: a check of the harness itself.
#[test]
fn a_call_goes_there_and_back() {
    let mut world = World::open(Setup::new());
    let ticket = world.call(CLIENT, 0);
    world.pump(CLIENT);
    world.deliver(SERVER);
    assert_eq!(world.sides[SERVER].handlers.len(), 1);
    world.answer(SERVER, 0, Answer::Value(5));
    world.settle();
    assert!(matches!(world.sides[CLIENT].outcome(ticket), crate::engine::Outcome::Returned(_)));
    world.check();
    world.check_empty();
}
