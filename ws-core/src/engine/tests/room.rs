//! R38: the outbox is bounded in bytes; a finished answer keeps its slot until it is in; small answers that no handler
//! gives have a reserve; whoever does not even read those is closed.

use super::harness::{
    Answer, CLIENT, Kind, Lone, Place, Plan, SECOND, SERVER, Seen, Setup, World, call, limits, message,
};
use crate::codec::Body;
use crate::engine::entry::Progress;
use crate::engine::state::CONTROL;
use crate::engine::{Outcome, Role, Verdict};
use crate::limits::Limits;
use crate::protocol::{FailClass, code};

/// Room for 4 KiB and a reserve of 4 KiB.
fn small() -> Limits {
    limits().outbox_bytes(4 << 10).outbox_reserve(4 << 10)
}

fn value(size: usize) -> Verdict {
    Verdict::Value(Body::from_bytes(&vec![1; size]))
}

#[test]
fn r38_a_finished_answer_keeps_its_slot_until_it_is_in_the_outbox() {
    let mut lone = Lone::active(Role::Server, small().max_in_flight(3));
    lone.send([call(1, b""), call(3, b""), call(5, b"")]);
    lone.finish(value(4095)).expect("there is room for its first byte");
    let back = lone.finish(value(10)).expect_err("there is none");
    assert!(matches!(back, Verdict::Value(body) if body.len() == 10), "the verdict comes back whole");
    lone.send([call(7, b""), call(9, b"")]);
    assert_eq!(lone.engine.stats().violations, 1, "the slot is taken: only the answered call's is free");
    let answers = lone.out();
    assert!(
        matches!(answers[..], [Seen::Return(1, _), Seen::Fail(9, FailClass::Overloaded, _)]),
        "{answers:?}"
    );
    lone.finish(value(10)).expect("there is room again");
    assert!(matches!(lone.out()[..], [Seen::Return(3, _)]));
}

#[test]
fn r38_handlers_are_told_how_much_room_there_is() {
    let mut lone = Lone::active(Role::Server, small());
    assert_eq!(lone.engine.room(), 4 << 10);
    lone.send([call(1, b"")]);
    lone.finish_with(1000);
    let room = lone.engine.room();
    assert!((3000..3096).contains(&room), "{room}");
    lone.send([call(3, b"")]);
    lone.finish_with(9000);
    assert_eq!(lone.engine.room(), 0);
    lone.out();
    assert_eq!(lone.engine.room(), 4 << 10);
}

#[test]
fn r38_what_this_side_sends_waits_for_room_as_well() {
    let mut world = World::open(Setup::both(small()));
    let first = world.call_of(CLIENT, 0, 5000);
    let [second, nested, event] = [world.call(CLIENT, 0), world.call(CLIENT, 5), world.event(CLIENT, 3)];
    for ticket in [second, nested, event] {
        let Place::In(key) = world.sides[CLIENT].tickets[ticket].place else { panic!("it is over") };
        let entry = world.sides[CLIENT].engine.pending.get(key).expect("it is not over");
        assert!(matches!(entry.progress, Progress::Waiting(_)), "the outbox is full");
    }
    world.check();
    world.settle_answering();
    world.check_empty();
    assert!(matches!(world.sides[CLIENT].outcome(event), Outcome::Sent(_)));
    assert!(matches!(world.sides[CLIENT].outcome(first), Outcome::Returned(_)));
}

#[test]
fn r38_refusals_that_nobody_reads_overflow_the_reserve_and_close() {
    let mut lone = Lone::active(Role::Server, small());
    lone.engine.outbox.set_reserve(4 << 10);
    let mut refused = 0;
    while lone.close_code().is_none() {
        lone.send([message(2 * refused + 1, "T.unknown", true, 0, b"")]);
        refused += 1;
        assert!(lone.engine.outbox.queued() <= 8 << 10, "the bound holds");
        assert!(refused < 10_000, "it goes on for ever");
    }
    assert_eq!(lone.close_code(), Some(code::POLICY));
    let answers = lone.out();
    assert_eq!(answers.len() as u64, refused - 1, "what was answered is still written");
}

#[test]
fn r38_the_limit_is_exact() {
    let mut lone = Lone::active(Role::Server, small());
    lone.send([call(1, b""), call(3, b"")]);
    // Two bytes of length, kind, flags, id.
    lone.finish(value((4 << 10) - 5)).expect("there is room");
    assert_eq!((lone.engine.outbox.queued(), lone.engine.room()), (4 << 10, 0));
    lone.finish(value(0)).expect_err("not for one byte more");
}

#[test]
fn r38_a_large_frame_that_was_written_leaves_the_bound_as_it_was() {
    let mut lone = Lone::active(Role::Server, small());
    lone.engine.outbox.set_reserve(4 << 10);
    lone.send([call(1, b"")]);
    lone.finish(value(500_000)).expect("the last one may exceed the limit");
    lone.out();
    for id in 0..10_000 {
        lone.send([message(2 * id + 3, "T.unknown", true, 0, b"")]);
        assert!(lone.engine.outbox.queued() <= 8 << 10, "the bound holds");
    }
    assert_eq!(lone.close_code(), Some(code::POLICY));
}

#[test]
fn r38_a_failure_of_a_handler_keeps_its_slot_until_there_is_reserve_for_it() {
    for failure in [|| Verdict::Nothing, || Verdict::Internal(7), || Verdict::Fail(FailClass::Denied)] {
        let mut lone = Lone::active(Role::Server, small());
        lone.send([call(1, b"")]);
        let mut id = 1;
        while lone.engine.outbox.has_reserve(CONTROL) {
            id += 2;
            lone.send([message(id, "T.unknown", true, 0, b"")]);
        }
        lone.finish(failure()).expect_err("there is no reserve");
        assert_eq!((lone.closed(), lone.engine.running()), (None, 1));
        lone.out();
        lone.finish(failure()).expect("there is again");
        assert!(matches!(lone.out()[..], [Seen::Fail(1, ..)]));
    }
}

#[test]
fn r38_refusals_that_are_read_do_no_harm() {
    let mut lone = Lone::active(Role::Server, small());
    for id in 0..10_000_u64 {
        lone.send([message(2 * id + 1, "T.unknown", true, 0, b"")]);
        assert!(matches!(lone.out()[..], [Seen::Fail(_, FailClass::UnknownMethod, _)]));
    }
    assert_eq!((lone.close_code(), lone.engine.stats().calls_refused), (None, 10_000));
}

#[test]
fn r38_a_large_answer_leaves_the_reserve_alone() {
    let mut lone = Lone::active(Role::Server, small());
    lone.send([call(1, b""), call(3, b"")]);
    lone.finish(value(20_000)).expect("the last one may exceed the limit");
    lone.finish(Verdict::Internal(7)).expect("a failure has the reserve");
    lone.send([message(5, "T.unknown", true, 0, b"")]);
    assert_eq!(lone.closed(), None, "the peer broke no rule");
    let answers = lone.out();
    assert!(
        matches!(
            answers[..],
            [
                Seen::Return(1, _),
                Seen::Fail(3, FailClass::Internal, _),
                Seen::Fail(5, FailClass::UnknownMethod, _)
            ]
        ),
        "{answers:?}"
    );
}

#[test]
fn r38_a_deadline_behind_a_large_answer_is_only_a_timeout() {
    let mut world = World::open(Setup::both(small()));
    let slow =
        world.begin(CLIENT, Plan { kind: Kind::Call, depth: 0, size: 3, deadline: world.now + SECOND });
    let large = world.call(CLIENT, 0);
    world.settle();
    world.answer(SERVER, 1, Answer::Value(50_000));
    world.advance(SECOND);
    world.settle();
    world.check();
    assert!(matches!(world.sides[CLIENT].outcome(slow), Outcome::Timeout(_)));
    assert!(matches!(world.sides[CLIENT].outcome(large), Outcome::Returned(_)));
}

/// The peer did nothing wrong where handlers here fail.
#[test]
fn r38_failures_of_handlers_wait_for_the_reserve() {
    let mut world = World::open(Setup::both(small().max_in_flight(2000)));
    for _ in 0..1500 {
        world.call(CLIENT, 0);
    }
    world.settle();
    assert_eq!(world.sides[SERVER].handlers.len(), 1500);
    while let Some(index) = world.sides[SERVER].handlers.iter().position(|handler| !handler.answered) {
        world.answer(SERVER, index, Answer::Internal);
    }
    world.check();
    world.settle();
    world.check();
    world.check_empty();
    let is_internal = |outcome: &Outcome| matches!(outcome, Outcome::Failed(FailClass::Internal, _));
    assert!((0..1500).all(|ticket| is_internal(world.sides[CLIENT].outcome(ticket))));
}

/// What is owed is written as soon as there is reserve for it, and `has_output` says that there is something.
#[test]
fn r38_whatever_can_be_written_is_announced() {
    let mut lone = Lone::active(Role::Client, small());
    lone.engine.outbox.set_reserve(4 << 10);
    let first = lone.call(10);
    lone.take().expect("the call");
    lone.call(5000);
    let mut id = 0;
    while lone.engine.outbox.has_reserve(CONTROL) {
        id += 2;
        lone.send([message(id, "T.unknown", true, 0, b"")]);
    }
    lone.abandon(first);
    assert!(lone.engine.pending.owes_cancels() && lone.close_code().is_none(), "the reserve is used up");
    lone.take().expect("the second call and the refusals, in one batch");
    assert!(lone.engine.has_output(), "the CANCEL is still to be written");
    assert!(lone.out().iter().any(|seen| matches!(seen, Seen::Cancel(_))));
    assert!(!lone.engine.pending.owes_cancels());
    assert!(!lone.engine.has_output());
}
