//! What a server buffers over all its connections is bounded; beyond it new calls are `Overloaded`, new events dropped
//! and counted, and nobody is blamed.

use std::sync::Arc;

use super::harness::{CLIENT, Lone, SERVER, Seen, Setup, World, call, event, limits, whole};
use crate::engine::{Begun, Budget, Outcome, Refused, Role};
use crate::protocol::{FailClass, encode};

/// Two connections of one server.
fn two(bytes: usize) -> [Lone; 2] {
    let budget = Budget::new(bytes);
    [(); 2].map(|()| {
        let lone = Lone::with_budget(Role::Server, limits(), Some(Arc::clone(&budget)));
        lone.activated(super::harness::GENEROUS)
    })
}

static BIG: [u8; 100_000] = [0; 100_000];

#[test]
fn a_call_beyond_the_servers_budget_is_overloaded_and_no_violation() {
    let [mut first, mut second] = two(128 << 10);
    first.send([call(1, &BIG)]);
    assert_eq!(first.starts.len(), 1);
    second.send([call(1, &BIG)]);
    assert_eq!(second.out(), [Seen::Fail(1, FailClass::Overloaded, vec![])]);
    assert_eq!((second.engine.stats().violations, second.close_code()), (0, None));
    second.send([call(3, &[0; 1000])]);
    assert_eq!(second.starts.len(), 1, "a little is free on every connection");
}

#[test]
fn an_event_beyond_the_servers_budget_is_dropped_counted_and_its_credit_given_back() {
    let [mut first, mut second] = two(128 << 10);
    first.send([call(1, &BIG)]);
    for id in 0..40 {
        second.send([event(2 * id + 1, &BIG)]);
        second.out();
    }
    assert_eq!((second.engine.stats().events_dropped, second.engine.running()), (40, 0));
    assert_eq!(second.close_code(), None, "the credit came back, so this is no overrun");
}

#[test]
fn an_answer_that_is_written_gives_its_bytes_back() {
    let [mut first, mut second] = two(128 << 10);
    first.send([call(1, &BIG)]);
    first.finish_with(1);
    first.out();
    second.send([call(1, &BIG)]);
    assert_eq!(second.starts.len(), 1);
}

#[test]
fn a_connection_that_ends_gives_its_bytes_back() {
    for dropped in [false, true] {
        let [mut first, mut second] = two(128 << 10);
        first.send([call(1, &BIG)]);
        if dropped {
            drop(first);
        } else {
            first.send([[0x55, 0]]);
            assert!(first.closed().is_some());
        }
        second.send([call(1, &BIG)]);
        assert_eq!(second.starts.len(), 1, "dropped: {dropped}");
    }
}

#[test]
fn a_call_that_is_cancelled_gives_its_bytes_back() {
    let [mut first, mut second] = two(128 << 10);
    first.send([call(1, &BIG)]);
    first.send([whole(&encode::cancel(1), b"")]);
    assert_eq!((first.engine.running(), first.out(), first.closed()), (0, vec![], None));
    second.send([call(1, &BIG)]);
    assert_eq!(second.starts.len(), 1, "nothing is buffered anywhere");
}

#[test]
fn an_event_that_is_handled_gives_its_bytes_back() {
    let [mut first, mut second] = two(128 << 10);
    first.send([event(1, &BIG)]);
    first.finish_with(0);
    assert_eq!((first.engine.running(), first.out()), (0, vec![]), "a tenth of the window: no CREDIT is due");
    second.send([call(1, &BIG)]);
    assert_eq!(second.starts.len(), 1, "nothing is buffered anywhere");
}

/// What this side sends counts as well.
#[test]
fn a_message_beyond_the_budget_is_refused_here() {
    let [mut first, mut second] = two(128 << 10);
    first.call(100_000);
    let begun = second.begin(second.outgoing(100_000));
    assert!(matches!(begun, Begun::Over(Outcome::Refused(Refused::Overloaded))), "{begun:?}");
    first.out();
    second.call(100_000);
}

#[test]
fn what_waits_counts() {
    let budget = Budget::new(256 << 10);
    let mut lone = Lone::with_budget(Role::Server, limits().max_outgoing(1), Some(budget))
        .activated(super::harness::GENEROUS);
    lone.call(100_000);
    let entered = |begun: &Begun| matches!(begun, Begun::Entered(_));
    let waiting = (0..50).map(|_| lone.begin(lone.outgoing(100_000))).filter(entered).count();
    assert!(waiting <= 2, "{waiting} calls of 100 kB wait beside 256 KiB");
}

#[test]
fn a_server_at_its_budget_recovers() {
    let mut world = World::open(Setup { budget: Some(64 << 10), ..Setup::new() });
    let mut refused = 0;
    for _ in 0..5 {
        let tickets: Vec<usize> = (0..8).map(|_| world.call_of(CLIENT, 0, 30_000)).collect();
        world.settle_answering();
        world.check();
        let overloaded = |outcome: &Outcome| matches!(outcome, Outcome::Failed(FailClass::Overloaded, _));
        refused += tickets.iter().filter(|&&ticket| overloaded(world.sides[CLIENT].outcome(ticket))).count();
        world.check_empty();
    }
    assert_eq!(refused, 5 * 6, "two of eight fit, each time");
    assert_eq!(world.sides[SERVER].engine.stats().violations, 0);
}
