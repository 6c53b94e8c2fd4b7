//! R12, R35: a peer that ignores the bounds it was told is refused, and closed 1008 when it persists.

use super::harness::{GENEROUS, Lone, Seen, call, event, limits, message, ret};
use crate::engine::{Role, Verdict};
use crate::protocol::{FailClass, code};

#[test]
fn r12_calls_beyond_the_limit_are_overloaded_and_persisting_is_1008() {
    let mut lone = Lone::active(Role::Server, limits().max_in_flight(2).max_violations(5));
    lone.send([call(1, b""), call(3, b"")]);
    for id in 0..5 {
        lone.send([call(5 + 2 * id, b"")]);
        assert!(matches!(lone.out()[..], [Seen::Fail(_, FailClass::Overloaded, _)]));
        assert_eq!(lone.close_code(), None);
    }
    lone.send([call(15, b"")]);
    assert_eq!(lone.close_code(), Some(code::POLICY), "the sixth");
    assert_eq!((lone.engine.stats().violations, lone.engine.stats().calls_received), (6, 2));
    assert!(lone.starts.is_empty(), "what ran is stopped");
}

#[test]
fn r12_a_peer_that_mends_its_ways_is_forgiven() {
    let mut lone = Lone::active(Role::Server, limits().max_in_flight(1).max_violations(1));
    for round in 0..200_u64 {
        // Once over the limit, once within it.
        lone.send([call(4 * round + 1, b""), call(4 * round + 3, b"")]);
        lone.finish_with(0);
        assert_eq!(lone.close_code(), None, "round {round}");
    }
    assert_eq!(lone.engine.stats().violations, 200, "all are counted");
}

#[test]
fn r12_bytes_beyond_the_limit_are_overloaded() {
    let limits = limits().max_message(2048).max_header(1024).max_call_bytes(2048);
    let mut lone = Lone::active(Role::Server, limits);
    lone.send([call(1, &[0; 1000]), call(3, &[0; 1048]), call(5, &[0; 1])]);
    let answers = lone.out();
    assert_eq!(lone.starts.len(), 2, "2048 bytes fit");
    assert!(matches!(answers[..], [Seen::Fail(5, FailClass::Overloaded, _)]), "{answers:?}");
    lone.finish_with(0);
    lone.send([call(7, &[0; 1000])]);
    assert_eq!(lone.starts.len(), 2, "the bytes are free again");
}

#[test]
fn r11_nested_calls_have_sixteen_slots_at_each_depth() {
    let mut lone = Lone::active(Role::Server, limits().max_in_flight(100));
    for depth in [1, 2, 32] {
        let before = lone.starts.len();
        for slot in 0..17_u64 {
            let id = 1 + 2 * (u64::from(depth) * 100 + slot);
            lone.send([message(id, "T.call", true, depth, b"")]);
        }
        assert_eq!(lone.starts.len() - before, 16, "depth {depth}");
    }
    let mut lone = Lone::active(Role::Server, limits().max_in_flight(3));
    for slot in 0..4_u64 {
        lone.send([message(1 + 2 * slot, "T.call", true, 1, b"")]);
    }
    assert_eq!(lone.starts.len(), 3, "no more than at depth 0");
}

#[test]
fn r12_events_beyond_the_credit_are_1008_at_once() {
    let mut lone = Lone::active(Role::Server, limits().event_lane_messages(3));
    lone.send((0..3).map(|id| event(2 * id + 1, b"")));
    assert_eq!((lone.close_code(), lone.engine.running()), (None, 3), "one is handled, two wait");
    lone.send([event(7, b"")]);
    assert_eq!(lone.close_code(), Some(code::POLICY));
    assert_eq!((lone.engine.running(), lone.starts.len()), (0, 0));
}

#[test]
fn r12_event_bytes_beyond_the_credit_are_1008_but_the_last_may_exceed_them() {
    let mut lone = Lone::active(Role::Server, limits().event_lane_bytes(100));
    lone.send([event(1, &[0; 99]), event(3, &[0; 5000])]);
    assert_eq!(lone.close_code(), None);
    lone.send([event(5, b"")]);
    assert_eq!(lone.close_code(), Some(code::POLICY));
}

/// Events of methods that are not served spend credit like any other, or they would be a way around it.
#[test]
fn r12_events_that_are_refused_spend_credit_and_give_it_back() {
    let mut lone = Lone::active(Role::Server, limits().event_lane_messages(2));
    for id in 0..100 {
        lone.send([message(2 * id + 1, "T.unknown", false, 0, b"x")]);
        assert!(matches!(lone.out()[..], [Seen::Credit(messages, _)] if messages == id + 3));
    }
    assert_eq!((lone.engine.stats().events_refused, lone.close_code()), (100, None));
    lone.send((100..103).map(|id| message(2 * id + 1, "T.unknown", false, 0, b"x")));
    assert_eq!(lone.close_code(), Some(code::POLICY), "three, before any of it was written back");
}

#[test]
fn r17_what_no_handler_answers_is_answered_promptly() {
    let mut lone = Lone::active(Role::Server, limits());
    lone.send([message(1, "T.unknown", true, 0, b""), message(3, "T.event", true, 0, b""), call(5, b"")]);
    lone.finish(Verdict::Nothing).expect("there is room");
    let class = |frame| match frame {
        Seen::Fail(id, class, _) => (id, class),
        other => panic!("{other:?}"),
    };
    let fails: Vec<_> = lone.out().into_iter().map(class).collect();
    assert_eq!(
        fails,
        [(1, FailClass::UnknownMethod), (3, FailClass::SchemaMismatch), (5, FailClass::NoReply)],
        "an unknown method, a reply asked of an event, a reply handle dropped"
    );
    assert_eq!(lone.engine.stats().calls_refused, 3);
}

/// R19, R35: whatever ids a stranger picks, one slot of the table each.
#[test]
fn r35_ids_at_the_edges_are_ids_like_others() {
    let mut lone = Lone::active(Role::Server, limits());
    let ids = [1, 3, (1 << 20) + 1, (1 << 32) + 1, (1 << 52) + 1, u64::MAX - 2, u64::MAX];
    lone.send(ids.map(|id| call(id, b"")));
    assert_eq!(lone.starts.len(), ids.len());
    for id in ids {
        lone.finish_with(0);
        assert_eq!(lone.out(), [Seen::Return(id, vec![])]);
    }
}

/// R17: replies that nobody asked for cost a counter each, and nothing else.
#[test]
fn r17_a_flood_of_strays_is_only_counted() {
    let mut lone = Lone::fresh(Role::Client, limits()).activated(GENEROUS);
    for id in 0..50_000_u64 {
        lone.send([ret(id, b"nobody's")]);
    }
    assert_eq!((lone.engine.stats().stray_replies, lone.engine.entries()), (50_000, 0));
    assert_eq!((lone.close_code(), lone.out()), (None, vec![]));
}
