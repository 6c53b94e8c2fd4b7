//! R5: methods that both sides know with different signatures fail alone, with `SchemaMismatch`; the others work.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::harness::{Lone, Seen, binary, limits, message, table};
use crate::codec::Body;
use crate::engine::{
    Begun, Config, Effects, Engine, Outcome, Outgoing, Post, Posted, Refused, Role, Sends, SharedFrame, Slow,
};
use crate::link::LinkOptions;
use crate::protocol::{FailClass, Side};
use crate::service::{MethodId, MethodSpec, Streams};

const OURS: [MethodSpec; 3] = [
    MethodSpec::call("T.same", "()->()", 1),
    MethodSpec::call("T.differs", "()->()", 1),
    MethodSpec::event("T.tells", "()", 1),
];
/// The same names, two of them with other signatures; and one that the other side does not know.
const THEIRS: [MethodSpec; 4] = [
    MethodSpec::call("T.same", "()->()", 1),
    MethodSpec::call("T.differs", "()->()", 2),
    MethodSpec::event("T.tells", "(u8)", 1),
    MethodSpec::call("T.more", "()->()", 1),
];

struct Pair {
    client: Engine,
    server: Engine,
    effects: Effects,
    now: Instant,
}

impl Pair {
    /// What each side serves and calls.
    fn open(client: [&[MethodSpec]; 2], server: [&[MethodSpec]; 2]) -> Self {
        let now = Instant::now();
        let engine = |role, [serves, calls]: [&[MethodSpec]; 2]| {
            let config = Config {
                reports: false,
                role,
                limits: Arc::new(limits()),
                serves: table(serves),
                calls: table(calls),
                budget: None,
                options: LinkOptions::default(),
            };
            Engine::new(config, now)
        };
        let (client, server) = (engine(Role::Client, client), engine(Role::Server, server));
        let mut pair = Self { client, server, effects: Effects::default(), now };
        pair.client.say_hello(Vec::new());
        pair.client_writes();
        pair.server.accept(now, &mut pair.effects).expect("it waits for a decision");
        pair.server_writes();
        assert!(pair.client.is_active());
        pair
    }

    fn client_writes(&mut self) {
        while let Some(batch) = self.client.take_batch(self.now, &mut self.effects).map(binary) {
            self.server.receive(self.now, &batch, &mut self.effects);
        }
    }

    fn server_writes(&mut self) {
        while let Some(batch) = self.server.take_batch(self.now, &mut self.effects).map(binary) {
            self.client.receive(self.now, &batch, &mut self.effects);
        }
    }

    fn begin(&mut self, role: Role, method: &str, wants_reply: bool) -> Begun {
        let outgoing = Outgoing {
            answers: false,
            method: MethodId::of(method),
            kind: if wants_reply { Sends::Call } else { Sends::Event },
            streams: Streams::Nothing,
            depth: 0,
            deadline: self.now + limits().call_timeout,
            reply_to: None,
            metadata: Vec::new(),
            content: Body::empty().into(),
        };
        let engine = if role == Role::Client { &mut self.client } else { &mut self.server };
        engine.begin(self.now, outgoing, Waker::noop().clone())
    }
}

fn mismatches(begun: &Begun) -> bool {
    matches!(begun, Begun::Over(Outcome::Refused(Refused::SchemaMismatch)))
}

#[test]
fn r5_what_the_client_calls_is_refused_at_the_client() {
    let mut pair = Pair::open([&[], &THEIRS], [&OURS, &[]]);
    assert!(mismatches(&pair.begin(Role::Client, "T.differs", true)));
    assert!(mismatches(&pair.begin(Role::Client, "T.tells", false)));
    assert!(matches!(pair.begin(Role::Client, "T.same", true), Begun::Entered(_)));
    pair.client_writes();
    assert_eq!(pair.effects.starts.len(), 1, "the others work");
    assert_eq!(pair.server.stats().calls_refused, 0);
}

#[test]
fn r5_what_the_server_calls_is_refused_at_the_server() {
    let mut pair = Pair::open([&THEIRS, &[]], [&[], &OURS]);
    assert!(mismatches(&pair.begin(Role::Server, "T.differs", true)));
    assert!(mismatches(&pair.begin(Role::Server, "T.tells", false)));
    assert!(matches!(pair.begin(Role::Server, "T.same", true), Begun::Entered(_)));
    pair.server_writes();
    assert_eq!(pair.effects.starts.len(), 1);
}

/// R32: also what is broadcast, to this peer alone.
#[test]
fn r5_a_broadcast_of_what_differs_is_refused() {
    let mut pair = Pair::open([&THEIRS, &[]], [&[], &OURS]);
    let mut post = |method| {
        let method = MethodId::of(method);
        let frame = SharedFrame::new(method, &[], Body::empty());
        let post = Post { method, frame, slow: Slow::Close, stall: Duration::ZERO, latest: None };
        pair.server.post(pair.now, post, &mut pair.effects)
    };
    assert_eq!(post("T.tells"), Posted::Refused);
    assert_eq!(post("T.same"), Posted::Sent, "a call's method, told instead of asked");
    pair.server_writes();
    assert_eq!((pair.effects.starts.len(), pair.client.closed(), pair.server.closed()), (1, None, None));
}

#[test]
fn r5_each_side_can_name_what_differs() {
    let pair = Pair::open([&THEIRS, &THEIRS], [&OURS, &OURS]);
    for (engine, ours, theirs) in [(&pair.client, &THEIRS[..], &OURS[..]), (&pair.server, &OURS, &THEIRS)] {
        let mut named: Vec<_> = engine.mismatches();
        named.sort_by_key(|mismatch| (mismatch.method, mismatch.served_here));
        let expected: Vec<_> = [1, 2].into_iter().flat_map(|index| [(index, false), (index, true)]).collect();
        let seen: Vec<_> = named.iter().map(|mismatch| (mismatch.method, mismatch.served_here)).collect();
        assert_eq!(seen, expected.iter().map(|&(index, here)| (OURS[index].name, here)).collect::<Vec<_>>());
        for (mismatch, (index, _)) in named.iter().zip(expected) {
            assert_eq!((mismatch.ours, mismatch.theirs), (ours[index].signature, theirs[index].signature));
        }
    }
}

#[test]
fn r5_equal_contracts_have_nothing_to_tell() {
    let pair = Pair::open([&OURS, &THEIRS], [&THEIRS, &OURS]);
    assert!(pair.client.mismatches().is_empty() && pair.server.mismatches().is_empty());
}

#[test]
fn r5_a_peer_that_calls_it_all_the_same_is_answered_so() {
    let mut lone = Lone::fresh(Role::Server, limits());
    let hello = crate::protocol::Hello {
        version: 1,
        features: 0,
        announced: super::harness::GENEROUS,
        serves: vec![],
        calls: vec![crate::protocol::Fingerprint { method: MethodId::of("T.call"), signature: 99 }],
        header: vec![],
    };
    lone.send([hello.encode()]);
    assert!(lone.accept(), "it waits for a decision");
    let written = lone.out();
    let [Seen::Welcome(welcome)] = &written[..] else { panic!("{written:?}") };
    assert_eq!(welcome.mismatches.len(), 1);
    assert_eq!(welcome.mismatches[0].served_by, Side::Server);
    lone.send([message(1, "T.call", true, 0, b""), message(3, "T.call", false, 0, b"")]);
    assert_eq!(lone.out(), [Seen::Fail(1, FailClass::SchemaMismatch, vec![])]);
    assert_eq!((lone.engine.stats().events_refused, lone.starts.len()), (1, 0));
    lone.send([message(5, "T.event", false, 0, b"")]);
    assert_eq!(lone.starts.len(), 1);
}
