//! Frames of streams that are not allowed, and such that come late (R26, R35, P47).

use std::task::Poll;

use bytes::Bytes;

use crate::codec::Body;
use crate::engine::tests::harness::{Lone, batch, call, limits, message, ret, whole};
use crate::engine::{Begun, Outcome, Outgoing, Refused, Role, Verdict};
use crate::protocol::{FailClass, code, encode};
use crate::service::{MethodId, Streams};

/// What is no race closes the connection.
#[test]
fn r35_wrong_shapes_close_1002() {
    let up = || message(1, "T.up", true, 0, b"");
    let down = || message(1, "T.down", true, 0, b"");
    let item = |id| whole(&encode::item(id), b"x");
    let end = |id| whole(&encode::end(id), b"");
    let cases: Vec<(&str, Bytes)> = vec![
        ("an item on a plain call", batch([call(1, b""), item(1)])),
        ("an end on a plain call", batch([call(1, b""), end(1)])),
        ("credit on a plain call", batch([call(1, b""), whole(&encode::credit(1, 9, 9), b"")])),
        ("an item of nothing", batch([item(0)])),
        ("an end of nothing", batch([end(0)])),
        ("an item to a producer", batch([down(), item(1)])),
        ("credit to a reader", batch([up(), whole(&encode::credit(1, 9, 9), b"")])),
        ("an item after the end", batch([up(), end(1), item(1)])),
        ("two ends", batch([up(), end(1), end(1)])),
    ];
    for (what, frames) in cases {
        let mut lone = Lone::active(Role::Server, limits());
        lone.send_raw(&frames);
        assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{what}");
        assert_eq!(lone.engine.entries(), 0, "{what}");
    }
}

/// The same for a caller, whose callee answers in the wrong way.
#[test]
fn r35_wrong_answers_close_1002() {
    type Answers = fn(u64) -> Vec<Vec<u8>>;
    let cases: [(&str, Streams, Answers); 5] = [
        ("an item before the opening", Streams::Down, |id| vec![whole(&encode::item(id), b"x")]),
        ("an end before the opening", Streams::Both, |id| vec![whole(&encode::end(id), b"")]),
        ("an item to an uploader", Streams::Up, |id| vec![whole(&encode::item(id), b"x")]),
        ("credit to a reader", Streams::Down, |id| vec![whole(&encode::credit(id, 9, 9), b"")]),
        ("an item on a plain call", Streams::Nothing, |id| vec![whole(&encode::item(id), b"x")]),
    ];
    for (what, streams, answer) in cases {
        let mut lone = Lone::active(Role::Client, limits());
        let outgoing = Outgoing { method: MethodId::of("T.call"), streams, ..lone.outgoing(3) };
        let Begun::Entered(key) = lone.begin(outgoing) else { panic!("it is sent") };
        let id = lone.id(key);
        lone.send(answer(id));
        assert_eq!(lone.close_code(), Some(code::PROTOCOL), "{what}");
    }
}

/// A route may lead to a method that answers otherwise: that is its caller's mistake, and ends nothing but its call.
#[test]
fn r17_an_answer_of_another_kind_ends_the_call_alone() {
    for (streams, streamed) in
        [(Streams::Nothing, true), (Streams::Up, true), (Streams::Down, false), (Streams::Both, false)]
    {
        let mut lone = Lone::active(Role::Client, limits());
        let outgoing = Outgoing { method: MethodId::of("T.call"), streams, ..lone.outgoing(3) };
        let Begun::Entered(key) = lone.begin(outgoing) else { panic!("it is sent") };
        let id = lone.id(key);
        lone.send([if streamed { whole(&encode::open(id), b"") } else { ret(id, b"x") }]);
        lone.send([whole(&encode::item(id), b"x"), whole(&encode::end(id), b"")]);
        assert_eq!(lone.close_code(), None, "{streams:?}");
        let outcome = lone.poll(key);
        let expected = if streamed {
            matches!(outcome, Poll::Ready(Outcome::Refused(Refused::InvalidReply)))
        } else {
            matches!(outcome, Poll::Ready(Outcome::Returned(_)))
        };
        assert!(expected, "{streams:?}: {outcome:?}");
        assert_eq!(lone.engine.entries(), 0, "{streams:?}");
    }
}

/// What may have crossed a CANCEL, an answer or a refusal is counted, and harms nothing.
#[test]
fn r26_what_comes_late_is_counted() {
    let late = |id| {
        [
            whole(&encode::item(id), b"x"),
            whole(&encode::credit(id, u64::MAX, u64::MAX), b""),
            whole(&encode::end_failed(id, FailClass::Internal), b""),
            whole(&encode::end(id), b""),
        ]
    };
    let mut lone = Lone::active(Role::Server, limits());
    let mut expected = 0;
    for id in [1, 2, 3, 1 << 40, u64::MAX] {
        lone.send(late(id));
        expected += 4;
        assert_eq!((lone.closed(), lone.engine.stats().stray_items), (None, expected), "{id}");
    }
    // A refused upload that its caller has begun.
    lone.send([message(5, "T.nowhere", true, 0, b"")]);
    lone.send(late(5));
    // One that was answered.
    lone.send([message(7, "T.up", true, 0, b"")]);
    lone.finish(Verdict::Value(Body::empty())).expect("there is room");
    lone.send(late(7));
    // One that was cancelled, and one that ended.
    for (id, method) in [(9, "T.up"), (11, "T.both")] {
        lone.send([message(id, method, true, 0, b""), whole(&encode::cancel(id), b"")]);
        lone.send(late(id));
    }
    assert_eq!((lone.closed(), lone.engine.stats().stray_items), (None, expected + 16));
    lone.out();
    assert_eq!(lone.engine.entries(), 0);
    assert_eq!(lone.engine.flows.used(), (0, 0, 0, 0));
}

/// A CANCEL for what is no upload means nothing.
#[test]
fn r26_a_stop_of_what_is_no_upload_is_ignored() {
    let mut lone = Lone::active(Role::Client, limits());
    let (id, flow) = lone.reader();
    lone.send([whole(&encode::cancel(id), b""), whole(&encode::cancel(id + 4), b"")]);
    lone.send([whole(&encode::item(id), b"x")]);
    assert_eq!(lone.read(flow), 1, "the stream goes on");
    assert_eq!(lone.closed(), None);
}

/// The greatest numbers overflow nothing.
#[test]
fn r35_credit_without_end_is_no_danger() {
    let mut lone = Lone::active(Role::Server, limits());
    let flow = lone.producer(1);
    lone.send([whole(&encode::credit(1, u64::MAX, u64::MAX), b"")]);
    for _ in 0..10_000 {
        lone.item(flow, 100);
    }
    assert!(lone.engine.outbox.queued() < 70_000);
    assert_eq!(lone.closed(), None);
}
