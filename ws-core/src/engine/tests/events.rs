//! R12: events of one connection are handled one at a time in the order of sending, unless they are concurrent, and
//! have credit of their own.

use std::task::Waker;

use super::harness::{
    Answer, CLIENT, Kind, Lone, Parcel, Plan, SECOND, SERVER, Seen, Setup, World, event, limits, message, ms,
};
use crate::codec::Body;
use crate::engine::{Begun, Outcome, Outgoing, Role, Sends, Verdict};
use crate::error::Fate;
use crate::service::{MethodId, Streams};

fn lane(messages: u32, bytes: usize) -> Setup {
    Setup { server: limits().event_lane_messages(messages).event_lane_bytes(bytes), ..Setup::new() }
}

#[test]
fn r12_events_are_handled_one_at_a_time_in_order() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send((0..50).map(|index| event(2 * index + 1, &[0])));
    for index in 0..50 {
        assert_eq!(lone.starts.len(), 1, "one at a time");
        assert_eq!(lone.starts[0].depth, 0, "R11: its handler's calls begin at depth 1");
        assert_eq!(lone.starts[0].event_id, 2 * index + 1);
        lone.finish_with(0);
    }
    assert_eq!((lone.starts.len(), lone.engine.running()), (0, 0));
    assert!(!lone.out().iter().any(|frame| matches!(frame, Seen::Return(..))), "no reply is sent");
}

#[test]
fn r12_concurrent_events_are_handled_beside_the_others() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([
        event(1, b""),
        message(3, "T.aside", false, 0, b""),
        event(5, b""),
        message(7, "T.aside", false, 0, b""),
    ]);
    let started: Vec<u64> = lone.starts.iter().map(|start| start.event_id).collect();
    assert_eq!(started, [1, 3, 7], "5 waits for 1");
    // A concurrent one that ends gives the turn to nobody.
    let aside = lone.starts.remove(1).key;
    lone.finish_key(aside, Verdict::Nothing).expect("an event needs no room");
    assert_eq!(lone.effects.starts.len(), 0);
    lone.finish_with(0);
    assert!(lone.starts.iter().any(|start| start.event_id == 5));
}

/// A call's method may be told instead of asked: it is handled in turn, and nobody gets an answer.
#[test]
fn r19_a_call_without_a_reply_is_an_event() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([event(1, b""), message(3, "T.call", false, 0, b"")]);
    assert_eq!(lone.starts.len(), 1);
    lone.finish_with(0);
    assert_eq!((lone.starts[0].event_id, lone.starts[0].deadline), (3, None));
    lone.finish_with(10);
    assert_eq!(lone.out(), []);
}

#[test]
fn r20_what_a_message_answers_travels_with_it() {
    for (kind, wants_reply) in [("T.event", false), ("T.call", true)] {
        let mut world = World::open(Setup::new());
        let message = Outgoing {
            answers: false,
            method: MethodId::of(kind),
            kind: if wants_reply { Sends::Call } else { Sends::Event },
            streams: Streams::Nothing,
            depth: 0,
            deadline: world.now + SECOND,
            reply_to: Some(1 << 40),
            metadata: Vec::new(),
            content: Body::empty().into(),
        };
        let begun = world.sides[SERVER].engine.begin(world.now, message, Waker::noop().clone());
        assert_eq!(matches!(begun, Begun::Entered(_)), wants_reply);
        world.pump(SERVER);
        let Some(Parcel::Batch(batch)) = world.wires[CLIENT].pop_front() else { panic!("a message") };
        let client = &mut world.sides[CLIENT];
        client.engine.receive(world.now, &batch, &mut client.effects);
        assert_eq!(client.effects.starts[0].reply_to, Some(1 << 40));
    }
}

#[test]
fn r12_without_credit_an_event_waits_and_then_it_is_full() {
    let mut world = World::open(lane(2, 1 << 20));
    let sent = [world.event(CLIENT, 1), world.event(CLIENT, 1)];
    assert!(sent.iter().all(|&ticket| matches!(world.sides[CLIENT].outcome(ticket), Outcome::Sent(_))));
    let plan = Plan { kind: Kind::Event, depth: 0, size: 1, deadline: world.now + ms(500) };
    let waiting = world.begin(CLIENT, plan);
    world.settle();
    world.advance(ms(499));
    world.settle();
    assert!(!world.sides[CLIENT].is_over(waiting));
    world.advance(ms(1));
    world.settle();
    assert!(matches!(world.sides[CLIENT].outcome(waiting), Outcome::Timeout(Fate::NotSent)));
    world.settle_answering();
    world.check();
    assert_eq!(world.sides[SERVER].arrived.len(), 2, "it was not sent");
    world.check_empty();
}

#[test]
fn r12_credit_comes_back_as_events_are_handled_and_calls_do_not_wait_for_it() {
    let mut world = World::open(lane(1, 1));
    let events: Vec<usize> = (0..20).map(|size| world.event(CLIENT, size)).collect();
    let call = world.call(CLIENT, 0);
    world.settle();
    assert_eq!(world.sides[SERVER].handlers.len(), 2, "one event, and the call");
    let index = world.sides[SERVER].handlers.iter().position(|handler| handler.is_call);
    world.answer(SERVER, index.expect("the call runs"), Answer::Value(1));
    world.settle();
    assert!(world.sides[CLIENT].is_over(call));
    world.settle_answering();
    world.check();
    let ids: Vec<u64> = world.sides[SERVER].arrived.iter().map(|(id, _)| *id).collect();
    let sent: Vec<u64> = events.iter().filter_map(|&ticket| world.sides[CLIENT].tickets[ticket].id).collect();
    assert_eq!(ids, sent, "all of them, in order");
    world.check_empty();
}

#[test]
fn r12_an_event_larger_than_the_window_is_sent_where_nothing_else_is() {
    let mut world = World::open(lane(10, 100));
    for size in [99, 50_000, 1, 99, 99, 0, 0, 50_000] {
        world.event(CLIENT, size);
    }
    world.settle_answering();
    world.check();
    assert_eq!(world.sides[SERVER].arrived.len(), 8);
    world.check_empty();
}

#[test]
fn r12_an_event_that_waits_and_is_dropped_is_not_sent_and_holds_nobody_up() {
    let mut world = World::open(lane(1, 1 << 20));
    let events: Vec<usize> = (0..3).map(|_| world.event(CLIENT, 1)).collect();
    world.abandon(CLIENT, events[1]);
    world.settle_answering();
    world.check();
    assert_eq!(world.sides[SERVER].arrived.len(), 2);
    assert!(matches!(world.sides[CLIENT].outcome(events[2]), Outcome::Sent(_)));
    world.check_empty();
}

/// Once its turn has come it is on its way, whether or not its future asks.
#[test]
fn r12_an_event_whose_turn_has_come_is_sent_though_it_is_dropped() {
    let mut world = World::open(lane(1, 1 << 20));
    let events: Vec<usize> = (0..2).map(|_| world.event(CLIENT, 1)).collect();
    world.pump(CLIENT);
    world.deliver(SERVER);
    world.answer(SERVER, 0, Answer::Nothing);
    world.pump(SERVER);
    world.deliver(CLIENT);
    world.abandon(CLIENT, events[1]);
    world.settle_answering();
    world.check();
    assert_eq!(world.sides[SERVER].arrived.len(), 2);
    world.check_empty();
}

/// R19: ids of events rise, are of the sender's parity, and are never those of calls.
#[test]
fn r19_ids_of_events_and_calls_are_apart() {
    let mut world = World::open(Setup::new());
    for side in [CLIENT, SERVER] {
        let mut ids = Vec::new();
        for _ in 0..20 {
            let event = world.event(side, 1);
            let call = world.call(side, 0);
            ids.extend(
                [event, call].map(|ticket| world.sides[side].tickets[ticket].id.expect("it was sent")),
            );
        }
        assert!(ids.iter().all(|id| id % 2 == [1, 0][side] && *id != 0), "{ids:?}");
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "unique");
    }
    world.settle_answering();
    world.check_empty();
}

/// An event that waits in the lane holds its credit until it is handled, however long that takes.
#[test]
fn r12_a_slow_handler_stalls_events_and_nothing_else() {
    let mut world = World::open(lane(2, 1 << 20));
    for _ in 0..5 {
        let plan = Plan { kind: Kind::Event, depth: 0, size: 1, deadline: world.now + 600 * SECOND };
        world.begin(CLIENT, plan);
    }
    world.settle();
    assert_eq!(world.sides[SERVER].engine.stats().events_received, 2);
    for _ in 0..100 {
        world.call(CLIENT, 0);
    }
    world.settle();
    assert_eq!(world.sides[SERVER].handlers.iter().filter(|handler| handler.is_call).count(), 100);
    world.settle_answering();
    world.check_empty();
    assert_eq!(world.sides[SERVER].arrived.len(), 5);
}

/// Nobody waits for an event, but one whose handler never ends would hold the others up for ever.
#[test]
fn r14_an_event_handler_that_never_ends_is_stopped_and_the_next_one_runs() {
    let mut lone =
        Lone::active(Role::Server, limits().max_call_timeout(40 * SECOND).ping_interval(3600 * SECOND));
    lone.send([event(1, b"x"), event(3, b"y")]);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 40 * SECOND));
    lone.advance(40 * SECOND - ms(1));
    assert_eq!(lone.starts[0].event_id, 1);
    lone.advance(ms(1));
    assert_eq!((lone.starts.len(), lone.starts[0].event_id), (1, 3));
    assert_eq!(lone.engine.stats().events_expired, 1);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 40 * SECOND), "its own time begins with its turn");
    lone.finish_with(0);
    assert_eq!((lone.engine.running(), lone.engine.grant.outstanding_bytes()), (0, 0));
    assert_eq!(lone.out(), []);
}

// BUG 9: `finish` is not told the time, so the next one's is counted from whenever the engine was last told.
#[test]
fn r14_the_next_event_has_its_full_time() {
    let mut lone =
        Lone::active(Role::Server, limits().max_call_timeout(40 * SECOND).ping_interval(3600 * SECOND));
    lone.send([event(1, b"x"), event(3, b"y")]);
    lone.now += 39 * SECOND;
    lone.finish_with(0);
    assert_eq!(lone.engine.next_time(), Some(lone.now + 40 * SECOND));
}
