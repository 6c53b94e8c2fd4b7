//! One engine, whose peer is the test itself.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::frames::{Seen, batch, binary, read, whole};
use super::task::Alarm;
use super::{METHODS, table};
use crate::codec::Body;
use crate::engine::state::Phase;
use crate::engine::{
    Activation, Begun, Budget, Config, Effects, Engine, Key, Outcome, Outgoing, Role, Sends, Start, Verdict,
};
use crate::error::Fate;
use crate::limits::Limits;
use crate::link::LinkOptions;
use crate::protocol::{Announced, CloseInfo, FailClass, Hello, Message, VERSION, Welcome, encode};
use crate::service::{MethodId, Streams};

#[derive(Debug)]
pub(crate) struct Lone {
    pub(crate) engine: Engine,
    pub(crate) effects: Effects,
    pub(crate) now: Instant,
    /// What was asked to start, and is neither stopped nor finished by the test.
    pub(crate) starts: Vec<Start>,
}

/// What a generous stranger announces.
pub(crate) const GENEROUS: Announced = Announced {
    max_message: 1 << 20,
    max_in_flight: 256,
    max_call_bytes: 4 << 20,
    event_messages: 256,
    event_bytes: 1 << 20,
    max_streams: 64,
    stream_items: 32,
    stream_bytes: 8 << 10,
    ping_ms: 15_000,
};

impl Lone {
    /// An engine that has received nothing.
    pub(crate) fn fresh(role: Role, limits: Limits) -> Self {
        Self::with_budget(role, limits, None)
    }

    pub(crate) fn with_budget(role: Role, limits: Limits, budget: Option<Arc<Budget>>) -> Self {
        Self::with_options(role, limits, budget, LinkOptions::default())
    }

    pub(crate) fn with_options(
        role: Role,
        limits: Limits,
        budget: Option<Arc<Budget>>,
        options: LinkOptions,
    ) -> Self {
        let now = Instant::now();
        let methods = table(&METHODS);
        let config = Config {
            role,
            limits: Arc::new(limits),
            serves: Arc::clone(&methods),
            calls: methods,
            budget,
            reports: false,
            options,
        };
        let mut lone =
            Self { engine: Engine::new(config, now), effects: Effects::default(), now, starts: Vec::new() };
        if role == Role::Client {
            lone.engine.say_hello(Vec::new());
            assert!(matches!(lone.out()[..], [Seen::Hello(_)]));
        }
        lone
    }

    /// An active engine.
    pub(crate) fn active(role: Role, limits: Limits) -> Self {
        Self::fresh(role, limits).activated(GENEROUS)
    }

    pub(crate) fn activated(mut self, announced: Announced) -> Self {
        match self.engine.role {
            Role::Client => self.send([welcome(announced)]),
            Role::Server => {
                self.send([hello(announced)]);
                assert!(matches!(self.activation(), Poll::Ready(Activation::Header(_))));
                assert!(self.accept(), "it waits for a decision");
                assert!(matches!(self.out()[..], [Seen::Welcome(_)]));
            }
        }
        assert!(self.engine.is_active(), "{:?}", self.engine.phase);
        self
    }

    pub(crate) fn activation(&mut self) -> Poll<Activation> {
        self.engine.poll_activation(&Context::from_waker(Waker::noop()))
    }

    /// The task that opens the connection asks, and sleeps if there is no news.
    pub(crate) fn activation_as(&mut self, task: &mut Alarm) -> Poll<Activation> {
        self.engine.poll_activation(&Context::from_waker(&task.waker()))
    }

    pub(crate) fn is_deciding(&self) -> bool {
        matches!(self.engine.phase, Phase::Deciding { .. })
    }

    /// The peer sends these frames in one message.
    pub(crate) fn send<F: AsRef<[u8]>>(&mut self, frames: impl IntoIterator<Item = F>) {
        self.send_raw(&batch(frames));
    }

    pub(crate) fn send_raw(&mut self, message: &bytes::Bytes) {
        self.engine.receive(self.now, message, &mut self.effects);
        self.apply();
    }

    fn apply(&mut self) {
        self.effects.wake();
        for key in std::mem::take(&mut self.effects.stops) {
            self.starts.retain(|start| start.key != key);
        }
        self.starts.append(&mut self.effects.starts);
        for (key, verdict) in std::mem::take(&mut self.effects.verdicts) {
            self.engine.finish(self.now, key, verdict, &mut self.effects).expect("there is room");
        }
    }

    /// Everything that it writes.
    pub(crate) fn out(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(message) = self.take() {
            seen.extend(read(&message));
        }
        seen
    }

    pub(crate) fn advance(&mut self, duration: Duration) {
        self.now += duration;
        self.engine.on_time(self.now, &mut self.effects);
        self.apply();
    }

    /// The handler that started first ends.
    pub(crate) fn finish(&mut self, verdict: Verdict) -> Result<(), Verdict> {
        let key = self.starts[0].key;
        self.engine.finish(self.now, key, verdict, &mut self.effects)?;
        self.starts.remove(0);
        self.apply();
        Ok(())
    }

    pub(crate) fn finish_with(&mut self, size: usize) {
        self.finish(Verdict::Value(Body::from_bytes(&vec![1; size]))).expect("there is room");
    }

    pub(crate) fn finish_key(&mut self, key: Key, verdict: Verdict) -> Result<(), Verdict> {
        let finished = self.engine.finish(self.now, key, verdict, &mut self.effects);
        self.apply();
        finished
    }

    pub(crate) fn take(&mut self) -> Option<bytes::Bytes> {
        let batch = self.engine.take_batch(self.now, &mut self.effects).map(binary);
        self.apply();
        batch
    }

    pub(crate) fn accept(&mut self) -> bool {
        let accepted = self.engine.accept(self.now, &mut self.effects).is_ok();
        self.apply();
        accepted
    }

    pub(crate) fn reject_try(&mut self, code: u16, reason: &str) {
        self.engine.reject_try(self.now, code, reason, &mut self.effects);
        self.apply();
    }

    /// The acceptor is done with an early message.
    pub(crate) fn answer_early(&mut self, ticket: u64, verdict: Verdict) {
        self.engine.answer_early(ticket, verdict, &mut self.effects);
        self.apply();
    }

    pub(crate) fn reject(&mut self, code: u16, reason: &str) {
        self.engine.reject(code, reason, &mut self.effects);
        self.apply();
    }

    pub(crate) fn go_away(&mut self, drain: Duration) {
        self.engine.go_away(self.now, drain, &mut self.effects);
        self.apply();
    }

    pub(crate) fn close(&mut self, info: CloseInfo) {
        self.engine.close(info, &mut self.effects);
        self.apply();
    }

    /// A call of depth 0 of this side, polled once, with half a minute.
    pub(crate) fn call(&mut self, size: usize) -> Key {
        match self.begin(self.outgoing(size)) {
            Begun::Entered(key) => key,
            Begun::Over(outcome) => panic!("over at once: {outcome:?}"),
        }
    }

    pub(crate) fn id(&self, key: Key) -> u64 {
        self.engine.pending.call_id(key)
    }

    pub(crate) fn begin(&mut self, message: Outgoing) -> Begun {
        self.begin_as(message, &mut Alarm::default())
    }

    pub(crate) fn begin_as(&mut self, message: Outgoing, task: &mut Alarm) -> Begun {
        self.engine.begin(self.now, message, task.waker())
    }

    pub(crate) fn poll(&mut self, key: Key) -> Poll<Outcome> {
        self.poll_as(key, &mut Alarm::default())
    }

    pub(crate) fn poll_as(&mut self, key: Key, task: &mut Alarm) -> Poll<Outcome> {
        let outcome = self.engine.poll(self.now, key, &task.waker(), &mut self.effects);
        self.apply();
        outcome
    }

    pub(crate) fn abandon(&mut self, key: Key) -> Fate {
        let fate = self.engine.abandon(self.now, key, &mut self.effects);
        self.apply();
        fate
    }

    pub(crate) fn outgoing(&self, size: usize) -> Outgoing {
        Outgoing {
            method: MethodId::of("T.call"),
            kind: Sends::Call,
            streams: Streams::Nothing,
            depth: 0,
            deadline: self.now + Duration::from_secs(30),
            reply_to: None,
            answers: false,
            metadata: Vec::new(),
            content: Body::from_bytes(&vec![7; size]).into(),
        }
    }

    pub(crate) fn closed(&self) -> Option<&CloseInfo> {
        self.engine.closed()
    }

    pub(crate) fn close_code(&self) -> Option<u16> {
        self.closed().map(|info| info.code)
    }
}

pub(crate) fn hello(announced: Announced) -> Vec<u8> {
    Hello { version: VERSION, features: 0, announced, serves: vec![], calls: vec![], header: vec![1] }
        .encode()
}

pub(crate) fn welcome(announced: Announced) -> Vec<u8> {
    Welcome { version: VERSION, features: 0, announced, mismatches: vec![] }.encode()
}

/// A MESSAGE of `T.call` that wants a reply.
pub(crate) fn call(id: u64, body: &[u8]) -> Vec<u8> {
    message(id, "T.call", true, 0, body)
}

/// A MESSAGE of `T.event` that wants none.
pub(crate) fn event(id: u64, body: &[u8]) -> Vec<u8> {
    message(id, "T.event", false, 0, body)
}

pub(crate) fn message(id: u64, method: &str, wants_reply: bool, depth: u8, body: &[u8]) -> Vec<u8> {
    let fields = Message {
        id,
        reply_to: None,
        wants_reply,
        wants_answer: false,
        answers: false,
        depth,
        method: MethodId::of(method),
        deadline_ms: None,
        metadata: None,
        body: &[],
    };
    whole(&encode::message(&fields), body)
}

pub(crate) fn fail(id: u64, class: FailClass) -> Vec<u8> {
    whole(&encode::fail(id, class), &[])
}

pub(crate) fn ret(id: u64, body: &[u8]) -> Vec<u8> {
    whole(&encode::ret(id), body)
}
