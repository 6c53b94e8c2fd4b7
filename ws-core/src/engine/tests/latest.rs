//! R32: of the broadcasts under one key that wait in a connection only the latest is sent, in the place of the first.

use std::sync::Arc;

use super::harness::{GENEROUS, Lone, SECOND, limits, ms};
use super::posts::{STALL, cost, frame, narrow, one_credit, stuck};
use crate::engine::{Budget, LatestKey, Posted, Role, Slow};
use crate::protocol::{Announced, code};

fn key(number: u64) -> Option<LatestKey> {
    Some(number.into())
}

#[test]
fn r32_the_latest_takes_the_place_of_the_one_that_waits() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post_about(100, Slow::Close, key(1)), Posted::Waits);
    assert_eq!(lone.post(200, Slow::Close), Posted::Waits);
    assert_eq!(lone.post_about(300, Slow::Close, Some("one".into())), Posted::Waits, "another key");
    assert_eq!(lone.post_about(400, Slow::Close, key(2)), Posted::Waits);
    for size in [150, 7, 160] {
        assert_eq!(lone.post_about(size, Slow::Close, key(1)), Posted::Replaced);
    }
    let sizes = [160, 200, 300, 400];
    assert_eq!(lone.engine.pending.posted(), sizes.map(cost).iter().sum::<usize>());
    assert_eq!(lone.engine.pending.held_bytes(), sizes.iter().sum::<usize>());
    assert_eq!(lone.engine.pending(), 4);
    lone.grants(100);
    assert_eq!(lone.posted(), sizes, "in the first one's place");
    assert_eq!((lone.engine.stats().broadcasts_replaced, lone.engine.stats().events_sent), (3, 5));
    lone.holds_nothing();
}

#[test]
fn r32_what_has_left_is_not_replaced() {
    let mut lone = one_credit(100_000);
    assert_eq!(lone.post_about(1, Slow::Drop, key(1)), Posted::Sent);
    assert_eq!(lone.post_about(2, Slow::Drop, key(1)), Posted::Waits);
    lone.grants(2);
    assert_eq!(lone.post_about(3, Slow::Drop, key(1)), Posted::Waits);
    // The place of 2 is another's by now.
    assert_eq!(lone.post(4, Slow::Drop), Posted::Waits);
    assert_eq!(lone.post_about(5, Slow::Drop, key(1)), Posted::Replaced);
    lone.grants(100);
    assert_eq!(lone.posted(), [1, 2, 5, 4]);
    lone.holds_nothing();
}

#[test]
fn r32_a_place_keeps_its_deadline() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post_about(1, Slow::Close, key(1)), Posted::Waits);
    for _ in 0..4 {
        lone.advance(SECOND);
        assert_eq!(lone.post_about(1, Slow::Close, key(1)), Posted::Replaced);
    }
    assert_eq!(lone.engine.next_time(), Some(lone.now + SECOND));
    lone.advance(SECOND - ms(1));
    assert_eq!(lone.closed(), None);
    lone.advance(ms(1));
    assert_eq!(lone.close_code(), Some(code::SLOW));
    lone.holds_nothing();
}

/// Two stubs may share a key and differ in what they do with the slow.
#[test]
fn r32_of_two_policies_under_one_key_the_stricter_holds() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post_about(1, Slow::Drop, key(1)), Posted::Waits);
    lone.advance(2 * STALL);
    assert_eq!(lone.post_about(2, Slow::Close, key(1)), Posted::Replaced);
    assert_eq!(lone.post_about(3, Slow::Drop, key(1)), Posted::Replaced);
    assert_eq!(lone.engine.next_time(), Some(lone.now + STALL));
    lone.advance(STALL - ms(1));
    assert_eq!(lone.closed(), None);
    lone.advance(ms(1));
    assert_eq!(lone.close_code(), Some(code::SLOW));
    lone.holds_nothing();
}

#[test]
fn r32_a_replacement_that_does_not_fit_is_dropped_and_the_old_one_stays() {
    let mut lone = stuck(1000);
    assert_eq!(lone.post_about(100, Slow::Drop, key(1)), Posted::Waits);
    assert_eq!(lone.post(100, Slow::Drop), Posted::Waits);
    let rest = 1000 - 2 * cost(100);
    assert_eq!(lone.post_about(100 + rest, Slow::Drop, key(1)), Posted::Replaced, "what it frees counts");
    assert_eq!(lone.engine.pending.posted(), 1000);
    assert_eq!(lone.post_about(101 + rest, Slow::Drop, key(1)), Posted::Dropped);
    assert_eq!(lone.post(0, Slow::Drop), Posted::Dropped);
    assert_eq!(lone.engine.stats().broadcasts_dropped, 2);
    lone.grants(100);
    assert_eq!(lone.posted(), [100 + rest, 100]);
    lone.holds_nothing();
}

#[test]
fn r32_a_replacement_that_does_not_fit_closes_where_that_is_the_policy() {
    let mut lone = stuck(1000);
    assert_eq!(lone.post_about(100, Slow::Close, key(1)), Posted::Waits);
    assert_eq!(
        lone.post_about(2000, Slow::Close, key(1)),
        Posted::Replaced,
        "alone, it may exceed the bound"
    );
    assert_eq!(lone.post_about(100, Slow::Close, key(1)), Posted::Replaced);
    assert_eq!(lone.post(100, Slow::Close), Posted::Waits);
    assert_eq!(lone.post_about(2000, Slow::Close, key(1)), Posted::Closed);
    assert_eq!(lone.close_code(), Some(code::SLOW));
    lone.holds_nothing();
}

/// It needs no place of its own.
#[test]
fn r32_where_every_place_is_taken_a_replacement_still_fits() {
    let limits = narrow(100_000).max_waiting(2);
    let mut lone = Lone::fresh(Role::Server, limits).activated(Announced { event_messages: 1, ..GENEROUS });
    assert_eq!(lone.post(1, Slow::Close), Posted::Sent);
    assert_eq!(lone.post_about(2, Slow::Close, key(1)), Posted::Waits);
    assert_eq!(lone.post_about(3, Slow::Close, key(2)), Posted::Waits);
    assert_eq!(lone.post_about(4, Slow::Drop, key(3)), Posted::Dropped);
    assert_eq!(lone.post_about(5, Slow::Close, key(1)), Posted::Replaced);
    lone.grants(100);
    assert_eq!(lone.posted(), [1, 5, 3]);
}

/// Nor more of the server's memory than it adds.
#[test]
fn r32_where_the_server_has_no_memory_left_a_replacement_still_fits() {
    let budget = Budget::new(128 << 10);
    let mut lone = Lone::with_budget(Role::Server, limits(), Some(Arc::clone(&budget)))
        .activated(Announced { event_messages: 1, ..GENEROUS });
    assert_eq!(lone.post(1, Slow::Drop), Posted::Sent);
    lone.posted();
    assert_eq!(lone.post_about(100_000, Slow::Drop, key(1)), Posted::Waits);
    assert_eq!(lone.post(100_000, Slow::Drop), Posted::Dropped);
    assert_eq!(lone.post_about(100_000, Slow::Close, key(1)), Posted::Replaced);
    lone.grants(2);
    assert_eq!(lone.posted(), [100_000]);
    lone.holds_nothing();
}

#[test]
fn r32_keys_of_what_has_left_do_not_pile_up() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post(1, Slow::Drop), Posted::Waits, "one waits all the time");
    for number in 0..10_000 {
        assert_eq!(lone.post_about(2, Slow::Drop, key(number)), Posted::Waits);
        lone.grants(2 + number);
        assert_eq!(lone.posted().len(), 1);
        assert!(lone.engine.latest.len() <= 40, "{}", lone.engine.latest.len());
    }
    lone.grants(1 << 30);
    assert_eq!(lone.engine.latest.len(), 0, "nothing waits, nothing is remembered");
    assert_eq!(lone.posted().len(), 1);
    lone.holds_nothing();
}

#[test]
fn r32_two_methods_under_one_key_are_about_different_things() {
    let mut lone = stuck(100_000);
    assert_eq!(lone.post_of("T.moved", frame(1), Slow::Drop, key(1)), Posted::Waits);
    assert_eq!(lone.post_of("T.typing", frame(2), Slow::Drop, key(1)), Posted::Waits);
    assert_eq!(lone.post_of("T.moved", frame(3), Slow::Drop, key(1)), Posted::Replaced);
    lone.grants(100);
    assert_eq!(lone.posted(), [3, 2]);
    lone.holds_nothing();
}
