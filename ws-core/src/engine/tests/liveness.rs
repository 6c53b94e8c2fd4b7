//! R11: under a fair scheduler everything completes, at any limits and however deep calls nest, and without a timeout:
//! no time passes here. No wake-up is lost: only what was woken is polled.

use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::{Answer, CLIENT, Kind, Plan, SECOND, SERVER, Setup, World, cases, limits};
use crate::engine::Outcome;
use crate::limits::{Limits, MAX_DEPTH};

/// How a message asks its handler for calls of its own: so many more levels, and so many calls at each.
const fn size(levels: usize, fan: usize) -> usize {
    levels + 64 * (fan - 1)
}

impl World {
    /// The handler at `index` goes on with its work, if it can: its calls first, then its answer.
    fn work(&mut self, side: usize, index: usize) -> bool {
        let handler = &self.sides[side].handlers[index];
        let (levels, fan) = (handler.bytes % 64, handler.bytes / 64 + 1);
        if handler.answered {
            return false;
        }
        if levels > 0 && handler.children.is_empty() {
            let (key, depth) = (handler.key, handler.depth + 1);
            let deadline = self.now + 30 * SECOND;
            let plan = Plan { kind: Kind::Call, depth, size: size(levels - 1, fan), deadline };
            let children: Vec<usize> = (0..fan).map(|_| self.begin(side, plan)).collect();
            let mut handlers = self.sides[side].handlers.iter_mut();
            handlers.find(|handler| handler.key == key).expect("it runs on").children = children;
            return true;
        }
        let ready = handler.children.iter().all(|&child| self.sides[side].is_over(child));
        if ready {
            self.answer(side, index, Answer::Value(2));
        }
        ready
    }

    /// Everybody works until nothing moves.
    fn work_on(&mut self) {
        loop {
            self.settle();
            let mut worked = false;
            for side in [CLIENT, SERVER] {
                for index in (0..self.sides[side].handlers.len()).rev() {
                    worked |= index < self.sides[side].handlers.len() && self.work(side, index);
                }
            }
            if !worked {
                return;
            }
        }
    }

    fn all_completed(&mut self) {
        self.check();
        for side in &self.sides {
            for (index, ticket) in side.tickets.iter().enumerate() {
                let outcome = side.outcome(index);
                let fine = match ticket.plan.kind.is_call() {
                    true => matches!(outcome, Outcome::Returned(_)),
                    false => matches!(outcome, Outcome::Sent(_)),
                };
                assert!(fine, "ticket {index} of the {:?}: {outcome:?}", side.role);
            }
        }
        self.check_empty();
    }
}

fn tight() -> Limits {
    limits()
        .max_message(1024)
        .max_header(16)
        .max_call_bytes(1024)
        .max_in_flight(1)
        .max_outgoing(1)
        .event_lane_messages(1)
        .event_lane_bytes(1)
        .outbox_bytes(1)
        .outbox_reserve(4 << 10)
}

#[test]
fn r11_calls_to_and_fro_complete_with_one_slot_from_both_sides_at_once() {
    for levels in [0, 1, 2, 15, 16, 31, 32] {
        let mut world = World::open(Setup::both(tight()));
        for _ in 0..5 {
            for side in [CLIENT, SERVER] {
                world.call_of(side, 0, size(levels, 1));
            }
        }
        world.work_on();
        world.all_completed();
        let received: u64 = world.sides.iter().map(|side| side.engine.stats().calls_received).sum();
        assert_eq!(received, 10 * (levels as u64 + 1));
    }
}

#[test]
fn r11_deeper_than_the_deepest_is_overloaded_here() {
    let mut world = World::open(Setup::both(tight()));
    let [deepest, deeper] = [MAX_DEPTH, MAX_DEPTH + 1].map(|depth| world.call(CLIENT, depth));
    assert!(!world.sides[CLIENT].is_over(deepest));
    let refused = crate::engine::Refused::Overloaded;
    assert!(matches!(world.sides[CLIENT].outcome(deeper), Outcome::Refused(why) if *why == refused));
    world.settle_answering();
    world.check_empty();
}

/// Who looks elsewhere holds nobody up: a future that is begun and then not polled for long.
#[test]
fn r11_a_future_that_nobody_polls_holds_nobody_up() {
    let mut world = World::open(Setup { server: limits().max_in_flight(1), ..Setup::new() });
    let tickets: Vec<usize> = (0..5).map(|_| world.call(CLIENT, 0)).collect();
    // Nobody is polled: only the link and the handlers move.
    for _ in 0..50 {
        for side in [CLIENT, SERVER] {
            world.pump(side);
            world.deliver(1 - side);
        }
        if !world.sides[SERVER].handlers.is_empty() {
            world.answer(SERVER, 0, Answer::Value(1));
        }
        world.check();
    }
    assert_eq!((world.sides[CLIENT].engine.pending(), world.sides[CLIENT].engine.entries()), (0, 5));
    world.settle();
    assert!(
        tickets.iter().all(|&ticket| matches!(world.sides[CLIENT].outcome(ticket), Outcome::Returned(_)))
    );
    world.check_empty();
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Poll(usize),
    Pump(usize),
    Deliver(usize),
    Work(usize, usize),
    Begin { side: usize, event: bool, levels: usize, fan: usize },
}

fn turn() -> impl Strategy<Value = Turn> {
    let side = || prop_oneof![Just(CLIENT), Just(SERVER)];
    prop_oneof![
        4 => (0..100_usize).prop_map(Turn::Poll),
        4 => side().prop_map(Turn::Pump),
        4 => side().prop_map(Turn::Deliver),
        5 => (side(), 0..100_usize).prop_map(|(side, which)| Turn::Work(side, which)),
        2 => (side(), prop::bool::weighted(0.3), 0..18_usize)
            .prop_map(|(side, event, levels)| Turn::Begin { side, event, levels, fan: 1 }),
        1 => (side(), prop::bool::weighted(0.3), 0..4_usize, 2..4_usize)
            .prop_map(|(side, event, levels, fan)| Turn::Begin { side, event, levels, fan }),
    ]
}

fn narrow() -> impl Strategy<Value = Limits> {
    let outbox = prop_oneof![Just(1_usize), 10..200_usize, Just(4096)];
    (1..3_u32, 1..3_u32, 1..3_u32, 1..200_usize, outbox).prop_map(|(slots, own, events, bytes, outbox)| {
        tight()
            .max_in_flight(slots)
            .max_outgoing(own)
            .event_lane_messages(events)
            .event_lane_bytes(bytes)
            .outbox_bytes(outbox)
    })
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn r11_everything_completes_in_whatever_order(
        client in narrow(),
        server in narrow(),
        turns in vec(turn(), 0..200),
    ) {
        let mut world = World::open(Setup { client, server, budget: None });
        for turn in turns {
            match turn {
                Turn::Poll(which) => {
                    for side in [CLIENT, SERVER] {
                        let woken: Vec<usize> = (0..world.sides[side].tickets.len())
                            .filter(|&index| {
                                let ticket = &world.sides[side].tickets[index];
                                ticket.is_open() && ticket.alarm.rang()
                            })
                            .collect();
                        if !woken.is_empty() {
                            world.poll(side, woken[which % woken.len()]);
                        }
                    }
                }
                Turn::Pump(side) => { world.pump(side); }
                Turn::Deliver(side) => { world.deliver(side); }
                Turn::Work(side, which) => {
                    let handlers = world.sides[side].handlers.len();
                    if handlers > 0 {
                        world.work(side, which % handlers);
                    }
                }
                Turn::Begin { side, event, levels, fan } => {
                    let kind = if event { Kind::Event } else { Kind::Call };
                    let deadline = world.now + 30 * SECOND;
                    world.begin(side, Plan { kind, depth: 0, size: size(levels, fan), deadline });
                }
            }
            world.check();
        }
        world.work_on();
        world.all_completed();
    }
}
