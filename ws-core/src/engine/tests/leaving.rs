//! R3: a server that goes down says GOAWAY, lets running calls finish within the drain, refuses new ones, closes 1001.

use super::harness::{
    Answer, CLIENT, Lone, Place, SECOND, SERVER, Seen, Setup, World, call, event, limits, ms, whole,
};
use crate::engine::{Begun, Outcome, Role};
use crate::protocol::{CloseInfo, ClosedBy, FailClass, code, encode};

fn closed(outcome: &Outcome) -> &CloseInfo {
    match outcome {
        Outcome::Closed(info) => info,
        other => panic!("{other:?}"),
    }
}

#[test]
fn r3_running_calls_finish_and_then_it_closes_1001() {
    let mut world = World::open(Setup::new());
    let tickets = [world.call(CLIENT, 0), world.call(CLIENT, 0)];
    world.settle();
    world.go_away(10 * SECOND);
    world.settle();
    world.answer(SERVER, 0, Answer::Value(3));
    world.settle();
    assert!(matches!(world.sides[CLIENT].outcome(tickets[0]), Outcome::Returned(_)));
    assert!(world.sides[SERVER].engine.is_active(), "one still runs");
    world.answer(SERVER, 0, Answer::Value(3));
    let info = world.sides[SERVER].engine.closed().expect("nothing runs any more");
    assert_eq!((info.code, info.by), (code::GOING_AWAY, ClosedBy::Local));
    world.settle();
    world.check();
    assert!(
        matches!(world.sides[CLIENT].outcome(tickets[1]), Outcome::Returned(_)),
        "the last answer is written"
    );
    let info = world.sides[CLIENT].engine.closed().expect("the server closed");
    assert_eq!((info.code, info.by), (code::GOING_AWAY, ClosedBy::Peer));
    world.check_empty();
}

#[test]
fn r3_the_drain_ends_exactly() {
    let mut world = World::open(Setup::new());
    let ticket = world.call(CLIENT, 0);
    world.settle();
    world.go_away(ms(300));
    assert_eq!(world.sides[SERVER].engine.next_time(), Some(world.now + ms(300)));
    world.advance(ms(299));
    assert!(world.sides[SERVER].engine.is_active());
    world.advance(ms(1));
    assert!(world.sides[SERVER].handlers.is_empty(), "what still runs is stopped");
    world.settle();
    let info = closed(world.sides[CLIENT].outcome(ticket));
    assert_eq!(
        (info.code, info.by, info.unsent),
        (code::GOING_AWAY, ClosedBy::Peer, false),
        "it may have run"
    );
    world.check();
}

#[test]
fn r3_without_a_drain_or_without_calls_it_closes_at_once() {
    for (drain, running) in [(ms(0), true), (SECOND, false), (ms(0), false)] {
        let mut lone = Lone::active(Role::Server, limits());
        if running {
            lone.send([call(1, b"")]);
        }
        lone.go_away(drain);
        assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
        assert_eq!(lone.out(), [Seen::GoAway(u64::try_from(drain.as_millis()).unwrap())]);
    }
}

#[test]
fn r3_before_activation_it_just_closes() {
    for frames in [vec![], vec![super::harness::hello(super::harness::GENEROUS)]] {
        let mut lone = Lone::fresh(Role::Server, limits());
        if !frames.is_empty() {
            lone.send(frames);
        }
        lone.go_away(SECOND);
        assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
    }
}

#[test]
fn r3_new_calls_are_refused_on_both_sides_and_certainly_did_not_run() {
    let mut world = World::open(Setup { server: limits().max_in_flight(1), ..Setup::new() });
    let running = world.call(CLIENT, 0);
    let waiting = [world.call(CLIENT, 0), world.call(CLIENT, 0)];
    world.settle();
    world.go_away(10 * SECOND);
    world.settle();
    for ticket in waiting {
        let info = closed(world.sides[CLIENT].outcome(ticket));
        assert_eq!(
            (info.code, info.by, info.unsent),
            (code::GOING_AWAY, ClosedBy::Peer, true),
            "R13: NotSent"
        );
    }
    let late = world.call(CLIENT, 0);
    assert!(closed(world.sides[CLIENT].outcome(late)).unsent);
    assert!(matches!(world.sides[CLIENT].tickets[running].place, Place::In(_)), "what runs goes on");
    world.settle_answering();
    world.check();
    assert_eq!(world.sides[SERVER].engine.stats().calls_received, 1);
}

/// What belongs to a running call goes on, on both sides, or the drain would be for nothing.
#[test]
fn r3_nested_calls_and_events_go_on_while_something_runs() {
    let mut world = World::open(Setup { server: limits().max_in_flight(1), ..Setup::new() });
    let running = world.call(CLIENT, 0);
    world.settle();
    world.go_away(10 * SECOND);
    world.settle();
    let there = world.call(SERVER, 1);
    world.settle();
    let back = [world.call(CLIENT, 2), world.call(CLIENT, 2)];
    let event = world.event(CLIENT, 3);
    world.settle();
    world.check();
    // The innermost first; the second of them had to wait for its slot.
    for _ in 0..2 {
        let innermost = world.sides[SERVER].handlers.iter().position(|handler| handler.depth == 2);
        world.answer(SERVER, innermost.expect("it runs"), Answer::Value(2));
        world.settle();
        world.check();
    }
    world.answer(CLIENT, 0, Answer::Value(2));
    world.settle_answering();
    world.check();
    assert!(back.iter().all(|&ticket| matches!(world.sides[CLIENT].outcome(ticket), Outcome::Returned(_))));
    assert!(matches!(world.sides[SERVER].outcome(there), Outcome::Returned(_)));
    assert!(matches!(world.sides[CLIENT].outcome(running), Outcome::Returned(_)));
    assert!(matches!(world.sides[CLIENT].outcome(event), Outcome::Sent(_)));
    assert_eq!(world.sides[SERVER].arrived.len(), 1);
    assert!(world.sides[SERVER].engine.closed().is_some());
    world.check_empty();
}

#[test]
fn r3_a_call_that_crosses_the_goaway_is_overloaded_and_no_violation() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([call(1, b"")]);
    lone.go_away(SECOND);
    for id in (3..1003_u64).step_by(2) {
        lone.send([call(id, b"")]);
        let answers = lone.out();
        assert!(matches!(answers.last(), Some(Seen::Fail(_, FailClass::Overloaded, _))), "{answers:?}");
    }
    assert_eq!((lone.close_code(), lone.engine.stats().violations), (None, 0));
    lone.finish_with(1);
    assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
}

#[test]
fn r3_events_that_wait_here_are_handled_before_the_end() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([event(1, b""), event(3, b"")]);
    lone.go_away(SECOND);
    lone.finish_with(0);
    assert_eq!((lone.starts.len(), lone.close_code()), (1, None), "the next one runs");
    lone.finish_with(0);
    assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
}

#[test]
fn r3_a_cancel_or_a_deadline_may_be_what_it_waited_for() {
    let mut lone = Lone::active(Role::Server, limits().max_call_timeout(2 * SECOND).call_timeout(SECOND));
    lone.send([call(1, b"")]);
    lone.go_away(60 * SECOND);
    lone.send([whole(&encode::cancel(1), b"")]);
    assert_eq!(lone.close_code(), Some(code::GOING_AWAY));

    let mut lone = Lone::active(Role::Server, limits().max_call_timeout(2 * SECOND).call_timeout(SECOND));
    lone.send([call(1, b"")]);
    lone.go_away(60 * SECOND);
    lone.advance(2 * SECOND);
    assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
    assert!(matches!(lone.out()[..], [Seen::GoAway(60_000), Seen::Fail(1, FailClass::Timeout, _)]));
}

#[test]
fn r3_a_repeated_goaway_changes_nothing_for_the_client() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.call(3);
    for _ in 0..3 {
        lone.send([whole(&encode::go_away(1000), b"")]);
    }
    let message = lone.outgoing(1);
    let begun = lone.begin(message);
    assert!(matches!(begun, Begun::Over(Outcome::Closed(_))));
    assert_eq!((lone.close_code(), lone.engine.pending()), (None, 1), "it is the server that closes");
    lone.send([super::harness::ret(lone.id(key), b"")]);
    assert_eq!(lone.engine.pending(), 0);
}
