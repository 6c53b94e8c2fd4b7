//! R19–R21: messages that wait for a message which answers them, and events that nobody awaits.

use std::task::Poll;

use super::harness::{
    Alarm, GENEROUS, Lone, SECOND, Seen, batch, call, event, fail, limits, message, ms, ret, whole,
};
use crate::engine::schema::Schema;
use crate::engine::{Answered, Begun, Key, Outcome, Outgoing, Refused, Role, Sends, Verdict};
use crate::error::Fate;
use crate::limits::Limits;
use crate::protocol::{
    Announced, CloseInfo, ClosedBy, FailClass, Fingerprint, Message, Mismatch, Side, code, encode,
};
use crate::service::MethodId;

/// A MESSAGE of `T.event` that answers one of this engine's.
fn answer(id: u64, reply_to: u64, body: &[u8]) -> Vec<u8> {
    let fields = Message {
        id,
        reply_to: Some(reply_to),
        wants_reply: false,
        wants_answer: false,
        answers: false,
        depth: 0,
        method: MethodId::of("T.event"),
        deadline_ms: None,
        metadata: None,
        body: &[],
    };
    whole(&encode::message(&fields), body)
}

/// The same, as the first answer.
fn first_answer(id: u64, reply_to: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = answer(id, reply_to, body);
    frame[1] |= 32;
    frame
}

impl Lone {
    fn outgoing_as(&self, kind: Sends, size: usize) -> Outgoing {
        Outgoing {
            kind,
            method: MethodId::of("T.event"),
            deadline: self.now + 10 * SECOND,
            ..self.outgoing(size)
        }
    }

    /// An ask that is polled once.
    fn ask(&mut self, size: usize) -> Key {
        match self.begin(self.outgoing_as(Sends::Ask, size)) {
            Begun::Entered(key) => key,
            Begun::Over(outcome) => panic!("over at once: {outcome:?}"),
        }
    }

    fn answered(&mut self, key: Key) -> Box<Answered> {
        match self.poll(key) {
            Poll::Ready(Outcome::Answered(answer)) => answer,
            outcome => panic!("no answer: {outcome:?}"),
        }
    }

    fn is_empty(&self) {
        let pending = &self.engine.pending;
        assert_eq!((pending.open(), pending.len(), pending.waiting(), pending.held_bytes()), (0, 0, 0, 0));
        assert!(!pending.owes_cancels(), "an ask is not cancelled at the other side");
    }
}

/// A client whose server takes one event at a time.
fn one_credit() -> Lone {
    Lone::fresh(Role::Client, limits()).activated(Announced { event_messages: 1, ..GENEROUS })
}

fn closing() -> CloseInfo {
    CloseInfo::new(code::NORMAL, "bye", ClosedBy::Peer)
}

#[test]
fn r20_an_answer_goes_to_whoever_asked_and_to_nobody_else() {
    let mut lone = Lone::active(Role::Client, limits());
    let (first, second) = (lone.ask(3), lone.ask(4));
    let (to_first, to_second) = (lone.id(first), lone.id(second));
    assert_eq!(
        lone.out(),
        [Seen::Event { id: to_first, body: 3 }, Seen::Event { id: to_second, body: 4 }],
        "asking looks like an event"
    );
    lone.send([answer(2, to_second, b"two"), answer(4, to_first, b"one")]);
    assert_eq!(lone.starts.len(), 0);
    for (key, id, to, body) in [(first, 4, to_first, b"one"), (second, 2, to_second, b"two")] {
        let answered = lone.answered(key);
        assert_eq!((answered.event_id, answered.reply_to, answered.body.as_slice()), (id, to, &body[..]));
    }
    lone.is_empty();
}

#[test]
fn r20_the_second_answer_is_a_message_like_any_other() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.ask(0);
    let id = lone.id(key);
    lone.send([answer(2, id, b"first"), answer(4, id, b"second")]);
    assert_eq!(lone.answered(key).body.as_slice(), b"first");
    assert_eq!((lone.starts.len(), lone.starts[0].reply_to), (1, Some(id)));
    lone.finish_with(0);
    lone.is_empty();
}

/// Also where its outcome has not been taken yet, and the slot is used again.
#[test]
fn r20_an_answer_to_an_ask_of_long_ago_finds_nobody() {
    let mut lone = Lone::active(Role::Client, limits());
    let old = lone.ask(0);
    let id = lone.id(old);
    lone.abandon(old);
    let new = lone.ask(0);
    assert_eq!(old.index, new.index, "the slot is used again");
    lone.send([answer(2, id, b"late")]);
    assert_eq!((lone.starts.len(), lone.starts[0].reply_to), (1, Some(id)));
    assert!(lone.poll(new).is_pending());
    lone.abandon(new);
    lone.is_empty();
}

#[test]
fn r21_expiry_beats_an_answer_of_the_same_instant_and_the_bookkeeping_ends_with_it() {
    for late in [ms(0), ms(1)] {
        let mut lone = Lone::active(Role::Client, limits().ping_interval(3600 * SECOND));
        let key = lone.ask(0);
        let id = lone.id(key);
        lone.out();
        assert_eq!(lone.engine.next_time(), Some(lone.now + 10 * SECOND));
        lone.now += 10 * SECOND + late;
        lone.send([answer(2, id, b"")]);
        assert_eq!(lone.engine.pending.open(), 0);
        assert_eq!(lone.starts.len(), 1, "it goes the normal way");
        assert!(matches!(lone.poll(key), Poll::Ready(Outcome::Timeout(Fate::Unknown))));
        assert_eq!(lone.out(), [], "nothing is cancelled there");
        lone.is_empty();
    }
}

#[test]
fn r21_an_answer_one_millisecond_before_the_deadline_is_in_time() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.ask(0);
    let id = lone.id(key);
    lone.now += 10 * SECOND - ms(1);
    lone.send([answer(2, id, b"")]);
    lone.now += SECOND;
    // The outcome was there in time; who asks late still gets it.
    let outcome = lone.poll(key);
    assert!(
        matches!(outcome, Poll::Ready(Outcome::Answered(_))),
        "R13: the first outcome wins, whenever it is taken: {outcome:?}"
    );
    lone.is_empty();
}

#[test]
fn r12_an_ask_waits_for_credit_and_expires_there() {
    let mut lone = one_credit();
    let sent = lone.ask(1);
    let mut alarm = Alarm::default();
    let Begun::Entered(waits) = lone.begin_as(lone.outgoing_as(Sends::Ask, 100), &mut alarm) else {
        panic!("it waits for credit")
    };
    assert_eq!((lone.engine.pending.waiting(), lone.engine.pending.held_bytes()), (1, 100));
    assert_eq!(lone.out().len(), 1);
    // Nobody can answer what has not left.
    let id = lone.id(waits);
    lone.send([answer(2, id, b"")]);
    assert_eq!(lone.starts.len(), 1);
    lone.finish_with(0);
    lone.out();
    lone.send([whole(&encode::credit(0, 2, 1 << 20), b"")]);
    assert_eq!(lone.out(), [Seen::Event { id, body: 100 }], "sent though nobody polls");
    assert_eq!(lone.engine.pending.held_bytes(), 0);
    lone.send([answer(4, id, b"yes")]);
    assert!(alarm.rang());
    assert_eq!(lone.answered(waits).body.as_slice(), b"yes");
    let expires = lone.ask(50);
    lone.advance(10 * SECOND);
    assert!(matches!(lone.poll(expires), Poll::Ready(Outcome::Timeout(Fate::NotSent))));
    assert!(matches!(lone.poll(sent), Poll::Ready(Outcome::Timeout(Fate::Unknown))));
    lone.is_empty();
}

#[test]
fn r12_an_ask_waits_for_room_in_the_outbox() {
    let mut lone = Lone::active(Role::Client, limits().outbox_bytes(1000));
    let first = lone.ask(2000);
    let second = lone.ask(7);
    assert_eq!(lone.engine.pending.waiting(), 1);
    assert_eq!(lone.out().len(), 2, "the second follows when the first has left");
    for key in [second, first] {
        let id = lone.id(key);
        lone.send([answer(2, id, b"")]);
        lone.answered(key);
    }
    lone.is_empty();
}

/// R15, R18: whatever state an ask is in, the end of the connection is its outcome, and says whether it had left.
#[test]
fn r15_closing_ends_asks_in_every_state() {
    let mut lone = one_credit();
    let answered = lone.ask(1);
    let id = lone.id(answered);
    lone.out();
    lone.send([answer(2, id, &[7; 300]), whole(&encode::credit(0, 2, 1 << 20), b"")]);
    assert_eq!(lone.engine.pending.held_bytes(), 300, "an answer that nobody has taken is counted");
    let sent = lone.ask(1);
    lone.out();
    let waits = lone.ask(40);
    let detached = lone.begin(lone.outgoing_as(Sends::Event, 60));
    let Begun::Entered(detached) = detached else { panic!("{detached:?}") };
    lone.engine.detach(detached);
    assert_eq!((lone.engine.pending.open(), lone.engine.pending.held_bytes()), (3, 400));
    lone.close(closing());
    assert_eq!(lone.engine.pending.open(), 0);
    assert_eq!(lone.engine.pending.len(), 3, "nobody takes the outcome of a detached one");
    assert_eq!(lone.answered(answered).body.as_slice(), &[7; 300], "the outcome that came first");
    for (key, unsent) in [(sent, false), (waits, true)] {
        let Poll::Ready(Outcome::Closed(info)) = lone.poll(key) else { panic!("closed") };
        assert_eq!((info.code, info.unsent), (code::NORMAL, unsent));
    }
    lone.is_empty();
    let begun = lone.begin(lone.outgoing_as(Sends::Ask, 0));
    assert!(matches!(begun, Begun::Over(Outcome::Closed(info)) if info.unsent));
    lone.is_empty();
}

#[test]
fn r8_before_the_acceptance_nothing_is_asked() {
    let mut lone = Lone::fresh(Role::Client, limits());
    let begun = lone.begin(lone.outgoing_as(Sends::Ask, 0));
    assert!(matches!(begun, Begun::Over(Outcome::Refused(Refused::NotAccepted))), "{begun:?}");
    lone.is_empty();
}

#[test]
fn r12_asks_beyond_what_may_wait_are_refused() {
    let mut lone = Lone::fresh(Role::Client, limits().max_waiting(2))
        .activated(Announced { event_messages: 1, ..GENEROUS });
    let asked: Vec<Key> = (0..3).map(|_| lone.ask(1)).collect();
    let begun = lone.begin(lone.outgoing_as(Sends::Ask, 1));
    assert!(matches!(begun, Begun::Over(Outcome::Refused(Refused::Overloaded))), "{begun:?}");
    for key in asked {
        lone.abandon(key);
    }
    assert_eq!(lone.out().len(), 1, "what was dropped while it waited is not sent");
    lone.is_empty();
}

/// Whoever answers calls with messages, or asks with RETURN, FAIL or CANCEL, ends neither.
#[test]
fn r17_calls_end_by_answers_only_and_asks_by_messages_only() {
    let mut lone = Lone::active(Role::Client, limits());
    let (called, asked) = (lone.call(1), lone.ask(1));
    let (call_id, ask_id) = (lone.id(called), lone.id(asked));
    lone.out();
    lone.send([
        answer(2, call_id, b"x"),
        ret(ask_id, b"x"),
        fail(ask_id, FailClass::Internal),
        whole(&encode::cancel(ask_id), b""),
        whole(&encode::cancel(call_id), b""),
    ]);
    assert_eq!(lone.engine.stats().stray_replies, 2);
    assert!(lone.poll(called).is_pending());
    assert!(lone.poll(asked).is_pending());
    assert_eq!(lone.starts.len(), 1, "the answer to a call is a message like any other");
    lone.send([ret(call_id, b"y"), answer(4, ask_id, b"z")]);
    assert!(matches!(lone.poll(called), Poll::Ready(Outcome::Returned(_))));
    lone.answered(asked);
    lone.finish_with(0);
    lone.is_empty();
}

/// A call that names an ask is a call: its sender waits for a RETURN.
#[test]
fn r20_a_call_answers_nothing() {
    let mut lone = Lone::active(Role::Client, limits());
    let asked = lone.ask(1);
    let id = lone.id(asked);
    let fields = Message {
        id: 2,
        reply_to: Some(id),
        wants_reply: true,
        wants_answer: false,
        answers: false,
        depth: 0,
        method: MethodId::of("T.call"),
        deadline_ms: None,
        metadata: None,
        body: &[],
    };
    lone.send([whole(&encode::message(&fields), b"")]);
    assert_eq!((lone.starts.len(), lone.starts[0].reply_to), (1, Some(id)));
    assert!(lone.poll(asked).is_pending());
    lone.abandon(asked);
    lone.finish_with(0);
    lone.is_empty();
}

#[test]
fn r20_answers_to_ids_that_were_never_asked_go_the_normal_way() {
    let mut lone = Lone::active(Role::Server, limits());
    let event_id = match lone.begin(lone.outgoing_as(Sends::Event, 1)) {
        Begun::Over(Outcome::Sent(id)) => id,
        begun => panic!("{begun:?}"),
    };
    let strange = [0, 1, 2, 3, 4, event_id, 1 << 40, (1 << 53) - 1, u64::MAX];
    for (position, reply_to) in strange.into_iter().enumerate() {
        lone.send([answer(2 * position as u64 + 1, reply_to, b"")]);
        assert_eq!((lone.starts.len(), lone.starts[0].reply_to), (1, Some(reply_to)));
        lone.finish_with(0);
    }
    assert_eq!(lone.closed(), None);
    lone.is_empty();
}

/// Answers spend the sender's event credit like other messages, and give it back at once.
#[test]
fn r12_answers_spend_credit() {
    let lane = |limits: Limits| limits.event_lane_messages(2).event_lane_bytes(1 << 20);
    let mut lone = Lone::active(Role::Client, lane(limits()));
    for _ in 0..20 {
        let key = lone.ask(0);
        let id = lone.id(key);
        lone.send([answer(2, id, b"abc")]);
        lone.answered(key);
        lone.out();
    }
    assert_eq!(lone.engine.grant.outstanding_bytes(), 0);
    assert_eq!(lone.closed(), None);
    // Without the CREDIT that stands in the outbox a third one is too many.
    let keys: Vec<Key> = (0..3).map(|_| lone.ask(0)).collect();
    let ids: Vec<u64> = keys.iter().map(|key| lone.id(*key)).collect();
    lone.send([event(100, b""), event(102, b"")]);
    lone.send([answer(104, ids[0], b"")]);
    assert_eq!(lone.close_code(), Some(code::POLICY), "events beyond the credit");
    for key in keys {
        assert!(matches!(lone.poll(key), Poll::Ready(Outcome::Closed(_))));
    }
    lone.is_empty();
}

/// The first answer to a message of this side's costs no credit, or it would wait for the lane whose handler waits for it
/// (R11, P52).
#[test]
fn p52_the_first_answer_waits_behind_no_event() {
    let mut lone = Lone::active(Role::Client, limits().event_lane_messages(1));
    let key = lone.ask(0);
    let id = lone.id(key);
    // The lane's one credit is used, and its handler still runs.
    lone.send([event(2, b"")]);
    lone.send([first_answer(4, id, b"a")]);
    assert_eq!(lone.close_code(), None);
    assert_eq!(lone.answered(key).body.as_slice(), b"a");
}

/// One that comes too late is an event that cost no credit, within the bounds of those that do.
#[test]
fn p52_late_answers_are_bounded_and_never_a_violation() {
    let mut lone = Lone::active(Role::Client, limits().event_lane_messages(2));
    let key = lone.ask(0);
    let id = lone.id(key);
    lone.abandon(key);
    for answer in 0..5 {
        lone.send([first_answer(2 * answer + 2, id, b"late")]);
    }
    assert_eq!(lone.close_code(), None);
    let stats = lone.engine.stats();
    assert_eq!((stats.events_received, stats.events_dropped), (2, 3));
    // Done with, they give their places back, and no credit that was never spent.
    while !lone.starts.is_empty() {
        lone.finish(Verdict::Nothing).expect("nothing is sent");
    }
    lone.send([first_answer(12, id, b"late")]);
    assert_eq!(lone.engine.stats().events_received, 3);
    lone.finish(Verdict::Nothing).expect("nothing is sent");
    assert_eq!(lone.engine.grant.outstanding_bytes(), 0);
    // They cost nothing that others need.
    lone.send([event(20, b""), event(22, b"")]);
    assert_eq!(lone.close_code(), None);
    lone.send([event(24, b"")]);
    assert_eq!(lone.close_code(), Some(code::POLICY));
}

/// What answers a message that waits for it leaves although no credit for events is left.
#[test]
fn p52_an_answer_is_sent_without_credit() {
    let mut lone = one_credit();
    let Begun::Over(Outcome::Sent(_)) = lone.begin(lone.outgoing_as(Sends::Event, 0)) else { panic!("sent") };
    let waits = lone.begin(lone.outgoing_as(Sends::Event, 0));
    assert!(matches!(waits, Begun::Entered(_)));
    let answer = Outgoing { answers: true, reply_to: Some(2), ..lone.outgoing_as(Sends::Event, 0) };
    assert!(matches!(lone.begin(answer), Begun::Over(Outcome::Sent(_))));

    // Nor does it spend any.
    let mut lone = one_credit();
    let answer = Outgoing { answers: true, reply_to: Some(2), ..lone.outgoing_as(Sends::Event, 0) };
    assert!(matches!(lone.begin(answer), Begun::Over(Outcome::Sent(_))));
    let event = lone.outgoing_as(Sends::Event, 0);
    assert!(matches!(lone.begin(event), Begun::Over(Outcome::Sent(_))), "the credit is still there");
}

/// R5: an answer by a method whose signatures differ is decoded by nobody.
#[test]
fn r5_a_method_that_differs_answers_nothing() {
    let mut lone = Lone::active(Role::Client, limits());
    let fingerprint = Fingerprint { method: MethodId::of("T.event"), signature: 1 };
    lone.engine.schema = Schema::learn(&[Mismatch { served_by: Side::Client, fingerprint }]);
    let key = lone.ask(0);
    let id = lone.id(key);
    lone.send([first_answer(2, id, b"a"), answer(4, id, b"b")]);
    assert!(lone.poll(key).is_pending());
    assert_eq!((lone.closed(), lone.engine.stats().events_refused), (None, 2));
}

#[test]
fn r12_a_detached_event_is_sent_in_its_turn_and_leaves_nothing() {
    let mut lone = one_credit();
    lone.ask(0);
    let mut keys = Vec::new();
    for size in [10, 20, 30] {
        let begun = lone.begin(lone.outgoing_as(Sends::Event, size));
        let Begun::Entered(key) = begun else { panic!("{begun:?}") };
        lone.engine.detach(key);
        keys.push(key);
    }
    lone.out();
    assert_eq!(lone.engine.pending.open(), 4, "R18: they are counted until they are sent");
    lone.send([whole(&encode::credit(0, 3, 1 << 20), b"")]);
    assert!(matches!(lone.out()[..], [Seen::Event { body: 10, .. }, Seen::Event { body: 20, .. }]));
    // The third waits for as long as an event may, and then is gone.
    lone.advance(10 * SECOND);
    assert_eq!((lone.engine.pending.open(), lone.engine.pending.held_bytes()), (0, 0));
    lone.send([whole(&encode::credit(0, 9, 1 << 20), b"")]);
    assert_eq!(lone.out(), [], "what has expired is not sent");
    for key in keys {
        assert!(lone.engine.pending.get(key).is_none());
    }
}

/// Told that nobody asks any more when it was already sent, or given up.
#[test]
fn r12_detaching_what_is_over_removes_it() {
    let mut lone = one_credit();
    let asked = lone.ask(0);
    lone.abandon(asked);
    for credit in [2, 0] {
        let begun = lone.begin(lone.outgoing_as(Sends::Event, 5));
        let Begun::Entered(key) = begun else { panic!("{begun:?}") };
        if credit > 0 {
            lone.send([whole(&encode::credit(0, credit, 1 << 20), b"")]);
        } else {
            lone.advance(10 * SECOND);
        }
        lone.engine.detach(key);
        lone.is_empty();
    }
}

/// R20: where somebody observes, an answer is handed over after they have seen it, and only then.
#[test]
fn r20_an_observed_answer_is_delivered_after_it_was_seen() {
    let mut lone = Lone::active(Role::Client, limits());
    lone.engine.set_observed(true);
    let key = lone.ask(0);
    let id = lone.id(key);
    let body = [9; 200];
    lone.send([answer(2, id, &body), call(4, b"")]);
    assert!(lone.poll(key).is_pending(), "nobody has seen it yet");
    let arrived = std::mem::take(&mut lone.effects.arrived);
    assert_eq!(arrived.iter().map(|seen| seen.event_id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(arrived[0].answers, Some(key));
    lone.engine.deliver(key, &arrived[0], &mut lone.effects);
    // Another in its place: the first outcome wins.
    lone.engine.deliver(key, &arrived[0], &mut lone.effects);
    assert_eq!(lone.engine.pending.held_bytes(), 200);
    assert_eq!(lone.answered(key).body.as_slice(), &body);
    lone.engine.deliver(key, &arrived[0], &mut lone.effects);
    lone.finish_with(0);
    lone.is_empty();
}

/// What is no message of the asker's contract is told apart above: the engine hands it over with its method.
#[test]
fn r20_a_message_of_another_contract_may_answer() {
    let mut lone = Lone::active(Role::Client, limits());
    let key = lone.ask(0);
    let id = lone.id(key);
    let mut frame = answer(2, id, b"");
    let other = message(2, "Other.event", false, 0, b"");
    // The method stands at the end of an envelope without deadline and metadata.
    let method = other[other.len() - 4..].to_vec();
    let end = frame.len();
    frame[end - 4..].copy_from_slice(&method);
    lone.send([frame]);
    assert_eq!(lone.answered(key).method, MethodId::of("Other.event"));
    lone.is_empty();
}

/// R35: a small answer in a large message keeps itself only, observed or not.
#[test]
fn r35_a_small_answer_does_not_pin_the_message_that_brought_it() {
    for observed in [false, true] {
        let mut lone = Lone::active(Role::Client, limits());
        lone.engine.set_observed(observed);
        let key = lone.ask(0);
        let id = lone.id(key);
        let message = batch([answer(2, id, &[9; 100]), event(4, &[0; 60_000])]);
        let range = message.as_ptr() as usize..message.as_ptr() as usize + message.len();
        lone.send_raw(&message);
        for arrived in std::mem::take(&mut lone.effects.arrived) {
            if let Some(key) = arrived.answers {
                lone.engine.deliver(key, &arrived, &mut lone.effects);
            }
        }
        let answered = lone.answered(key);
        let at = answered.body.as_slice().as_ptr() as usize;
        assert!(!range.contains(&at), "observed: {observed}: 100 bytes keep 60,000");
    }
}
