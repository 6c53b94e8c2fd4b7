//! R35: whatever bytes come, in whatever phase, nothing panics, nothing grows beyond its bound, and the end is an end.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::harness::{
    GENEROUS, Lone, SECOND, batch, call, cases, event, fail, hello, limits, message, ms, ret, welcome, whole,
};
use crate::context::Metadata;
use crate::engine::{Role, Verdict};
use crate::limits::Limits;
use crate::link::LinkOptions;
use crate::policy::{EarlyFrames, Overflow};
use crate::protocol::{FailClass, Message, Reject, encode};
use crate::service::MethodId;

fn narrow() -> Limits {
    limits()
        .max_message(2048)
        .max_header(64)
        .max_call_bytes(4096)
        .max_in_flight(3)
        .event_lane_messages(3)
        .event_lane_bytes(500)
        .outbox_bytes(2048)
        .outbox_reserve(4 << 10)
        .max_violations(20)
}

/// Every phase of either side.
fn phases() -> Vec<Lone> {
    let mut deciding = Lone::fresh(Role::Server, narrow());
    deciding.send([hello(GENEROUS)]);
    assert!(deciding.is_deciding());
    let early = EarlyFrames::Queue { max_bytes: 1000, overflow: Overflow::Drop };
    let options = LinkOptions { early, attempts: 3, ..LinkOptions::default() };
    let mut keeping = Lone::with_options(Role::Server, narrow(), None, options);
    keeping.send([hello(GENEROUS)]);
    let mut again = Lone::with_options(Role::Server, narrow(), None, options);
    again.send([hello(GENEROUS)]);
    again.reject_try(4501, "no");
    let mut rejected = Lone::fresh(Role::Client, narrow());
    rejected.send([Reject::new(4501, "no").with_retry(2).encode()]);
    assert!(rejected.engine.is_rejected());
    let mut calling = Lone::active(Role::Client, narrow());
    for _ in 0..5 {
        calling.call(10);
    }
    let mut leaving = Lone::active(Role::Server, narrow());
    leaving.send([call(1, b"")]);
    leaving.go_away(60 * SECOND);
    let mut left = Lone::active(Role::Client, narrow());
    left.send([whole(&encode::go_away(5), b"")]);
    let mut closed = Lone::active(Role::Server, narrow());
    closed.send([[0x55, 0]]);
    vec![
        Lone::fresh(Role::Server, narrow()),
        Lone::fresh(Role::Client, narrow()),
        deciding,
        keeping,
        again,
        rejected,
        Lone::active(Role::Server, narrow()),
        calling,
        leaving,
        left,
        closed,
    ]
}

/// A life among these messages: handlers end now and then, output is taken now and then, time passes.
fn survive(mut lone: Lone, messages: &[Bytes]) {
    let limits = narrow();
    for (round, message) in messages.iter().enumerate() {
        lone.send_raw(message);
        let running = lone.engine.running();
        assert!(running <= 3 * 33 + 3, "{running} run");
        assert!(
            lone.engine.outbox.queued() <= limits.outbox_bytes + (1 << 20) + limits.outbox_reserve + 4096
        );
        match round % 4 {
            0 if !lone.starts.is_empty() => {
                // Given back where there is no room: then it runs on.
                let _ = lone.finish(Verdict::Internal(7));
            }
            1 => drop(lone.out()),
            2 => lone.advance(ms(10)),
            _ => {}
        }
    }
    if lone.accept() {
        let running = lone.engine.running();
        assert!(running <= 3 * 33 + 3, "{running} run that came before the acceptance");
    }
    lone.out();
    let active = lone.engine.is_active() && lone.closed().is_none();
    lone.close(crate::protocol::CloseInfo::new(1000, "", crate::protocol::ClosedBy::Local));
    assert!(lone.starts.is_empty(), "R15: nothing runs on");
    assert_eq!((lone.engine.running(), lone.engine.pending()), (0, 0));
    assert!(lone.engine.next_time().is_none() || active, "nothing is waited for");
    lone.out();
    assert!(lone.take().is_none());
}

fn with_metadata(id: u64) -> Vec<u8> {
    let mut metadata = Metadata::new();
    metadata.insert("trace", "0af7651916cd43dd").expect("within the bounds");
    metadata.insert("ü", "").expect("within the bounds");
    let fields = Message {
        id,
        reply_to: Some(id + 2),
        wants_reply: true,
        wants_answer: false,
        answers: false,
        depth: 3,
        method: MethodId::of("T.call"),
        deadline_ms: Some(1500),
        metadata: Some(Metadata::new()),
        body: &[],
    };
    [encode::message(&fields).as_slice(), &encode::metadata(&metadata), b"body"].concat()
}

/// Frames that are well formed, if not always at home.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![0..40_u64, any::<u64>()];
    let body = || vec(any::<u8>(), 0..20);
    prop_oneof![
        4 => (id.clone(), body()).prop_map(|(id, body)| call(id, &body)),
        3 => (id.clone(), body()).prop_map(|(id, body)| event(id, &body)),
        2 => (id.clone(), any::<bool>(), 0..40_u8)
            .prop_map(|(id, wants_reply, depth)| message(id, "T.unknown", wants_reply, depth, b"x")),
        1 => id.clone().prop_map(|id| with_metadata(id >> 1)),
        3 => (id.clone(), body()).prop_map(|(id, body)| ret(id, &body)),
        2 => (id.clone(), any::<u8>()).prop_map(|(id, class)| fail(id, FailClass::from_u8(class))),
        2 => id.clone().prop_map(|id| whole(&encode::cancel(id), b"")),
        1 => (id.clone(), any::<u64>(), any::<u64>())
            .prop_map(|(id, messages, bytes)| whole(&encode::credit(id % 2, messages, bytes), b"")),
        1 => id.clone().prop_map(|number| whole(&encode::ping(number), b"")),
        1 => id.clone().prop_map(|number| whole(&encode::pong(number), b"")),
        1 => id.prop_map(|millis| whole(&encode::go_away(millis), b"")),
        1 => Just(hello(GENEROUS)),
        1 => Just(welcome(GENEROUS)),
        1 => Just(Reject::new(4501, "no").encode()),
        1 => (128..=255_u8, body()).prop_map(|(kind, body)| [vec![kind], body].concat()),
    ]
}

/// A change to the bytes of a message.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, u8),
    Remove(Index),
    Repeat(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), 1..=255_u8).prop_map(|(place, bits)| Mutation::Flip(place, bits)),
        any::<Index>().prop_map(Mutation::Cut),
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Mutation::Insert(place, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<Index>().prop_map(Mutation::Repeat),
    ]
}

fn mutated(message: &Bytes, mutations: &[Mutation]) -> Bytes {
    let mut bytes = message.to_vec();
    for mutation in mutations {
        let length = bytes.len().max(1);
        let place = |place: &Index| place.index(length);
        match mutation {
            _ if bytes.is_empty() => {}
            Mutation::Flip(index, bits) => bytes[place(index)] ^= bits,
            Mutation::Cut(index) => bytes.truncate(place(index)),
            Mutation::Insert(index, byte) => bytes.insert(place(index), *byte),
            Mutation::Remove(index) => drop(bytes.remove(place(index))),
            Mutation::Repeat(index) => bytes.extend_from_within(place(index)..),
        }
    }
    bytes.into()
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn r35_no_bytes_panic(messages in vec(vec(any::<u8>(), 0..200), 1..8)) {
        let messages: Vec<Bytes> = messages.into_iter().map(Bytes::from).collect();
        for lone in phases() {
            survive(lone, &messages);
        }
    }

    #[test]
    fn r35_no_frames_panic(messages in vec(vec(frame(), 1..6), 1..20)) {
        let messages: Vec<Bytes> = messages.into_iter().map(batch).collect();
        for lone in phases() {
            survive(lone, &messages);
        }
    }

    #[test]
    fn r35_no_mutated_frames_panic(
        messages in vec((vec(frame(), 1..4), vec(mutation(), 0..4)), 1..20),
    ) {
        let messages: Vec<Bytes> =
            messages.into_iter().map(|(frames, mutations)| mutated(&batch(frames), &mutations)).collect();
        for lone in phases() {
            survive(lone, &messages);
        }
    }

    /// What two honest sides say to each other, mutated on the way.
    #[test]
    fn r35_no_mutated_handshake_panics(mutations in vec(mutation(), 1..6)) {
        for (role, frame) in [(Role::Server, hello(GENEROUS)), (Role::Client, welcome(GENEROUS))] {
            let lone = Lone::fresh(role, narrow());
            survive(lone, &[mutated(&batch([frame]), &mutations), batch([call(1, b"")])]);
        }
    }
}
