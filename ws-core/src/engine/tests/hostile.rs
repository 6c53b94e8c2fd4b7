//! R35: what the protocol does not allow ends this connection with 1002, whatever else the message holds; what it
//! allows is survived.

use bytes::Bytes;

use super::harness::{
    GENEROUS, Lone, Seen, batch, call, event, fail, hello, limits, message, ret, welcome, whole,
};
use crate::engine::Role;
use crate::protocol::{ClosedBy, FailClass, Reject, code, encode};

/// What `frames`, in one message, do to an active engine.
fn closes(role: Role, message: &Bytes) -> Option<u16> {
    let mut lone = Lone::active(role, limits());
    lone.send_raw(message);
    if let Some(info) = lone.closed() {
        assert_eq!(info.by, ClosedBy::Local);
        assert!(lone.starts.is_empty(), "what had started is stopped");
        assert_eq!((lone.engine.running(), lone.engine.pending()), (0, 0));
    }
    lone.close_code()
}

#[test]
fn r35_a_server_closes_1002_for_what_is_not_allowed() {
    let flags = |kind: u8, flags: u8| vec![kind, flags, 3, 0, 0, 0, 0, 0];
    let cases: Vec<(&str, Bytes)> = vec![
        ("an id that is in use", batch([call(1, b""), call(1, b"")])),
        ("an id of the wrong side", batch([call(2, b"")])),
        ("an event's id of the wrong side", batch([event(2, b"")])),
        ("the id 0 on a call", batch([call(0, b"")])),
        ("the id 0 on a client's event", batch([event(0, b"")])),
        ("an unknown kind", batch([[0x55, 0]])),
        ("the kind 0", batch([[0, 0]])),
        ("an ITEM without an id", batch([[9, 0]])),
        ("an END without an id", batch([[10, 0]])),
        ("a kind kept for resume", batch([[14, 0]])),
        ("a kind kept for re-authentication", batch([[15, 0]])),
        ("a reserved flag of MESSAGE", batch([flags(4, 0x40)])),
        ("a call that asks for a message", batch([flags(4, 0x11)])),
        ("an answer to nothing", batch([flags(4, 0x20)])),
        ("a reserved flag of RETURN", batch([flags(5, 1)])),
        ("a call of depth 33", batch([message(1, "T.call", true, 33, b"")])),
        ("an event of depth 33", batch([message(1, "T.event", false, 33, b"")])),
        (
            "a length of 2^60",
            Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 4, 0]),
        ),
        ("a length beyond the message", Bytes::from_static(&[9, 7, 0, 1])),
        ("a length that is not the shortest", Bytes::from_static(&[0x83, 0x00, 7, 0, 1])),
        ("a length of more than 64 bits", Bytes::from_static(&[0xff; 12])),
        ("no frame at all", Bytes::new()),
        ("a frame without a kind", batch([[]])),
        ("a frame without flags", batch([[7]])),
        ("a MESSAGE cut short", batch([&call(1, b"")[..5]])),
        ("a CANCEL with more behind it", batch([whole(&encode::cancel(1), b"x")])),
        ("a FAIL without a class", batch([&fail(2, FailClass::Internal)[..3]])),
        ("an ITEM of no stream", batch([whole(&encode::item(0), b"")])),
        ("an item on a plain call", batch([call(1, b""), whole(&encode::item(1), b"")])),
        ("credit on a plain call", batch([call(1, b""), whole(&encode::credit(1, 5, 5), b"")])),
        ("a second HELLO", batch([hello(GENEROUS)])),
        ("a WELCOME to a server", batch([welcome(GENEROUS)])),
        ("a REJECT to a server", batch([Reject::new(4000, "no").encode()])),
    ];
    for (name, message) in cases {
        assert_eq!(closes(Role::Server, &message), Some(code::PROTOCOL), "{name}");
    }
}

#[test]
fn r35_a_client_closes_1002_for_what_is_not_allowed() {
    let cases: Vec<(&str, Bytes)> = vec![
        ("an id of the wrong side", batch([call(1, b"")])),
        ("an event's id of the wrong side", batch([event(3, b"")])),
        ("the id 0 on a call", batch([call(0, b"")])),
        ("an id that is in use", batch([call(4, b""), call(4, b"")])),
        ("a HELLO from a server", batch([hello(GENEROUS)])),
        ("a second WELCOME", batch([welcome(GENEROUS)])),
        ("a REJECT after the WELCOME", batch([Reject::new(4000, "no").encode()])),
    ];
    for (name, message) in cases {
        assert_eq!(closes(Role::Client, &message), Some(code::PROTOCOL), "{name}");
    }
}

#[test]
fn r35_what_is_merely_odd_is_survived() {
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("an ignorable kind", vec![vec![0x80], vec![0xff, 0xff, 0xff, 1, 2, 3]]),
        ("GOAWAY from a client", vec![whole(&encode::go_away(0), b"")]),
        ("a PONG that nobody asked for", vec![whole(&encode::pong(9), b"")]),
        ("CANCEL of a call that is not there", vec![whole(&encode::cancel(7), b"")]),
        ("CANCEL of an id that cannot be", vec![whole(&encode::cancel(u64::MAX), b"")]),
        ("a RETURN that nobody waits for", vec![ret(2, b""), ret(0, b"x"), ret(u64::MAX, b"")]),
        ("a FAIL that nobody waits for", vec![fail(2, FailClass::Declared), fail(1, FailClass::Internal)]),
        (
            "a class of a later version",
            vec![[encode::fail(2, FailClass::Internal).as_slice(), &[99]].concat()],
        ),
        ("credit that is lower, then all there is", {
            [(0, 0), (u64::MAX, u64::MAX)].map(|(m, b)| whole(&encode::credit(0, m, b), b"")).to_vec()
        }),
        ("an id in use by an event that runs", vec![event(1, b""), call(1, b"")]),
    ];
    for (name, frames) in cases {
        assert_eq!(closes(Role::Server, &batch(frames)), None, "{name}");
    }
    let broadcast = batch([event(0, b""), event(0, b"")]);
    assert_eq!(closes(Role::Client, &broadcast), None, "R19: a broadcast has the id 0");
}

#[test]
fn r35_goaway_counts_only_from_servers() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([whole(&encode::go_away(0), b"")]);
    lone.call(3);
    assert!(matches!(lone.out()[..], [Seen::Call { .. }]), "the server calls on");
}

#[test]
fn r35_oversize_is_1009_and_exactly_the_limit_is_not() {
    let small = || limits().max_message(1024).max_header(1024);
    let overhead = call(1, b"").len();
    let mut lone = Lone::active(Role::Server, small());
    lone.send([call(1, &vec![0; 1024 - overhead])]);
    assert_eq!((lone.close_code(), lone.starts.len()), (None, 1));
    lone.send([call(3, &vec![0; 1025 - overhead])]);
    assert_eq!(lone.close_code(), Some(code::TOO_LARGE));
}

/// P2: what one message costs is bounded by the size of a batch, or by that of a single frame.
#[test]
fn r35_a_frame_over_64_kib_travels_alone() {
    let large = call(1, &[0; 70_000]);
    assert_eq!(closes(Role::Server, &batch([&large])), None);
    assert_eq!(closes(Role::Server, &batch([&large, &call(3, b"")])), Some(code::PROTOCOL));
    assert_eq!(closes(Role::Server, &batch([&call(3, b""), &large])), Some(code::PROTOCOL));
    let half = |id| call(id, &[0; 32_700]);
    assert_eq!(closes(Role::Server, &batch([half(1), half(3)])), None, "together under 64 KiB");
    assert_eq!(closes(Role::Server, &batch([half(1), half(3), half(5)])), Some(code::PROTOCOL));
}

#[test]
fn r35_nothing_behind_a_violation_is_looked_at() {
    let mut lone = Lone::active(Role::Server, limits());
    let key = lone.call(1);
    let id = lone.id(key);
    lone.send([call(1, b""), vec![0x55, 0], call(3, b""), ret(id, b"")]);
    assert_eq!(lone.close_code(), Some(code::PROTOCOL));
    assert_eq!(lone.engine.stats().calls_received, 1, "the call behind it is not counted");
    assert!(lone.starts.is_empty(), "and the one in front of it does not start");
    let outcome = lone.poll(key);
    let std::task::Poll::Ready(crate::engine::Outcome::Closed(info)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((info.code, info.by), (code::PROTOCOL, ClosedBy::Local), "the reply behind it came too late");
    lone.send([call(5, b"")]);
    assert_eq!(lone.engine.running(), 0, "nor what comes later");
}

/// R17: late, duplicate and unknown replies are counted and dropped.
#[test]
fn r17_a_reply_to_an_older_call_in_the_same_slot_is_counted_and_dropped() {
    let mut lone = Lone::active(Role::Client, limits());
    let first = lone.call(1);
    let stale = lone.id(first);
    lone.abandon(first);
    let second = lone.call(1);
    let fresh = lone.id(second);
    assert_eq!(first.index, second.index, "the slot is used again");
    assert_ne!(stale, fresh, "R19: under another id");
    lone.send([ret(stale, b"old"), fail(stale, FailClass::Internal)]);
    assert_eq!(lone.engine.stats().stray_replies, 2);
    assert_eq!(lone.engine.pending(), 1, "the new call waits on");
    lone.send([ret(fresh, b"new"), ret(fresh, b"again")]);
    assert_eq!(lone.engine.stats().stray_replies, 3, "a duplicate");
    assert_eq!((lone.engine.pending(), lone.close_code()), (0, None));
}
