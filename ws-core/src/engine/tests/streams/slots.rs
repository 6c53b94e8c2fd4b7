//! Slots of streams: apart from those of calls, and for each depth (R11, R12).

use super::pair::{Call, LIMITS, Pair};
use crate::codec::Body;
use crate::engine::tests::harness::{CLIENT, Lone, SERVER, Seen, Setup, limits, message};
use crate::engine::{Outcome, Role, Verdict};
use crate::limits::NESTED_STREAMS;
use crate::protocol::{FailClass, code};
use crate::service::Streams;

#[test]
fn r11_an_open_stream_holds_no_slot_of_a_call() {
    let mut pair = Pair::open(Setup::both(LIMITS().max_in_flight(1)));
    let first = pair.opened(CLIENT, Streams::Down);
    let second = pair.opened(CLIENT, Streams::Both);
    let call = pair.world.call(CLIENT, 0);
    pair.world.settle_answering();
    assert!(matches!(pair.world.sides[CLIENT].outcome(call), Outcome::Returned(_)));
    for line in [first, second] {
        pair.finish(line, Verdict::Completed);
    }
    pair.drain();
}

#[test]
fn r12_the_next_stream_waits_and_calls_pass_it() {
    let mut pair = Pair::open(Setup::both(LIMITS()));
    let open: Vec<usize> = (0..3).map(|_| pair.opened(CLIENT, Streams::Down)).collect();
    let waits = pair.call(CLIENT, Streams::Down, 0, 30);
    let uploads = pair.call(CLIENT, Streams::Up, 0, 30);
    pair.exchange();
    assert!(pair.lines[waits].handler.is_none() && pair.lines[uploads].handler.is_none());
    let call = pair.world.call(CLIENT, 0);
    pair.exchange();
    assert_eq!(pair.world.sides[SERVER].handlers.iter().filter(|handler| handler.method == 0).count(), 1);
    let handler = pair.world.sides[SERVER].handlers.iter().position(|handler| handler.method == 0);
    pair.world.answer(
        SERVER,
        handler.expect("the plain call"),
        crate::engine::tests::harness::Answer::Value(1),
    );
    pair.exchange();
    pair.world.poll(CLIENT, call);
    assert!(pair.world.sides[CLIENT].is_over(call));
    // A deeper one has slots of its own.
    let deep = pair.call(CLIENT, Streams::Down, 1, 30);
    pair.exchange();
    assert!(pair.lines[deep].handler.is_some(), "R11");
    pair.drop_reader(open[0], false);
    pair.exchange();
    assert!(pair.lines[waits].handler.is_some(), "the first that waits is sent");
    assert!(pair.lines[uploads].handler.is_none());
    pair.finish(open[1], Verdict::Completed);
    pair.exchange();
    while pair.read(open[1], false) {}
    pair.exchange();
    assert!(pair.lines[uploads].handler.is_some());
    pair.drain();
}

#[test]
fn r14_a_stream_that_waits_times_out_unsent() {
    let mut pair = Pair::open(Setup::both(LIMITS().max_streams(1)));
    let open = pair.opened(CLIENT, Streams::Down);
    let waits = pair.call(CLIENT, Streams::Both, 0, 5);
    pair.world.pass(std::time::Duration::from_secs(5));
    pair.tick();
    pair.poll(waits);
    assert!(matches!(pair.lines[waits].call, Call::Over(Outcome::Timeout(crate::error::Fate::NotSent))));
    assert!(pair.lines[waits].up.writer.is_none(), "its upload is dropped");
    let waits = pair.call(CLIENT, Streams::Both, 0, 5);
    pair.abandon(waits);
    assert_eq!(pair.world.sides[CLIENT].engine.streams(), 1);
    pair.finish(open, Verdict::Value(Body::empty()));
    pair.drain();
}

/// The callee keeps its own count, and closes 1008 who goes on beyond it.
#[test]
fn r12_streams_beyond_the_limit_are_refused() {
    for (depth, most) in [(0, 6), (1, u64::from(NESTED_STREAMS))] {
        let mut lone = Lone::active(Role::Server, limits().max_streams(6).max_violations(2));
        for call in 0..most {
            lone.send([message(call * 2 + 1, "T.down", true, depth, b"")]);
            let flow = lone.starts.last().and_then(|start| start.flow).expect("it streams");
            lone.engine.open_stream(lone.now, flow, &mut lone.effects);
        }
        assert!(lone.out().iter().all(|seen| matches!(seen, Seen::Open(_))));
        lone.send([message(101, "T.up", true, depth, b"")]);
        assert_eq!(lone.out(), [Seen::Fail(101, FailClass::Overloaded, Vec::new())]);
        lone.send([message(103, "T.call", true, depth, b"")]);
        assert_eq!(lone.starts.len(), most as usize + 1, "a plain call has a slot");
        lone.finish_key(lone.starts[0].key, Verdict::Completed).expect("there is room");
        lone.starts.remove(0);
        lone.send([message(105, "T.both", true, depth, b"")]);
        assert!(matches!(lone.out()[..], [Seen::End(1, None)]), "a stream that ended has freed its slot");
        for id in [107, 109, 111, 113] {
            lone.send([message(id, "T.down", true, depth, b"")]);
        }
        assert_eq!(lone.close_code(), Some(code::POLICY));
    }
}
