//! Configurations at their edges: what `Limits::check` lets pass works, and never panics.

use std::time::Duration;

use super::harness::{Answer, CLIENT, Lone, SECOND, SERVER, Setup, World, limits};
use crate::engine::entry::{Entry, Progress};
use crate::engine::{Begun, Outcome, Refused, Role, Sends};
use crate::error::Fate;
use crate::limits::{LONGEST_DURATION, Limits};

/// A little of everything over a connection with these limits.
fn exercise(name: &str, limits: &Limits) {
    limits.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut world = World::open(Setup::both(limits.clone()));
    for side in [CLIENT, SERVER] {
        for _ in 0..4 {
            world.call(side, 0);
            world.call(side, 32);
            world.call_of(side, 1, 900);
            world.event(side, 10);
        }
    }
    world.check();
    world.settle();
    world.answer(SERVER, 0, Answer::Internal);
    world.settle_answering();
    world.check();
    world.check_empty();
    world.advance(SECOND);
    world.settle();
    assert!(world.sides.iter().all(|side| side.engine.is_active()), "{name}");
    world.check();
}

#[test]
fn the_least_of_everything_works() {
    let least = limits()
        .max_message(1024)
        .max_header(0)
        .max_in_flight(1)
        .max_call_bytes(1024)
        .max_outgoing(1)
        .event_lane_messages(1)
        .event_lane_bytes(1)
        .outbox_bytes(1)
        .outbox_reserve(4 << 10)
        .max_violations(0);
    exercise("all at once", &least.max_header(16));
}

#[test]
fn the_most_of_everything_works_or_is_refused() {
    let most: [(&str, Limits); 7] = [
        ("max_call_bytes", limits().max_call_bytes(usize::MAX)),
        ("max_in_flight", limits().max_in_flight(u32::MAX)),
        ("event_lane_messages", limits().event_lane_messages(u32::MAX)),
        ("event_lane_bytes", limits().event_lane_bytes(usize::MAX)),
        ("outbox_bytes", limits().outbox_bytes(usize::MAX)),
        ("outbox_reserve", limits().outbox_reserve(usize::MAX)),
        ("max_violations", limits().max_violations(u32::MAX)),
    ];
    let failed: Vec<&str> = most
        .iter()
        .filter(|(name, limits)| {
            let run = || limits.check().is_ok().then(|| exercise(name, limits));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "these pass the check and panic: {failed:?}");
}

#[test]
fn the_longest_durations_work_and_longer_ones_are_refused() {
    type Set = fn(Limits, Duration) -> Limits;
    let every: [(&str, Set); 5] = [
        ("call_timeout", |limits, long| limits.max_call_timeout(long).call_timeout(long)),
        ("ping_interval", |limits, long| limits.ping_interval(long)),
        ("ping_grace", |limits, long| limits.ping_grace(long)),
        ("header_timeout", |limits, long| limits.header_timeout(long)),
        ("decision_timeout", |limits, long| limits.decision_timeout(long)),
    ];
    for (name, set) in every {
        exercise(name, &set(limits(), LONGEST_DURATION));
        assert!(set(limits(), Duration::MAX).check().is_err(), "{name}");
    }
}

#[test]
fn r3_a_drain_without_end_is_no_danger() {
    let mut world = World::open(Setup::new());
    world.call(CLIENT, 0);
    world.settle();
    world.go_away(Duration::MAX);
    world.settle_answering();
    world.check();
    assert!(world.sides[SERVER].engine.closed().is_some(), "nothing runs any more");
}

/// Outcomes that nobody picks up are the caller's to hold, but ids must stay apart whatever their number.
#[test]
fn r19_ids_stay_apart_however_many_outcomes_are_left_lying() {
    let mut lone = Lone::active(Role::Client, limits());
    for _ in 0..(1 << 20) - 1 {
        let progress = Progress::Done(Outcome::Timeout(Fate::Unknown));
        let left = Entry { class: 0, bytes: 0, deadline: lone.now, waker: None, kind: Sends::Call, progress };
        lone.engine.pending.insert(left);
    }
    for _ in 0..2 {
        match lone.begin(lone.outgoing(0)) {
            Begun::Entered(key) => assert!(key.index < 1 << 20, "{key:?} has the id of another"),
            Begun::Over(outcome) => {
                assert!(matches!(outcome, Outcome::Refused(Refused::Overloaded)), "{outcome:?}");
            }
        }
    }
}
