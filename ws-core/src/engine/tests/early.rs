//! What comes before the acceptance, and tries (R7, R8): whatever is sent and whatever the acceptor does with it, each
//! message that was kept has one outcome, and nothing is written before its time.

use std::collections::HashMap;
use std::task::Poll;

use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::{GENEROUS, Lone, Seen, call, cases, event, hello, limits, ms, whole};
use crate::codec::Body;
use crate::engine::{Activation, EarlyNext, Role, Verdict};
use crate::limits::Limits;
use crate::link::LinkOptions;
use crate::policy::{EarlyFrames, Overflow};
use crate::protocol::{FailClass, Reject, code, encode};

fn keeping(limits: Limits, early: EarlyFrames) -> Lone {
    let options = LinkOptions { early, ..LinkOptions::default() };
    let mut lone = Lone::with_options(Role::Server, limits, None, options);
    lone.send([hello(GENEROUS)]);
    assert!(matches!(lone.activation(), Poll::Ready(Activation::Header(_))));
    lone
}

fn accepting() -> EarlyFrames {
    EarlyFrames::Accept { max_bytes: 400, overflow: Overflow::Drop }
}

#[test]
fn r8_nothing_is_owed_before_the_acceptance() {
    let mut lone = keeping(limits().event_lane_messages(1), EarlyFrames::Drop);
    lone.send([event(1, b"x"), event(3, b"x"), whole(&encode::ping(7), b"")]);
    assert!(!lone.engine.has_output() && lone.take().is_none());
    assert!(lone.accept());
    assert!(matches!(lone.out()[..], [Seen::Welcome(_), Seen::Credit(3, _)]));
    assert_eq!(lone.engine.stats().early_dropped, 3);
}

#[test]
fn r7_tries_are_counted_and_each_has_its_time() {
    let options = LinkOptions { attempts: 2, ..LinkOptions::default() };
    let limits = limits().header_timeout(ms(500)).decision_timeout(ms(700));
    let mut lone = Lone::with_options(Role::Server, limits, None, options);
    lone.advance(ms(400));
    lone.send([hello(GENEROUS)]);
    assert_eq!(lone.engine.next_time(), Some(lone.now + ms(700)));
    lone.advance(ms(600));
    lone.reject_try(4501, "no");
    assert_eq!(lone.out(), [Seen::Reject(Reject::new(4501, "no").with_retry(1))]);
    assert_eq!((lone.close_code(), lone.engine.next_time()), (None, Some(lone.now + ms(500))));
    assert!(!lone.accept(), "there is nothing to accept");
    lone.send([hello(GENEROUS)]);
    assert!(lone.is_deciding());
    lone.reject_try(4501, "no");
    assert_eq!(lone.out(), [Seen::Reject(Reject::new(4501, "no"))]);
    assert_eq!(lone.close_code(), Some(4501));

    let mut late = Lone::with_options(Role::Server, super::harness::limits(), None, options);
    late.send([hello(GENEROUS)]);
    late.reject_try(4501, "no");
    late.advance(super::harness::limits().header_timeout);
    assert_eq!(late.close_code(), Some(code::ACTIVATION_TIMEOUT));
}

#[derive(Clone, Debug)]
enum Step {
    /// A call or an event with a body of this size.
    Send {
        id: u64,
        call: bool,
        size: usize,
    },
    Cancel(u64),
    /// The acceptor takes the next, and does this with it, now or after the acceptance.
    Take(Deed, bool),
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Answer,
    Leave,
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let id = (0..12_u64).prop_map(|id| 2 * id + 1);
    let deed = prop_oneof![Just(Deed::Answer), Just(Deed::Leave), Just(Deed::Forget)];
    prop_oneof![
        6 => (id.clone(), any::<bool>(), 0..60_usize).prop_map(|(id, call, size)| Step::Send { id, call, size }),
        2 => id.prop_map(Step::Cancel),
        4 => (deed, any::<bool>()).prop_map(|(deed, late)| Step::Take(deed, late)),
    ]
}

/// What is known of a call that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Provider,
    Value,
    NoReply,
}

proptest! {
    #![proptest_config(cases(256))]

    /// R13: one outcome for each call that was kept and not cancelled; R8: in order, and behind the WELCOME.
    #[test]
    fn r8_each_kept_message_has_one_outcome(steps in vec(step(), 0..60)) {
        let mut lone = keeping(limits().max_in_flight(8).event_lane_messages(4), accepting());
        let (mut due, mut order, mut late) = (HashMap::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                // Another call with the id of one that is kept would break the protocol.
                Step::Send { id, call: true, .. } if due.contains_key(&id) => {}
                Step::Send { id, call: is_call, size } => {
                    let before = lone.engine.stats().early_kept;
                    let body = vec![7; size];
                    lone.send([if is_call { call(id, &body) } else { event(id, &body) }]);
                    if lone.engine.stats().early_kept > before && is_call {
                        due.insert(id, Due::Provider);
                        order.push(id);
                    }
                }
                Step::Cancel(id) => {
                    lone.send([whole(&encode::cancel(id), b"")]);
                    if due.remove(&id).is_some() {
                        order.retain(|kept| *kept != id);
                    }
                }
                Step::Take(deed, wait) => {
                    let EarlyNext::Message(taken) = lone.engine.take_early() else { continue };
                    let (verdict, then) = match deed {
                        Deed::Leave => {
                            prop_assert!(lone.engine.leave_early(taken.ticket));
                            continue;
                        }
                        Deed::Answer => (Verdict::Value(Body::from_bytes(b"v")), Due::Value),
                        Deed::Forget => (Verdict::Nothing, Due::NoReply),
                    };
                    if taken.wants_reply {
                        due.insert(taken.id, then);
                    }
                    if wait {
                        late.push((taken.ticket, verdict));
                    } else {
                        lone.answer_early(taken.ticket, verdict);
                    }
                }
            }
            prop_assert!(lone.close_code().is_none());
            prop_assert!(!lone.engine.has_output(), "nothing is written before the decision");
            prop_assert!(lone.engine.early.bytes() <= 400 + 60);
        }
        prop_assert!(lone.accept());
        prop_assert!(lone.engine.early.bytes() == 0, "nothing is buffered twice");
        let started: Vec<u64> = lone.starts.iter().filter(|start| start.deadline.is_some()).map(|start| start.event_id).collect();
        let expected: Vec<u64> = order.into_iter().filter(|id| due[id] == Due::Provider).collect();
        prop_assert_eq!(&started, &expected, "in the order of arrival");
        for (ticket, verdict) in late {
            lone.answer_early(ticket, verdict);
        }
        while !lone.starts.is_empty() {
            lone.finish(Verdict::Value(Body::from_bytes(b"p"))).expect("there is room");
        }
        prop_assert_eq!(lone.engine.entries(), 0);
        let out = lone.out();
        prop_assert!(matches!(out[0], Seen::Welcome(_)));
        for seen in &out[1..] {
            let (id, found) = match seen {
                Seen::Return(id, body) if body == b"p" => (id, Due::Provider),
                Seen::Return(id, _) => (id, Due::Value),
                Seen::Fail(id, FailClass::NoReply, _) => (id, Due::NoReply),
                Seen::Credit(..) => continue,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(due.remove(id), Some(found), "one outcome, and the right one");
        }
        prop_assert!(due.is_empty(), "{:?} had none", due);
        prop_assert_eq!((lone.engine.stats().violations, lone.close_code()), (0, None));
    }
}
