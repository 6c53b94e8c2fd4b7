//! While the outbox is full, what streams owe waits, and none of it is lost (R38).

use super::pair::{LIMITS, Pair};
use crate::codec::Body;
use crate::engine::state::CONTROL;
use crate::engine::tests::harness::{CLIENT, Lone, Seen, Setup, limits, message};
use crate::engine::{Role, Verdict};
use crate::protocol::{FailClass, encode};
use crate::service::Streams;

/// A server whose outbox is full, and its reserve almost so.
fn full() -> Lone {
    let mut lone = Lone::active(Role::Server, limits().outbox_bytes(1 << 10).outbox_reserve(1 << 10));
    lone.engine.outbox.set_reserve(1 << 10);
    lone.send([message(1, "T.down", true, 0, b""), message(3, "T.call", true, 0, b"")]);
    let plain = lone.starts.remove(1);
    lone.finish_key(plain.key, Verdict::Value(Body::from_bytes(&[1; 2_000])))
        .expect("the last one may exceed");
    let mut id = 101;
    while lone.engine.outbox.has_reserve(CONTROL) {
        lone.send([message(id, "T.nowhere", true, 0, b"")]);
        id += 2;
        assert_eq!(lone.closed(), None);
    }
    lone
}

fn of_stream(seen: &Seen) -> bool {
    matches!(seen, Seen::Open(_) | Seen::Item(..) | Seen::End(..))
}

#[test]
fn an_opening_waits_for_room_and_comes_before_its_end() {
    let mut lone = full();
    let start = &lone.starts[0];
    let (key, flow) = (start.key, start.flow.expect("it streams"));
    lone.engine.open_stream(lone.now, flow, &mut lone.effects);
    assert_eq!(lone.engine.running.call_bytes(), 0);
    assert!(lone.engine.flows.owes(), "there is no room");
    let Err(verdict) = lone.finish_key(key, Verdict::Completed) else { panic!("it has to wait") };
    let mut seen = Vec::new();
    while let Some(message) = lone.take() {
        seen.extend(crate::engine::tests::harness::read(&message));
    }
    lone.finish_key(key, verdict).expect("there is room");
    seen.extend(lone.out());
    seen.retain(of_stream);
    assert_eq!(seen, [Seen::Open(1), Seen::End(1, None)]);
    assert_eq!(lone.engine.entries(), 0);
}

/// A provider by hand may say the end alone, or a value where there is none.
#[test]
fn an_end_without_an_opening_opens() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([message(1, "T.down", true, 0, b""), message(3, "T.both", true, 0, b"")]);
    lone.finish(Verdict::Completed).expect("there is room");
    lone.finish(Verdict::Value(Body::from_bytes(&[1]))).expect("there is room");
    let seen = lone.out();
    assert!(matches!(seen[..], [Seen::Open(1), Seen::End(1, None), Seen::Fail(3, ..)]), "{seen:?}");
    assert_eq!(lone.engine.entries(), 0);
}

/// A reader that goes while nothing can be written: its CANCEL keeps the slot until it is out.
#[test]
fn a_cancel_of_a_stream_keeps_its_slot() {
    let mut pair = Pair::open(Setup::both(LIMITS().max_streams(1)));
    let line = pair.opened(CLIENT, Streams::Down);
    let outbox = &mut pair.world.sides[CLIENT].engine.outbox;
    outbox.set_reserve(0);
    while outbox.has_reserve(CONTROL) {
        // An answer that nobody waits for.
        outbox.push_parts(&encode::fail(2, FailClass::Denied), &[], &[0; 1_000]);
    }
    pair.drop_reader(line, false);
    assert_eq!(pair.used(CLIENT).1, 1, "its slot is taken until the CANCEL is out");
    let next = pair.call(CLIENT, Streams::Down, 0, 30);
    pair.exchange();
    assert_eq!(pair.used(CLIENT).1, 1);
    assert!(pair.lines[next].handler.is_some(), "the CANCEL went out, then what waited for its slot");
    pair.drain();
}
