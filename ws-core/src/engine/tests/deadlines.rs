//! R14, R21: deadlines end calls exactly, on both sides, and beat what comes at the same instant.

use std::task::Poll;

use super::harness::{
    Answer, CLIENT, Kind, Lone, Plan, SECOND, SERVER, Seen, Setup, World, limits, ms, ret, whole,
};
use crate::engine::{Begun, Outcome, Role};
use crate::error::Fate;
use crate::protocol::{FailClass, Message, encode};
use crate::service::MethodId;
use std::time::Duration;

/// A call of the peer with this many milliseconds left.
fn call_within(id: u64, deadline_ms: u64) -> Vec<u8> {
    let fields = Message {
        id,
        reply_to: None,
        wants_reply: true,
        wants_answer: false,
        answers: false,
        depth: 0,
        method: MethodId::of("T.call"),
        deadline_ms: Some(deadline_ms),
        metadata: None,
        body: &[],
    };
    whole(&encode::message(&fields), b"")
}

#[test]
fn r14_a_call_times_out_exactly_and_is_cancelled() {
    let mut lone = Lone::active(Role::Client, limits().ping_interval(3600 * SECOND));
    let key = lone.call(3);
    let id = lone.id(key);
    assert!(matches!(lone.out()[..], [Seen::Call { deadline_ms: Some(30_000), .. }]));
    assert_eq!(lone.engine.next_time(), Some(lone.now + 30 * SECOND));
    lone.advance(30 * SECOND - Duration::from_nanos(1));
    assert!(lone.poll(key).is_pending());
    lone.advance(Duration::from_nanos(1));
    assert_eq!(lone.engine.pending(), 0, "R21: at the deadline, not at the next poll");
    assert!(matches!(lone.poll(key), Poll::Ready(Outcome::Timeout(Fate::Unknown))), "R13");
    assert_eq!(lone.out(), [Seen::Cancel(id)]);
    lone.send([ret(id, b"late")]);
    assert_eq!(lone.engine.stats().stray_replies, 1);
}

#[test]
fn r14_expiry_beats_a_reply_of_the_same_instant() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.call(3);
    let id = lone.id(key);
    // No timer has fired; the reply is read first.
    lone.now += 30 * SECOND;
    lone.send([ret(id, b"just")]);
    assert!(matches!(lone.poll(key), Poll::Ready(Outcome::Timeout(_))));
}

#[test]
fn r14_a_reply_that_came_before_the_deadline_stands() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.call(3);
    lone.now += 30 * SECOND - ms(1);
    lone.send([ret(lone.id(key), b"in time")]);
    lone.advance(60 * SECOND);
    let Poll::Ready(Outcome::Returned(body)) = lone.poll(key) else { panic!("it was answered") };
    assert_eq!(body.as_slice(), b"in time", "however late its future asks");
}

#[test]
fn r14_a_poll_sees_the_deadline_before_the_timer_does() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.call(3);
    lone.now += 30 * SECOND;
    assert!(matches!(lone.poll(key), Poll::Ready(Outcome::Timeout(_))));
    assert!(matches!(lone.out()[..], [Seen::Call { .. }, Seen::Cancel(_)]));
    assert_eq!(lone.engine.entries(), 0);
}

#[test]
fn r14_a_call_without_time_is_not_begun() {
    let mut lone = Lone::active(Role::Client, limits());
    let mut message = lone.outgoing(3);
    message.deadline = lone.now;
    let begun = lone.begin(message);
    assert!(matches!(begun, Begun::Over(Outcome::Timeout(Fate::NotSent))));
    assert_eq!((lone.out(), lone.engine.entries()), (vec![], 0));
}

#[test]
fn r14_the_remaining_time_travels_rounded_up() {
    for (nanos, expected) in [(1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (59_999_000_001, 60_000)]
    {
        let mut lone = Lone::active(Role::Client, limits());
        let mut message = lone.outgoing(3);
        message.deadline = lone.now + Duration::from_nanos(nanos);
        assert!(matches!(lone.begin(message), Begun::Entered(_)));
        let written = lone.out();
        assert!(
            matches!(written[..], [Seen::Call { deadline_ms: Some(ms), .. }] if ms == expected),
            "{written:?}"
        );
    }
}

#[test]
fn r14_what_waited_for_a_slot_travels_with_what_is_left() {
    let mut world = World::open(Setup { server: limits().max_in_flight(1), ..Setup::new() });
    world.call(CLIENT, 0);
    world.call(CLIENT, 0);
    world.settle();
    world.advance(12 * SECOND);
    world.answer(SERVER, 0, Answer::Value(1));
    world.settle();
    let deadline = world.sides[SERVER].handlers[0].deadline;
    assert_eq!(deadline, Some(world.now + 18 * SECOND));
    world.settle_answering();
}

#[test]
fn r14_the_callee_ends_what_its_caller_no_longer_waits_for() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([call_within(1, 500), call_within(3, 400)]);
    assert_eq!(lone.engine.next_time(), Some(lone.now + ms(400)));
    assert_eq!(lone.starts[0].deadline, Some(lone.now + ms(500)), "its own calls inherit it");
    lone.advance(ms(400));
    assert_eq!(lone.starts.len(), 1, "the handler is stopped");
    assert_eq!(lone.out(), [Seen::Fail(3, FailClass::Timeout, vec![])]);
    lone.advance(ms(99));
    assert_eq!(lone.starts.len(), 1);
    lone.advance(ms(1));
    assert_eq!((lone.starts.len(), lone.engine.running()), (0, 0), "and its slot is free");
    assert_eq!(lone.out(), [Seen::Fail(1, FailClass::Timeout, vec![])]);
}

#[test]
fn r14_no_deadline_or_a_far_one_is_the_longest_that_is_served() {
    let mut lone = Lone::active(Role::Server, limits().max_call_timeout(40 * SECOND));
    lone.send([super::harness::call(1, b""), call_within(3, u64::MAX), call_within(5, 40_001)]);
    assert!(lone.starts.iter().all(|start| start.deadline == Some(lone.now + 40 * SECOND)));
    lone.send([call_within(7, 0)]);
    assert_eq!(lone.starts.len(), 3, "none at all: it is not started");
    assert_eq!(lone.out(), [Seen::Fail(7, FailClass::Timeout, vec![])]);
}

/// Between two honest sides with one clock it is always the caller that gives up first.
#[test]
fn r14_the_callee_never_gives_up_before_the_caller() {
    let mut world = World::open(Setup::new());
    for deadline in [1, 5, 250, 251] {
        let plan = |world: &World| Plan {
            kind: Kind::Call,
            depth: 0,
            size: 0,
            deadline: world.now + Duration::from_micros(1000 * deadline - 300),
        };
        let (from_client, from_server) = (plan(&world), plan(&world));
        let tickets = [world.begin(CLIENT, from_client), world.begin(SERVER, from_server)];
        world.settle();
        for _ in 0..4 {
            let next = world.next_time().expect("a deadline");
            world.advance(next.saturating_duration_since(world.now));
            world.settle();
            world.check();
        }
        assert!(matches!(world.sides[CLIENT].outcome(tickets[0]), Outcome::Timeout(_)));
        assert!(matches!(world.sides[SERVER].outcome(tickets[1]), Outcome::Timeout(_)));
        for side in &world.sides {
            assert_eq!(
                side.engine.stats().calls_refused,
                0,
                "the CANCEL came before the callee's own deadline"
            );
        }
        world.check_empty();
    }
}

#[test]
fn r21_many_deadlines_end_in_order_and_none_early() {
    let mut world = World::open(Setup { server: limits().max_in_flight(20), ..Setup::new() });
    let begun = world.now;
    for index in 0..100_u64 {
        let deadline = begun + ms(1 + (index * 37) % 100);
        world.begin(CLIENT, Plan { kind: Kind::Call, depth: 0, size: 1, deadline });
    }
    for passed in 0..=100 {
        world.check();
        let open = world.sides[CLIENT].engine.pending();
        assert_eq!(open, 100 - passed, "after {passed} ms");
        world.advance(ms(1));
        world.settle();
    }
    world.check_empty();
}
