//! R15: closing fails every pending call at once, on both sides, with code, reason and who closed; R13: each says
//! whether it certainly did not run.

use super::harness::{Answer, CLIENT, Lone, Place, SERVER, Setup, World, limits, message, whole};
use crate::engine::{Outcome, Role};
use crate::protocol::{CloseInfo, ClosedBy, code, encode};

fn info(world: &World, side: usize, ticket: usize) -> CloseInfo {
    match world.sides[side].outcome(ticket) {
        Outcome::Closed(info) => info.clone(),
        other => panic!("{other:?}"),
    }
}

/// Four calls of the client: answered, running there, under way in the outbox, and waiting for a slot; one of the
/// server.
fn busy() -> (World, [usize; 3], usize) {
    let mut world = World::open(Setup { server: limits().max_in_flight(2), ..Setup::new() });
    let answered = world.call(CLIENT, 0);
    let running = world.call(CLIENT, 0);
    let back = world.call(SERVER, 0);
    world.settle();
    world.answer(SERVER, 0, Answer::Value(1));
    world.settle();
    assert!(matches!(world.sides[CLIENT].outcome(answered), Outcome::Returned(_)));
    let queued = world.call(CLIENT, 0);
    let waiting = world.call(CLIENT, 0);
    (world, [running, queued, waiting], back)
}

fn poll_all(world: &mut World) {
    for side in [CLIENT, SERVER] {
        for ticket in 0..world.sides[side].tickets.len() {
            if let Place::In(_) = world.sides[side].tickets[ticket].place {
                assert!(world.sides[side].tickets[ticket].alarm.rang(), "R15: woken at once");
                world.poll(side, ticket);
            }
        }
    }
}

#[test]
fn r15_closing_here_fails_everything_here_and_there() {
    let (mut world, tickets, back) = busy();
    world.close(CLIENT, 4321, "enough");
    assert_eq!(world.sides[CLIENT].engine.pending(), 0, "at once");
    assert!(world.sides[CLIENT].handlers.is_empty(), "what ran here is stopped");
    world.check();
    world.settle();
    world.check();
    for (ticket, unsent) in tickets.into_iter().zip([false, false, true]) {
        let info = info(&world, CLIENT, ticket);
        assert_eq!((info.code, &*info.reason, info.by), (4321, "enough", ClosedBy::Local));
        assert_eq!(info.unsent, unsent, "what is in the outbox is still written, and may run");
    }
    let there = info(&world, SERVER, back);
    assert_eq!((there.code, &*there.reason, there.by, there.unsent), (4321, "enough", ClosedBy::Peer, false));
    assert_eq!(world.sides[SERVER].engine.stats().calls_received, 3, "the queued one did arrive");
    world.check_empty();
}

#[test]
fn r15_a_close_of_the_peer_fails_everything_and_discards_the_outbox() {
    let (mut world, tickets, _) = busy();
    world.end(CLIENT, CloseInfo::new(4000, "bye", ClosedBy::Peer));
    poll_all_of(&mut world, CLIENT);
    for (ticket, unsent) in tickets.into_iter().zip([false, true, true]) {
        let info = info(&world, CLIENT, ticket);
        assert_eq!((info.code, &*info.reason, info.by, info.unsent), (4000, "bye", ClosedBy::Peer, unsent));
    }
    let client = &mut world.sides[CLIENT];
    assert!(
        client.engine.take_batch(world.now, &mut client.effects).is_none(),
        "nothing of it leaves any more"
    );
}

fn poll_all_of(world: &mut World, side: usize) {
    for ticket in 0..world.sides[side].tickets.len() {
        world.poll(side, ticket);
    }
}

#[test]
fn r15_a_socket_that_dies_fails_everything_on_both_sides() {
    for dead in [CLIENT, SERVER] {
        let (mut world, tickets, back) = busy();
        world.break_socket(dead);
        world.settle();
        poll_all(&mut world);
        world.check();
        for (ticket, unsent) in tickets.into_iter().zip([false, dead == CLIENT, true]) {
            let info = info(&world, CLIENT, ticket);
            assert_eq!((info.code, info.by), (code::ABNORMAL, ClosedBy::Network));
            assert_eq!(info.unsent, unsent, "only what surely never left says so");
        }
        assert_eq!(info(&world, SERVER, back).by, ClosedBy::Network);
        world.check_empty();
    }
}

#[test]
fn r34_the_first_cause_stands_where_both_close() {
    let (mut world, ..) = busy();
    world.close(CLIENT, 4001, "client");
    world.close(SERVER, 4002, "server");
    world.settle();
    world.check();
    for (side, code) in [(CLIENT, 4001), (SERVER, 4002)] {
        let info = world.sides[side].engine.closed().expect("it ended");
        assert_eq!((info.code, info.by), (code, ClosedBy::Local), "each side's own close came first");
    }
    world.check_empty();
}

#[test]
fn r15_nothing_that_comes_after_the_end_is_taken() {
    let (mut world, ..) = busy();
    world.pump(CLIENT);
    world.close(SERVER, 4000, "");
    world.deliver(SERVER);
    let server = &world.sides[SERVER];
    assert_eq!((server.handlers.len(), server.engine.running()), (0, 0));
    assert_eq!(server.engine.stats().calls_received, 2);
    assert_eq!(world.sides[SERVER].engine.next_time(), None, "nothing is waited for");
    world.settle();
    world.check();
}

/// What is owed to a peer that is left, or has left, is owed no more.
#[test]
fn r15_nothing_is_added_to_the_outbox_after_the_end() {
    for by in [ClosedBy::Local, ClosedBy::Peer, ClosedBy::Network] {
        let mut lone = Lone::active(Role::Server, limits().event_lane_messages(1));
        lone.call(3);
        lone.send([whole(&encode::ping(7), b""), message(1, "T.unknown", false, 0, b"")]);
        lone.close(CloseInfo::new(4000, "", by));
        let written = lone.out();
        let expected = usize::from(by == ClosedBy::Local);
        assert_eq!(written.len(), expected, "neither PONG nor CREDIT: {written:?}");
        assert!(!lone.engine.has_output());
    }
}

#[test]
fn r15_a_handler_that_ends_after_the_end_is_only_counted() {
    let (mut world, ..) = busy();
    let key = world.sides[SERVER].handlers[0].key;
    world.close(SERVER, 4000, "");
    let server = &mut world.sides[SERVER];
    let value = crate::engine::Verdict::Value(crate::codec::Body::from_bytes(b"late"));
    assert!(server.engine.finish(world.now, key, value, &mut server.effects).is_ok());
    assert_eq!(server.engine.stats().late_answers, 1);
}

/// R18: what the driver calls last gives the memory back and keeps the outcomes that nobody has asked for yet.
#[test]
fn r18_outcomes_survive_the_burial() {
    let (mut world, tickets, _) = busy();
    world.break_socket(CLIENT);
    world.sides[CLIENT].engine.bury();
    poll_all_of(&mut world, CLIENT);
    assert!(tickets.into_iter().all(|ticket| info(&world, CLIENT, ticket).by == ClosedBy::Network));
    world.sides[CLIENT].engine.bury();
    assert_eq!(world.sides[CLIENT].engine.entries(), 0);
    let late = world.call(CLIENT, 0);
    assert!(info(&world, CLIENT, late).unsent, "R22: and it still answers");
}
