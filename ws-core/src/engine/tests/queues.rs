//! How the calls of one method queue: `serial`, `busy` and `latest` (R11, R14). One at a time, in order, whatever ends the
//! one that runs or one that waits; and no nested call waits for a call that may wait for it.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::harness::{GENEROUS, Lone, SECOND, Seen, cases, limits, ms, table, whole};
use crate::codec::Body;
use crate::engine::state::CONTROL;
use crate::engine::{Config, Effects, Engine, Role, Verdict};
use crate::limits::Limits;
use crate::protocol::{CloseInfo, ClosedBy, FailClass, Message, code, encode};
use crate::service::scope::{Awaited, enter_awaiting};
use crate::service::{MethodId, MethodSpec, Queueing};

const SERIAL: &str = "Q.serial";
const OTHER: &str = "Q.other";
const BUSY: &str = "Q.busy";
const LATEST: &str = "Q.latest";
const PLAIN: &str = "Q.plain";

const METHODS: [MethodSpec; 5] = [
    MethodSpec::call(SERIAL, "()->()", 1).queueing(Queueing::Serial),
    MethodSpec::call(OTHER, "()->()", 1).queueing(Queueing::Serial),
    MethodSpec::call(BUSY, "()->()", 1).queueing(Queueing::Busy),
    MethodSpec::call(LATEST, "()->()", 1).queueing(Queueing::Latest),
    MethodSpec::call(PLAIN, "()->()", 1),
];

fn serving(limits: Limits) -> Lone {
    let now = Instant::now();
    let config = Config {
        options: crate::link::LinkOptions::default(),
        role: Role::Server,
        limits: Arc::new(limits),
        serves: table(&METHODS),
        calls: table(&METHODS),
        budget: None,
        reports: false,
    };
    let lone =
        Lone { engine: Engine::new(config, now), effects: Effects::default(), now, starts: Vec::new() };
    lone.activated(GENEROUS)
}

fn call_within(id: u64, method: &str, depth: u8, deadline_ms: Option<u64>) -> Vec<u8> {
    let fields = Message {
        id,
        reply_to: None,
        wants_reply: true,
        wants_answer: false,
        answers: false,
        depth,
        method: MethodId::of(method),
        deadline_ms,
        metadata: None,
        body: &[],
    };
    whole(&encode::message(&fields), b"")
}

fn call(id: u64, method: &str) -> Vec<u8> {
    call_within(id, method, 0, None)
}

fn nested(id: u64, method: &str) -> Vec<u8> {
    call_within(id, method, 1, None)
}

fn cancel(id: u64) -> Vec<u8> {
    whole(&encode::cancel(id), b"")
}

impl Lone {
    fn started(&self) -> Vec<u64> {
        self.starts.iter().map(|start| start.event_id).collect()
    }

    /// The handler of the call `id` ends.
    fn finish_call(&mut self, id: u64) {
        let position = self.starts.iter().position(|start| start.event_id == id).expect("it runs");
        let start = self.starts.remove(position);
        self.finish_key(start.key, Verdict::Value(Body::from_bytes(b"v"))).expect("there is room");
    }

    /// The handler of the call `id` awaits a call of its own until this is dropped.
    fn awaits(&self, id: u64) -> Awaited {
        let start = self.starts.iter().find(|start| start.event_id == id).expect("it runs");
        let _entered = enter_awaiting(start.awaiting.clone());
        Awaited::by_current().expect("its queue wants to know")
    }

    fn check_empty(&mut self) {
        assert_eq!((self.engine.running(), self.engine.entries()), (0, 0), "R18");
        assert_eq!(self.started(), [0; 0]);
        // Nothing is left of a queue: the next one starts at once.
        for (id, method) in [(9001, SERIAL), (9003, OTHER), (9005, BUSY), (9007, LATEST)] {
            self.send([call(id, method)]);
            assert_eq!(self.started(), [id], "{method}");
            self.finish_call(id);
        }
        self.out();
    }
}

fn returned(id: u64) -> Seen {
    Seen::Return(id, b"v".to_vec())
}

fn failed(id: u64, class: FailClass) -> Seen {
    Seen::Fail(id, class, Vec::new())
}

#[test]
fn serial_calls_start_one_by_one_in_the_order_of_their_arrival() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL), call(5, OTHER), call(7, SERIAL), call(9, PLAIN)]);
    assert_eq!(lone.started(), [1, 5, 9], "one of each method, and those without a queue");
    assert_eq!(lone.engine.running(), 5, "what waits counts");
    lone.finish_call(9);
    lone.finish_call(5);
    assert_eq!(lone.started(), [1], "another method's end is nothing to it");
    lone.finish_call(1);
    assert_eq!(lone.started(), [3]);
    lone.send([call(11, SERIAL)]);
    lone.finish_call(3);
    assert_eq!(lone.started(), [7]);
    lone.finish_call(7);
    lone.finish_call(11);
    assert_eq!(lone.out(), [9, 5, 1, 3, 7, 11].map(returned));
    lone.check_empty();
}

#[test]
fn r14_a_waiting_call_that_is_cancelled_leaves_the_queue() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL), call(5, SERIAL), call(7, SERIAL), cancel(5)]);
    assert_eq!((lone.started(), lone.engine.running()), (vec![1], 3));
    lone.send([cancel(7)]);
    lone.finish_call(1);
    assert_eq!(lone.started(), [3]);
    lone.finish_call(3);
    assert_eq!(lone.out(), [1, 3].map(returned), "a cancelled call is not answered");
    lone.check_empty();
}

#[test]
fn r14_cancelling_the_running_call_starts_the_next() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL), cancel(1)]);
    assert_eq!(lone.started(), [3], "in the message that brought them");
    lone.send([call(1, SERIAL), cancel(3), cancel(1), call(3, SERIAL)]);
    assert_eq!(lone.started(), [3], "the ids are free again");
    lone.finish_call(3);
    lone.out();
    lone.check_empty();
}

#[test]
fn r14_deadlines_pass_while_calls_wait_and_what_is_late_never_starts() {
    let mut lone = serving(limits());
    let by = |id, deadline_ms| call_within(id, SERIAL, 0, Some(deadline_ms));
    lone.send([by(1, 100), by(3, 50), by(5, 100), by(7, 200)]);
    lone.advance(ms(50));
    assert_eq!(lone.out(), [failed(3, FailClass::Timeout)]);
    assert_eq!(lone.started(), [1]);
    lone.advance(ms(50));
    assert_eq!(lone.started(), [7], "1 and 5 are late at one instant, and 5 does not start for its end");
    let mut late = lone.out();
    late.sort_by_key(|seen| format!("{seen:?}"));
    assert_eq!(late, [1, 5].map(|id| failed(id, FailClass::Timeout)));
    lone.finish_call(7);
    assert_eq!(lone.out(), [returned(7)]);
    lone.advance(SECOND);
    lone.check_empty();
}

#[test]
fn r11_a_nested_call_is_overloaded_where_the_running_one_awaits_and_waits_where_it_does_not() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), nested(3, SERIAL)]);
    assert_eq!((lone.started(), lone.out()), (vec![1], vec![]), "it waits: what runs awaits nothing");
    let awaited = lone.awaits(1);
    lone.send([nested(5, SERIAL), call(7, SERIAL)]);
    assert_eq!(lone.out(), [failed(5, FailClass::Overloaded)], "R11; depth 0 waits for anything");
    lone.send([nested(9, OTHER), nested(11, PLAIN)]);
    assert_eq!(lone.started(), [1, 9, 11], "other methods are free");
    let second = lone.awaits(1);
    drop(awaited);
    lone.send([nested(13, SERIAL)]);
    assert_eq!(lone.out(), [failed(13, FailClass::Overloaded)], "it awaits another call");
    drop(second);
    lone.send([nested(15, SERIAL)]);
    assert_eq!(lone.out(), [], "it awaits nothing any more");
    for id in [1, 3, 7, 15, 9, 11] {
        lone.finish_call(id);
    }
    assert_eq!(lone.engine.stats().violations, 0, "to be refused so breaks no rule");
    lone.out();
    lone.check_empty();
}

#[test]
fn r11_who_awaits_is_asked_of_the_call_that_runs_now() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL)]);
    let first = lone.awaits(1);
    lone.finish_call(1);
    lone.send([nested(5, SERIAL)]);
    assert_eq!(lone.out(), [returned(1)], "what an earlier one left behind is nothing to it");
    drop(first);
    let second = lone.awaits(3);
    lone.send([nested(7, SERIAL)]);
    assert_eq!(lone.out(), [failed(7, FailClass::Overloaded)]);
    drop(second);
    lone.finish_call(3);
    lone.finish_call(5);
    lone.out();
    lone.check_empty();
}

#[test]
fn r11_depth_0_and_depth_1_share_a_queue_and_not_their_slots() {
    let mut lone = serving(limits().max_in_flight(2));
    lone.send([call(1, SERIAL), nested(3, SERIAL), nested(5, SERIAL), call(7, SERIAL)]);
    assert_eq!(lone.engine.running(), 4);
    lone.send([call(9, PLAIN)]);
    assert_eq!(lone.out(), [failed(9, FailClass::Overloaded)], "R12: what waits holds a slot");
    assert_eq!(lone.engine.stats().violations, 1);
    for id in [1, 3, 5, 7] {
        assert_eq!(lone.started(), [id]);
        lone.finish_call(id);
    }
    lone.out();
    lone.check_empty();
}

#[test]
fn busy_refuses_while_one_runs_however_it_ends() {
    let mut lone = serving(limits());
    lone.send([call(1, BUSY), call(3, BUSY), nested(5, BUSY), call(7, OTHER)]);
    assert_eq!(lone.out(), [3, 5].map(|id| failed(id, FailClass::Overloaded)));
    lone.finish_call(1);
    lone.send([call(9, BUSY), cancel(9), call_within(11, BUSY, 0, Some(10)), call(13, BUSY)]);
    assert_eq!(lone.started(), [7, 11]);
    lone.advance(ms(10));
    lone.send([call(15, BUSY)]);
    assert_eq!(lone.started(), [7, 15]);
    assert_eq!(lone.engine.stats().violations, 0);
    lone.finish_call(15);
    lone.finish_call(7);
    lone.out();
    lone.check_empty();
}

#[test]
fn latest_answers_the_one_before_cancelled_and_takes_its_place() {
    let mut lone = serving(limits());
    lone.send([call(1, LATEST), call(3, LATEST), nested(5, LATEST)]);
    assert_eq!(lone.started(), [5], "in one message, too");
    assert_eq!(lone.out(), [1, 3].map(|id| failed(id, FailClass::Cancelled)));
    lone.send([call(7, LATEST), cancel(7)]);
    assert_eq!(lone.out(), [failed(5, FailClass::Cancelled)]);
    assert_eq!((lone.started(), lone.engine.running()), (vec![], 0));
    lone.send([call(9, LATEST)]);
    let replaced = lone.starts[0].key;
    lone.send([call(11, LATEST)]);
    lone.finish_key(replaced, Verdict::Nothing).expect("it is dropped");
    assert_eq!(lone.engine.stats().late_answers, 1, "R13: one outcome");
    lone.finish_call(11);
    assert_eq!(lone.out(), [failed(9, FailClass::Cancelled), returned(11)]);
    lone.check_empty();
}

#[test]
fn r38_the_turn_passes_on_when_the_answer_is_in_the_outbox() {
    let mut lone = serving(limits().outbox_bytes(4 << 10).outbox_reserve(4 << 10));
    lone.send([call(1, PLAIN), call(3, SERIAL), call(5, SERIAL), call(7, LATEST)]);
    let key = |lone: &Lone, id| lone.starts.iter().find(|start| start.event_id == id).expect("it runs").key;
    let large = Verdict::Value(Body::from_bytes(&[1; 4095]));
    let plain = key(&lone, 1);
    lone.finish_key(plain, large).expect("there is room for its first byte");
    let value = || Verdict::Value(Body::from_bytes(b"v"));
    let (serial, latest) = (key(&lone, 3), key(&lone, 7));
    lone.finish_key(serial, value()).expect_err("there is no room");
    lone.finish_key(latest, value()).expect_err("there is no room");
    assert!(!lone.started().contains(&5), "the slot is taken until the answer is in, and so is the turn");
    lone.send([call(9, LATEST)]);
    let written = lone.out();
    assert!(written.contains(&failed(7, FailClass::Cancelled)), "{written:?}");
    lone.finish_key(latest, value()).expect("an answer that came too late is dropped");
    lone.finish_key(serial, value()).expect("there is room");
    assert!(lone.started().contains(&5));
    lone.starts.retain(|start| ![1, 3, 7].contains(&start.event_id));
    lone.finish_call(5);
    lone.finish_call(9);
    assert_eq!(lone.out(), [3, 5, 9].map(returned));
    lone.check_empty();
}

#[test]
fn r38_a_peer_that_lets_the_reserve_run_full_is_closed_and_nothing_starts() {
    let mut lone = serving(limits().outbox_bytes(1 << 10).outbox_reserve(4 << 10).max_in_flight(2));
    lone.send([call(1, LATEST)]);
    let mut id = 3;
    while lone.engine.outbox.has_reserve(CONTROL) {
        lone.send([call(id, BUSY), call(id + 2, BUSY), cancel(id)]);
        id += 4;
        assert!(id < 100_000 && lone.closed().is_none());
    }
    lone.starts.clear();
    lone.send([call(id, LATEST)]);
    assert_eq!(lone.close_code(), Some(code::POLICY));
    assert_eq!((lone.started(), lone.engine.running()), (vec![], 0));
}

#[test]
fn r15_closing_empties_the_queues_and_starts_nothing() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL), call(5, LATEST), call(7, OTHER), call(9, OTHER)]);
    let keys: Vec<_> = lone.starts.iter().map(|start| start.key).collect();
    lone.close(CloseInfo::new(4000, "enough", ClosedBy::Local));
    assert_eq!((lone.started(), lone.engine.entries()), (vec![], 0));
    for key in keys {
        lone.finish_key(key, Verdict::Nothing).expect("it is late");
    }
    lone.advance(60 * SECOND);
    assert_eq!(lone.started(), [0; 0]);
}

/// R3: what is replaced leaves only after its successor has come, or a leaving server would think that nothing runs.
#[test]
fn r3_a_leaving_server_lets_a_nested_call_replace_the_only_one_that_runs() {
    let mut lone = serving(limits());
    lone.send([call(1, LATEST)]);
    lone.go_away(60 * SECOND);
    lone.send([nested(3, LATEST)]);
    assert_eq!(lone.closed(), None);
    assert_eq!(lone.started().last(), Some(&3));
}

#[test]
fn r3_a_leaving_server_lets_its_queues_finish_and_then_closes() {
    let mut lone = serving(limits());
    lone.send([call(1, SERIAL), call(3, SERIAL)]);
    lone.go_away(60 * SECOND);
    lone.send([call(5, SERIAL)]);
    lone.finish_call(1);
    assert!(lone.closed().is_none());
    assert_eq!(lone.started(), [3], "what was admitted has its turn");
    lone.finish_call(3);
    assert_eq!(lone.close_code(), Some(code::GOING_AWAY));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Call { method: usize, depth: u8, deadline: Option<u64> },
    Cancel(usize),
    Finish(usize),
    Await(usize),
    Resume(usize),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..METHODS.len(), 0..3_u8, proptest::option::of(1..60_u64))
            .prop_map(|(method, depth, deadline)| Step::Call { method, depth, deadline }),
        2 => any::<usize>().prop_map(Step::Cancel),
        3 => any::<usize>().prop_map(Step::Finish),
        1 => any::<usize>().prop_map(Step::Await),
        1 => any::<usize>().prop_map(Step::Resume),
        1 => (1..40_u64).prop_map(Step::Advance),
    ]
}

/// What the queues promise, after any step.
fn check_queues(lone: &Lone, started: &mut Vec<(usize, u64)>) {
    for (method, spec) in METHODS.iter().enumerate() {
        let running = lone.starts.iter().filter(|start| start.method == method);
        let count = running.clone().count();
        assert!(count <= 1 || spec.queueing == Queueing::None, "{} runs {count} times", spec.name);
        for start in running {
            if !started.contains(&(method, start.event_id)) {
                started.push((method, start.event_id));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// Ids are given in the order of arrival, so those that start of one method only grow.
    #[test]
    fn r13_whatever_happens_one_runs_at_a_time_in_order_and_each_ends_once(steps in prop::collection::vec(step(), 1..80)) {
        let mut lone = serving(limits());
        let (mut id, mut started, mut awaits) = (1_u64, Vec::new(), Vec::new());
        let (mut sent, mut cancelled, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Call { method, depth, deadline } => {
                    lone.send([call_within(id, METHODS[method].name, depth, deadline)]);
                    sent.push(id);
                    id += 2;
                }
                Step::Cancel(any) if !sent.is_empty() => {
                    let id = sent[any % sent.len()];
                    lone.send([cancel(id)]);
                    cancelled.push(id);
                }
                Step::Finish(any) if !lone.starts.is_empty() => {
                    let id = lone.starts[any % lone.starts.len()].event_id;
                    lone.finish_call(id);
                }
                Step::Await(any) if !lone.starts.is_empty() => {
                    let start = &lone.starts[any % lone.starts.len()];
                    if start.awaiting.is_some() {
                        awaits.push(lone.awaits(start.event_id));
                    }
                }
                Step::Resume(any) if !awaits.is_empty() => {
                    let any = any % awaits.len();
                    awaits.remove(any);
                }
                Step::Advance(by) => lone.advance(ms(by)),
                _ => {}
            }
            check_queues(&lone, &mut started);
            answers.extend(lone.out());
        }
        for _ in 0..10_000 {
            let Some(start) = lone.starts.first() else { break };
            let id = start.event_id;
            lone.finish_call(id);
            check_queues(&lone, &mut started);
        }
        answers.extend(lone.out());
        prop_assert_eq!((lone.engine.running(), lone.engine.entries()), (0, 0));
        for method in 0..METHODS.len() {
            let order: Vec<u64> = started.iter().filter(|(of, _)| *of == method).map(|(_, id)| *id).collect();
            prop_assert!(order.is_sorted(), "R12: {:?}", order);
        }
        for id in sent {
            let answered = answers
                .iter()
                .filter(|seen| matches!(seen, Seen::Return(of, _) | Seen::Fail(of, ..) if *of == id))
                .count();
            prop_assert!(answered == 1 || (answered == 0 && cancelled.contains(&id)), "{} has {}", id, answered);
        }
        drop(awaits);
        lone.check_empty();
    }
}
