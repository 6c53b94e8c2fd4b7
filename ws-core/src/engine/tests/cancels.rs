//! R14: who gives a call up cancels it at the callee, and its slot there counts as taken until the CANCEL is out.

use proptest::prelude::*;

use super::harness::{
    Answer, CLIENT, GENEROUS, Lone, SECOND, SERVER, Seen, Setup, World, call, cases, limits, message, whole,
};
use crate::engine::Role;
use crate::engine::state::CONTROL;
use crate::protocol::{Announced, code, encode};

#[test]
fn r14_a_dropped_call_is_cancelled_at_the_callee() {
    let mut world = World::open(Setup::new());
    let ticket = world.call(CLIENT, 0);
    world.settle();
    assert_eq!(world.sides[SERVER].handlers.len(), 1);
    world.abandon(CLIENT, ticket);
    world.settle();
    assert_eq!(world.sides[SERVER].handlers.len(), 0, "the handler is dropped where it stands");
    assert_eq!(world.sides[CLIENT].engine.stats().stray_replies, 0, "no answer comes any more");
    world.check_empty();
}

#[test]
fn r14_a_call_cancelled_in_the_message_that_brought_it_never_starts() {
    let mut lone = Lone::active(Role::Server, limits());
    let cancel = |id| whole(&encode::cancel(id), b"");
    lone.send([call(1, b""), call(3, b""), cancel(1), call(5, b"")]);
    let started: Vec<u64> = lone.starts.iter().map(|start| start.event_id).collect();
    assert_eq!(started, [3, 5], "R12: the others start, in order");
    assert_eq!(lone.engine.running(), 2);
    lone.send([cancel(3), cancel(3), call(3, b"")]);
    assert_eq!(lone.engine.running(), 2, "the id is free again");
    assert_eq!(lone.out(), [], "a cancelled call is not answered");
}

#[test]
fn r14_an_answer_after_the_cancel_is_counted_and_dropped() {
    let mut world = World::open(Setup::new());
    let ticket = world.call(CLIENT, 0);
    world.settle();
    // The answer and the CANCEL cross.
    world.answer(SERVER, 0, Answer::Value(3));
    world.abandon(CLIENT, ticket);
    world.settle();
    assert_eq!(world.sides[CLIENT].engine.stats().stray_replies, 1);
    assert_eq!(world.sides[SERVER].engine.running(), 0);
    world.check_empty();

    let mut lone = Lone::active(Role::Server, limits());
    lone.send([call(1, b"")]);
    let key = lone.starts[0].key;
    lone.send([whole(&encode::cancel(1), b"")]);
    let late = lone.finish_key(key, crate::engine::Verdict::Nothing);
    assert!(late.is_ok());
    assert_eq!(lone.engine.stats().late_answers, 1);
    assert_eq!(lone.out(), []);
}

#[test]
fn r38_a_cancel_without_room_keeps_its_slot_and_goes_out_later() {
    let small = limits().max_in_flight(1).outbox_bytes(1 << 10).outbox_reserve(4 << 10);
    let mut lone = Lone::fresh(Role::Client, small).activated(Announced { max_in_flight: 2, ..GENEROUS });
    let first = lone.call(100);
    lone.take().expect("the call");
    let large = lone.call(200_000);
    use_up_the_reserve(&mut lone);
    lone.abandon(first);
    let waiting = lone.call(5);
    assert!(lone.engine.pending.owes_cancels(), "there is no reserve");
    assert_eq!(lone.engine.usage_there.calls_at(0), 2, "its slot is taken until the CANCEL is out");
    assert_eq!(lone.engine.pending.waiting(), 1);
    let [first, large, waiting] = [first, large, waiting].map(|key| lone.id(key));
    let written: Vec<Seen> = lone.out().into_iter().filter(|seen| !matches!(seen, Seen::Fail(..))).collect();
    let [Seen::Call { id, .. }, Seen::Cancel(cancelled), Seen::Call { id: last, .. }] = written[..] else {
        panic!("{written:?}")
    };
    assert_eq!(
        (id, cancelled, last),
        (large, first, waiting),
        "the CANCEL goes out, then what waited for it"
    );
    assert_eq!(lone.engine.usage_there.calls_at(0), 2);
}

/// A stranger asks for what is refused, and does not read the refusals, until one more would close the connection.
fn use_up_the_reserve(lone: &mut Lone) {
    let mut id = 0;
    while lone.engine.outbox.has_reserve(CONTROL) {
        id += 2;
        lone.send([message(id, "T.unknown", true, 0, b"")]);
        assert_eq!(lone.closed(), None);
    }
}

proptest! {
    #![proptest_config(cases(96))]

    /// R12, R14: calls and cancels at the limit, as fast as can be, never exceed what the callee announced, whatever
    /// of them is under way.
    #[test]
    fn r12_a_flood_of_call_and_cancel_keeps_to_the_limit(
        slots in 1..6_u32,
        outbox in prop_oneof![Just(1_usize), Just(300), Just(1 << 20)],
        rounds in proptest::collection::vec((0..4_usize, 0..7_usize, any::<bool>(), any::<bool>()), 1..150),
    ) {
        let server = limits().max_in_flight(slots);
        let mut world = World::open(Setup { client: limits().outbox_bytes(outbox), server, budget: None });
        for (begun, dropped, pump, deliver) in rounds {
            for _ in 0..begun {
                world.call_of(CLIENT, 0, 40);
            }
            for _ in 0..dropped {
                let open = world.sides[CLIENT].tickets.iter().position(|ticket| ticket.is_open());
                if let Some(index) = open {
                    world.abandon(CLIENT, index);
                }
            }
            if pump {
                world.pump(CLIENT);
            }
            if deliver {
                world.deliver(SERVER);
            }
            world.check();
        }
        world.settle_answering();
        world.check();
        world.check_empty();
        prop_assert_eq!(world.sides[SERVER].engine.stats().violations, 0);
    }
}

/// R12: who keeps cancelling and restarting without a slot to spare is still within the limits as the callee sees it.
#[test]
fn r14_a_stranger_that_calls_and_cancels_for_ever_leaves_nothing() {
    let mut lone = Lone::active(Role::Server, limits().max_in_flight(1));
    for id in (1..40_001_u64).step_by(2) {
        lone.send([call(id, b"x"), whole(&encode::cancel(id), b"")]);
    }
    assert_eq!((lone.engine.entries(), lone.close_code()), (0, None));
    assert_eq!(lone.engine.stats().calls_received, 20_000);
    lone.advance(SECOND);
    lone.send([call(40_001, b""), call(40_001, b"")]);
    assert_eq!(lone.close_code(), Some(code::PROTOCOL), "an id in use is still an id in use");
    assert!(!lone.out().iter().any(|frame| matches!(frame, Seen::Return(..))));
}
