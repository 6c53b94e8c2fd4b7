//! R33: silence is answered with a ping, then with a close; anything that comes counts as life.

use super::harness::{CLIENT, GENEROUS, Lone, SECOND, Seen, Setup, World, call, hello, limits, ms, whole};
use crate::engine::Role;
use crate::limits::Limits;
use crate::protocol::{ClosedBy, code, encode};

fn beating() -> Limits {
    limits().ping_interval(15 * SECOND).ping_grace(10 * SECOND)
}

#[test]
fn r33_a_silent_peer_is_pinged_and_then_dead() {
    for role in [Role::Client, Role::Server] {
        let mut lone = Lone::active(role, beating());
        assert_eq!(lone.engine.next_time(), Some(lone.now + 15 * SECOND));
        lone.advance(15 * SECOND - ms(1));
        assert_eq!(lone.out(), []);
        lone.advance(ms(1));
        assert_eq!(lone.out(), [Seen::Ping(1)]);
        assert_eq!(lone.engine.next_time(), Some(lone.now + 10 * SECOND));
        lone.advance(10 * SECOND - ms(1));
        assert_eq!((lone.out(), lone.close_code()), (vec![], None), "one ping is enough");
        lone.advance(ms(1));
        let info = lone.closed().expect("interval and grace are over");
        assert_eq!((info.code, info.by), (code::HEARTBEAT, ClosedBy::Local));
        assert_eq!(lone.engine.next_time(), None);
    }
}

#[test]
fn r33_any_inbound_frame_counts() {
    let frames = [
        whole(&encode::pong(1), b""),
        whole(&encode::pong(77), b""),
        whole(&encode::ping(3), b""),
        vec![0x80],
        whole(&encode::cancel(99), b""),
        call(1, b""),
    ];
    for frame in frames {
        let mut lone = Lone::active(Role::Server, beating());
        lone.advance(15 * SECOND);
        lone.advance(9 * SECOND);
        lone.send([&frame]);
        let heard = lone.now;
        assert_eq!(lone.engine.next_time(), Some(heard + 15 * SECOND), "{frame:?}");
        lone.advance(14 * SECOND);
        assert_eq!(lone.close_code(), None);
        lone.out();
        lone.advance(SECOND);
        assert_eq!(lone.out(), [Seen::Ping(2)], "the next silence is pinged under the next number");
    }
}

#[test]
fn r33_silence_is_counted_from_the_acceptance() {
    let mut lone = Lone::fresh(Role::Server, beating());
    lone.send([hello(GENEROUS)]);
    lone.now += 7 * SECOND;
    assert!(lone.accept());
    assert_eq!(lone.engine.next_time(), Some(lone.now + 15 * SECOND));
}

#[test]
fn r33_what_is_read_late_was_still_sent_in_time() {
    let mut lone = Lone::active(Role::Server, beating());
    lone.advance(15 * SECOND);
    // This process slept; the answer lies in the socket all the while.
    lone.now += 60 * SECOND;
    lone.send([whole(&encode::pong(1), b"")]);
    assert_eq!(lone.close_code(), None);
}

#[test]
fn r33_a_sign_of_life_below_the_frames_counts() {
    let mut lone = Lone::active(Role::Client, beating());
    lone.advance(15 * SECOND);
    lone.engine.heard(lone.now);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 15 * SECOND));
}

#[test]
fn r33_two_that_live_keep_each_other_alive() {
    let mut world = World::open(Setup::both(beating()));
    for _ in 0..200 {
        let next = world.next_time().expect("a heartbeat");
        assert!(next > world.now, "the timer does not spin");
        world.pass(next - world.now);
        world.tick(0);
        world.tick(1);
        world.settle();
        world.check();
    }
    assert!(world.sides.iter().all(|side| side.engine.is_active()));
    world.check_empty();
}

#[test]
fn r38_a_flood_of_pings_is_answered_once_with_the_newest() {
    let mut lone = Lone::active(Role::Server, limits());
    for round in 0..50_u64 {
        lone.send((0..1000).map(|number| whole(&encode::ping(round * 1000 + number), b"")));
    }
    assert!(lone.engine.has_output());
    assert_eq!(lone.out(), [Seen::Pong(49_999)]);
    assert!(!lone.engine.has_output());
    lone.send([whole(&encode::ping(7), b"")]);
    assert_eq!(lone.out(), [Seen::Pong(7)]);
}

/// R15: what was pending ends with a dead peer, and says who ended it.
#[test]
fn r33_a_dead_peer_fails_what_is_pending() {
    let mut world = World::open(Setup::both(beating().call_timeout(60 * SECOND)));
    let ticket = world.call(CLIENT, 0);
    world.pump(CLIENT);
    world.advance(15 * SECOND);
    world.advance(10 * SECOND);
    world.check();
    world.poll(CLIENT, ticket);
    world.check();
    assert_eq!(world.sides[CLIENT].engine.pending(), 0);
}
