//! What cannot be sent at once waits in turn: first come, first sent at each depth, and nobody holds the others up
//! (R11, R12, R14).

use std::task::Poll;

use super::harness::{
    Alarm, Answer, CLIENT, GENEROUS, Kind, Lone, Place, Plan, SECOND, SERVER, Seen, Setup, World, limits, ms,
    ret, whole,
};
use crate::codec::Body;
use crate::engine::entry::Progress;
use crate::engine::{Begun, Outcome, Outgoing, Refused, Role, Sends};
use crate::error::Fate;
use crate::protocol::{Announced, encode};
use crate::service::MethodId;

fn one_slot() -> Setup {
    Setup { client: limits(), server: limits().max_in_flight(1), budget: None }
}

impl World {
    fn is_waiting(&self, ticket: usize) -> bool {
        let Place::In(key) = self.sides[CLIENT].tickets[ticket].place else { return false };
        let entry = self.sides[CLIENT].engine.pending.get(key);
        entry.is_some_and(|entry| matches!(entry.progress, Progress::Waiting(_)))
    }
}

#[test]
fn r12_calls_of_one_depth_are_sent_first_come_first_served() {
    let mut world = World::open(one_slot());
    let tickets: Vec<usize> = (0..6).map(|_| world.call(CLIENT, 0)).collect();
    for (position, &ticket) in tickets.iter().enumerate() {
        world.settle();
        assert!(!world.is_waiting(ticket));
        assert!(tickets[position + 1..].iter().all(|&later| world.is_waiting(later)));
        world.check();
        world.answer(SERVER, 0, Answer::Value(1));
    }
    world.settle();
    world.check_empty();
}

#[test]
fn r11_each_depth_has_a_queue_of_its_own() {
    let mut world = World::open(one_slot());
    let shallow: Vec<usize> = (0..3).map(|_| world.call(CLIENT, 0)).collect();
    let deep: Vec<usize> = (0..3).map(|_| world.call(CLIENT, 7)).collect();
    assert!(!world.is_waiting(shallow[0]) && !world.is_waiting(deep[0]), "depth 7 does not wait for depth 0");
    assert!(world.is_waiting(shallow[1]) && world.is_waiting(deep[1]));
    world.settle_answering();
    world.check_empty();
}

#[test]
fn r11_a_waiter_that_goes_passes_its_turn_on() {
    let mut world = World::open(one_slot());
    let tickets: Vec<usize> = (0..4).map(|_| world.call(CLIENT, 0)).collect();
    world.abandon(CLIENT, tickets[1]);
    world.settle();
    world.answer(SERVER, 0, Answer::Value(1));
    world.abandon(CLIENT, tickets[2]);
    world.settle();
    assert!(!world.is_waiting(tickets[3]), "it is its turn now");
    assert_eq!(world.sides[SERVER].engine.stats().calls_received, 2, "R14: what waited was never sent");
    world.settle_answering();
    world.check_empty();
}

#[test]
fn r12_a_large_call_at_the_head_is_not_overtaken() {
    let mut world = World::open(Setup {
        client: limits(),
        server: limits().max_message(4096).max_header(1024).max_call_bytes(4096),
        budget: None,
    });
    let first = world.call_of(CLIENT, 0, 2000);
    let large = world.call_of(CLIENT, 0, 3000);
    let small = world.call_of(CLIENT, 0, 1);
    assert!(!world.is_waiting(first) && world.is_waiting(large));
    assert!(world.is_waiting(small), "it would fit, and a large call would starve");
    world.settle_answering();
    world.check_empty();
}

#[test]
fn r11_a_large_waiter_that_goes_or_expires_lets_the_small_ones_through_at_once() {
    for expires in [false, true] {
        let mut world = World::open(Setup {
            client: limits(),
            server: limits().max_message(4096).max_header(1024).max_call_bytes(4096),
            budget: None,
        });
        world.call_of(CLIENT, 0, 2000);
        let plan = Plan { kind: Kind::Call, depth: 0, size: 3000, deadline: world.now + SECOND };
        let large = world.begin(CLIENT, plan);
        let small = world.call_of(CLIENT, 0, 1);
        assert!(world.is_waiting(large) && world.is_waiting(small));
        if expires {
            world.advance(SECOND);
        } else {
            world.abandon(CLIENT, large);
        }
        assert!(!world.is_waiting(small), "it fits beside the first");
        world.check();
        world.settle_answering();
        world.check_empty();
    }
}

/// R12: a call over the byte limit is sent where none runs, or it never could be.
#[test]
fn r12_one_call_always_fits() {
    let limits = limits().max_message(4096).max_header(1024).max_call_bytes(4096);
    let mut world = World::open(Setup::both(limits));
    for depth in [0, 1, 32] {
        for size in [4056, 4056, 10] {
            world.call_of(CLIENT, depth, size);
            world.call_of(SERVER, depth, size);
        }
    }
    world.check();
    world.settle_answering();
    world.check();
    world.check_empty();
}

#[test]
fn r12_too_many_that_wait_are_refused_here() {
    let mut world = World::open(Setup { client: limits().max_waiting(2), ..one_slot() });
    let tickets: Vec<usize> = (0..4).map(|_| world.call(CLIENT, 0)).collect();
    assert!(matches!(world.sides[CLIENT].outcome(tickets[3]), Outcome::Refused(Refused::Overloaded)));
    let nested = world.call(CLIENT, 1);
    assert!(!world.is_waiting(nested), "what need not wait is not refused");
    world.settle_answering();
    world.check_empty();
}

/// `max_outgoing` bounds what is begun, and no nested call waits for it, or it would wait for a shallower one.
#[test]
fn r11_the_own_bound_holds_up_no_nested_call() {
    let limits = limits().max_outgoing(1);
    let mut world = World::open(Setup::both(limits));
    let first = world.call(CLIENT, 0);
    let second = world.call(CLIENT, 0);
    let nested = world.call(CLIENT, 2);
    assert!(!world.is_waiting(first) && world.is_waiting(second) && !world.is_waiting(nested));
    world.settle_answering();
    world.check_empty();
}

#[test]
fn r14_waiting_for_a_slot_counts() {
    let mut world = World::open(one_slot());
    world.call(CLIENT, 0);
    let plan = Plan { kind: Kind::Call, depth: 0, size: 3, deadline: world.now + ms(700) };
    let waiting = world.begin(CLIENT, plan);
    world.advance(ms(699));
    world.check();
    world.advance(ms(1));
    world.check();
    world.settle();
    assert!(matches!(world.sides[CLIENT].outcome(waiting), Outcome::Timeout(Fate::NotSent)));
    assert_eq!(world.sides[SERVER].engine.stats().calls_received, 1, "it was never sent");
    world.settle_answering();
    world.check_empty();
}

/// The expiry of the first frees its slot at the instant at which the second expires as well.
#[test]
fn r14_what_expired_in_the_queue_is_not_sent() {
    let mut lone = Lone::active(Role::Client, limits().max_outgoing(1));
    lone.call(3);
    lone.call(3);
    assert!(matches!(lone.out()[..], [Seen::Call { .. }]));
    lone.advance(30 * SECOND);
    let written = lone.out();
    assert!(!written.iter().any(|frame| matches!(frame, Seen::Call { .. })), "{written:?}");
}

/// Room comes at the very instant at which its time is up.
#[test]
fn r12_an_event_whose_time_is_up_is_not_sent() {
    let mut lone = Lone::active(Role::Client, limits().outbox_bytes(1));
    lone.call(3);
    let mut alarm = Alarm::default();
    let event = Outgoing { kind: Sends::Event, method: MethodId::of("T.event"), ..lone.outgoing(3) };
    let begun = lone.begin_as(event, &mut alarm);
    let Begun::Entered(key) = begun else { panic!("{begun:?}") };
    lone.now += 30 * SECOND;
    let written = lone.out();
    assert!(matches!(written[..], [Seen::Call { .. }]), "{written:?}");
    let outcome = lone.poll(key);
    assert!(matches!(outcome, Poll::Ready(Outcome::Timeout(Fate::NotSent))), "{outcome:?}");
}

#[test]
fn r13_a_future_that_moved_to_another_task_wakes_that_one() {
    let mut lone = Lone::active(Role::Client, limits());
    let (mut old, mut new) = (Alarm::default(), Alarm::default());
    let begun = lone.begin_as(lone.outgoing(3), &mut old);
    let Begun::Entered(key) = begun else { panic!("{begun:?}") };
    assert!(lone.poll_as(key, &mut new).is_pending());
    let id = lone.id(key);
    lone.send([ret(id, b"")]);
    assert!(new.rang() && !old.rang());
    assert_eq!(new.rings(), 1, "once");
}

/// The queues of what gave up do not grow: sweeping is amortised.
#[test]
fn r18_waiters_that_gave_up_leave_nothing() {
    let mut lone = Lone::active(Role::Client, limits().max_outgoing(1));
    lone.call(3);
    for _ in 0..20_000 {
        let key = lone.call(3);
        lone.abandon(key);
    }
    assert_eq!((lone.engine.pending(), lone.engine.entries()), (1, 1));
    assert_eq!(lone.engine.stats().calls_sent, 1);
}

/// R11: replies, and what they make room for, do not wait for this side's handlers.
#[test]
fn r11_a_reply_frees_the_slot_at_once() {
    let mut lone = Lone::active(Role::Client, limits().max_outgoing(1));
    let first = lone.call(3);
    lone.call(3);
    assert_eq!(lone.out().len(), 1);
    lone.send([ret(lone.id(first), b"")]);
    assert!(matches!(lone.out()[..], [Seen::Call { .. }]), "sent by the reply, not by a poll");
}

/// R12: CREDIT sends what waits for it, as far as it reaches and in order.
#[test]
fn r12_credit_sends_the_events_that_wait() {
    let mut lone = Lone::fresh(Role::Client, limits()).activated(Announced { event_messages: 1, ..GENEROUS });
    for size in 0..4 {
        let event = Outgoing {
            kind: Sends::Event,
            method: MethodId::of("T.event"),
            content: Body::from_bytes(&vec![0; size]).into(),
            ..lone.outgoing(0)
        };
        let _ = lone.begin(event);
    }
    assert!(matches!(lone.out()[..], [Seen::Event { body: 0, .. }]));
    lone.send([whole(&encode::credit(0, 3, 1 << 20), b"")]);
    assert!(matches!(lone.out()[..], [Seen::Event { body: 1, .. }, Seen::Event { body: 2, .. }]));
    lone.send([whole(&encode::credit(0, 3, 1 << 20), b"")]);
    assert_eq!(lone.out(), [], "the same credit again gives nothing");
    lone.send([whole(&encode::credit(0, 9, 0), b""), whole(&encode::credit(0, 1, 0), b"")]);
    assert!(matches!(lone.out()[..], [Seen::Event { body: 3, .. }]));
    let event = Outgoing { kind: Sends::Event, method: MethodId::of("T.event"), ..lone.outgoing(4) };
    assert!(matches!(lone.begin(event), Begun::Over(Outcome::Sent(_))), "what was granted is not taken back");
}
