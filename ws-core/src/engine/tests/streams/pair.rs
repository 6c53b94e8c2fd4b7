//! Calls that stream between two engines: the readers and producers that a driver would poll, played by the test.

use std::collections::{HashMap, VecDeque};
use std::task::{Poll, Waker};

use crate::codec::Body;
use crate::engine::tests::harness::{CLIENT, SERVER, Setup, World};
use crate::engine::{Begun, Key, Outcome, Outgoing, Put, Read, Run, Sends, StreamEnd, Verdict};
use crate::limits::ITEM_COST;
use crate::service::{MethodId, Streams};

/// One call that streams, from both its ends.
#[derive(Debug)]
pub(super) struct Line {
    /// Who calls.
    pub(super) caller: usize,
    pub(super) streams: Streams,
    pub(super) call: Call,
    /// The handler, and its flow.
    pub(super) handler: Option<(Key, Key)>,
    pub(super) down: Way,
    pub(super) up: Way,
}

#[derive(Debug)]
pub(super) enum Call {
    Waits(Key),
    Over(Outcome),
    Dropped,
}

/// Items in one direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The reader's key, until it has told its end or is dropped.
    pub(super) reader: Option<Key>,
    pub(super) writer: Option<Key>,
    pub(super) sent: Vec<u8>,
    pub(super) got: Vec<u8>,
    pub(super) end: Option<StreamEnd>,
    pub(super) dropped: bool,
    /// The producer said that it is complete.
    pub(super) completed: bool,
}

#[derive(Debug)]
pub(super) struct Pair {
    pub(super) world: World,
    pub(super) lines: Vec<Line>,
    /// By side: handlers of calls that stream, as they started.
    by_id: [HashMap<u64, usize>; 2],
}

pub(super) const LIMITS: fn() -> crate::limits::Limits = || {
    crate::limits::Limits::default()
        .max_streams(3)
        .stream_items(4)
        .stream_bytes(100)
        .stream_buffer(4 * ITEM_COST)
};

impl Pair {
    pub(super) fn open(setup: Setup) -> Self {
        Self { world: World::open(setup), lines: Vec::new(), by_id: Default::default() }
    }

    pub(super) fn call(&mut self, caller: usize, streams: Streams, depth: u8, seconds: u64) -> usize {
        let name = match streams {
            Streams::Down => "T.down",
            Streams::Up => "T.up",
            Streams::Both => "T.both",
            Streams::Nothing => "T.call",
        };
        let now = self.world.now;
        let message = Outgoing {
            method: MethodId::of(name),
            kind: Sends::Call,
            streams,
            depth,
            deadline: now + std::time::Duration::from_secs(seconds),
            reply_to: None,
            answers: false,
            metadata: Vec::new(),
            content: Body::from_bytes(&[0x5a; 3]).into(),
        };
        let side = &mut self.world.sides[caller];
        let (mut up, mut id) = (Way::default(), 0);
        let call = match side.engine.begin(now, message, Waker::noop().clone()) {
            Begun::Over(outcome) => Call::Over(outcome),
            Begun::Entered(key) => {
                id = side.engine.pending.call_id(key);
                up.writer = side.engine.flow_of(key).map(|(flow, _)| flow).filter(|_| streams.up());
                Call::Waits(key)
            }
        };
        let line = Line { caller, streams, call, handler: None, down: Way::default(), up };
        self.lines.push(line);
        self.by_id[caller].insert(id, self.lines.len() - 1);
        self.apply();
        self.lines.len() - 1
    }

    /// The outcome of the call, where there is one.
    pub(super) fn poll(&mut self, index: usize) {
        let line = &mut self.lines[index];
        let Call::Waits(key) = line.call else { return };
        let side = &mut self.world.sides[line.caller];
        let waker = Waker::noop().clone();
        if let Poll::Ready(outcome) = side.engine.poll(self.world.now, key, &waker, &mut side.effects) {
            if let Outcome::Opened(flow) = outcome {
                line.down.reader = Some(flow);
            }
            line.call = Call::Over(outcome);
        }
        self.apply();
    }

    pub(super) fn abandon(&mut self, index: usize) {
        let line = &mut self.lines[index];
        let Call::Waits(key) = line.call else { return };
        line.call = Call::Dropped;
        let side = &mut self.world.sides[line.caller];
        side.engine.abandon(self.world.now, key, &mut side.effects);
        self.apply();
    }

    pub(super) fn open_stream(&mut self, index: usize) {
        let line = &mut self.lines[index];
        let Some((_, flow)) = line.handler else { return };
        let side = &mut self.world.sides[1 - line.caller];
        side.engine.open_stream(self.world.now, flow, &mut side.effects);
        self.apply();
    }

    /// Sends an item; what became of it.
    pub(super) fn put(&mut self, index: usize, up: bool, size: usize) -> Put {
        let line = &mut self.lines[index];
        let side = if up { line.caller } else { 1 - line.caller };
        let way = if up { &mut line.up } else { &mut line.down };
        let Some(key) = way.writer.filter(|_| !way.completed) else { return Put::Over };
        let number = way.sent.len() as u8;
        let mut item = Some(Body::from_bytes(&vec![number; size.max(1)]));
        let side = &mut self.world.sides[side];
        let put =
            side.engine.put_item(self.world.now, key, Some(&mut item), Waker::noop(), &mut side.effects);
        assert_eq!(put == Put::Taken, item.is_none());
        if put == Put::Taken {
            way.sent.push(number);
        }
        self.apply();
        put
    }

    /// Gathers items, as many as may be and at most `count`, and sends them at once; they are dropped where they would
    /// have to wait.
    pub(super) fn put_gathered(&mut self, index: usize, up: bool, size: usize, count: usize) {
        let line = &mut self.lines[index];
        let side = if up { line.caller } else { 1 - line.caller };
        let way = if up { &mut line.up } else { &mut line.down };
        let Some(key) = way.writer.filter(|_| !way.completed) else { return };
        let side = &mut self.world.sides[side];
        let Some(mut gathered) = side.engine.gather(key) else { return };
        while gathered.items() < count && gathered.has_room() {
            let number = (way.sent.len() + gathered.items()) as u8;
            gathered.push(&Body::from_bytes(&vec![number; size]));
        }
        let many = gathered.items();
        let put = side.engine.put_items(self.world.now, key, &mut gathered, Waker::noop(), &mut side.effects);
        assert_eq!(gathered.items(), if put == Put::Taken { 0 } else { many });
        if put == Put::Taken {
            way.sent.extend((0..many).map(|_| 0));
            let from = way.sent.len() - many;
            way.sent.iter_mut().enumerate().skip(from).for_each(|(number, sent)| *sent = number as u8);
        }
        self.apply();
    }

    /// Takes what there is to read; false where there is nothing.
    pub(super) fn read(&mut self, index: usize, up: bool) -> bool {
        let line = &mut self.lines[index];
        let side = if up { 1 - line.caller } else { line.caller };
        let way = if up { &mut line.up } else { &mut line.down };
        let Some(key) = way.reader else { return false };
        let mut runs: VecDeque<Run> = VecDeque::new();
        let side = &mut self.world.sides[side];
        let read = side.engine.read(self.world.now, key, &mut runs, Waker::noop(), &mut side.effects);
        let bodies = |run: &Run| run.bodies().map(|body| body[0]).collect::<Vec<_>>();
        way.got.extend(runs.iter().flat_map(bodies));
        if let Read::End(end) = &read {
            assert!(way.end.is_none(), "R26: one end");
            assert!(runs.is_empty());
            way.end = Some(end.clone());
            way.reader = None;
        }
        self.apply();
        !matches!(read, Read::Wait)
    }

    pub(super) fn drop_reader(&mut self, index: usize, up: bool) {
        let line = &mut self.lines[index];
        let side = if up { 1 - line.caller } else { line.caller };
        let way = if up { &mut line.up } else { &mut line.down };
        let Some(key) = way.reader.take() else { return };
        way.dropped = true;
        let side = &mut self.world.sides[side];
        side.engine.drop_reader(self.world.now, key, &mut side.effects);
        self.apply();
    }

    /// The handler ends.
    pub(super) fn finish(&mut self, index: usize, verdict: Verdict) {
        let line = &mut self.lines[index];
        let Some((key, _)) = line.handler else { return };
        let side = &mut self.world.sides[1 - line.caller];
        let completes = matches!(verdict, Verdict::Completed);
        if side.engine.finish(self.world.now, key, verdict, &mut side.effects).is_ok() {
            side.handlers.retain(|handler| handler.key != key);
            (line.handler, line.down.writer) = (None, None);
            line.down.completed = completes;
        }
        self.apply();
    }

    pub(super) fn finish_upload(&mut self, index: usize, verdict: Verdict) {
        let line = &mut self.lines[index];
        let Some(flow) = line.up.writer.filter(|_| !line.up.completed) else { return };
        let side = &mut self.world.sides[line.caller];
        // A driver asks first, so that nothing ends before its call was sent.
        let ready = side.engine.flows.get(flow).is_some_and(|flow| flow.may_write());
        if ready && side.engine.finish_upload(self.world.now, flow, verdict, &mut side.effects).is_ok() {
            line.up.completed = true;
        }
        self.apply();
    }

    /// Does what the engines asked for.
    pub(super) fn apply(&mut self) {
        let now = self.world.now;
        for side in [CLIENT, SERVER] {
            let this = &mut self.world.sides[side];
            this.apply(now);
            for flow in std::mem::take(&mut this.upload_stops) {
                let stopped =
                    self.lines.iter_mut().find(|line| line.caller == side && line.up.writer == Some(flow));
                if let Some(line) = stopped {
                    line.up.writer = None;
                }
            }
            for line in self.lines.iter_mut().filter(|line| line.caller != side) {
                let Some((key, _)) = line.handler else { continue };
                if !this.handlers.iter().any(|handler| handler.key == key) {
                    (line.handler, line.down.writer) = (None, None);
                }
            }
            for handler in &this.handlers {
                let Some(flow) = handler.flow else { continue };
                let line = &mut self.lines[self.by_id[1 - side][&handler.id]];
                if line.handler.is_some() {
                    continue;
                }
                line.handler = Some((handler.key, flow));
                line.down.writer = line.streams.down().then_some(flow);
                if line.streams.up() {
                    assert!(this.engine.claim(flow) && !this.engine.claim(flow), "one reader");
                    line.up.reader = Some(flow);
                }
            }
        }
    }

    pub(super) fn pump(&mut self, side: usize) -> bool {
        let pumped = self.world.pump(side);
        self.apply();
        pumped
    }

    /// Delivers what has been under way to `side` for longest.
    pub(super) fn deliver(&mut self, side: usize) -> bool {
        let delivered = self.world.deliver(side);
        self.apply();
        delivered
    }

    /// Writes and delivers until nothing is under way.
    pub(super) fn exchange(&mut self) {
        loop {
            let mut moved = false;
            for side in [CLIENT, SERVER] {
                moved |= self.pump(side);
                moved |= self.deliver(1 - side);
            }
            if !moved {
                return;
            }
        }
    }

    pub(super) fn tick(&mut self) {
        let now = self.world.now;
        for side in [CLIENT, SERVER] {
            let this = &mut self.world.sides[side];
            this.engine.on_time(now, &mut this.effects);
        }
        self.apply();
    }

    pub(super) fn close(&mut self, side: usize, code: u16) {
        let info = crate::protocol::CloseInfo::new(code, "enough", crate::protocol::ClosedBy::Local);
        let this = &mut self.world.sides[side];
        this.engine.close(info, &mut this.effects);
        self.apply();
    }

    /// The stream of `index`, opened and at its caller.
    pub(super) fn opened(&mut self, caller: usize, streams: Streams) -> usize {
        let index = self.call(caller, streams, 0, 30);
        self.exchange();
        self.open_stream(index);
        self.exchange();
        self.poll(index);
        assert!(self.lines[index].down.reader.is_some(), "{:?}", self.lines[index].call);
        index
    }

    pub(super) fn used(&self, side: usize) -> (u64, u64, u64, u64) {
        self.world.sides[side].engine.flows.used()
    }

    /// What holds at every step.
    pub(super) fn check(&self) {
        for side in [CLIENT, SERVER] {
            let engine = &self.world.sides[side].engine;
            let stats = engine.stats();
            assert_eq!(stats.violations, 0, "R12: an honest peer keeps to the limits");
            if let Some(info) = engine.closed() {
                assert!(info.code >= 4000 || info.code == 1001, "an honest peer is closed: {info}");
                assert_eq!((engine.streams(), engine.running()), (0, 0), "R15");
            }
        }
        for line in &self.lines {
            for way in [&line.up, &line.down] {
                assert!(way.sent.starts_with(&way.got), "R26: in order, none lost, none twice");
                match &way.end {
                    Some(StreamEnd::Completed) => {
                        assert!(way.completed, "R26: complete only where the producer says so");
                        assert_eq!(way.sent, way.got, "R26: a complete stream lacks nothing");
                    }
                    Some(StreamEnd::Closed(_)) => {
                        assert!(self.world.sides.iter().any(|side| side.engine.closed().is_some()));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Drops every handle, ends every handler, and looks for what is left.
    pub(super) fn drain(mut self) {
        for index in 0..self.lines.len() {
            self.poll(index);
            self.abandon(index);
            for up in [false, true] {
                self.drop_reader(index, up);
            }
        }
        for _ in 0..3 {
            self.exchange();
            for index in 0..self.lines.len() {
                self.finish(index, Verdict::Fail(crate::protocol::FailClass::Denied));
                self.finish_upload(index, Verdict::Completed);
            }
        }
        self.exchange();
        self.check();
        for side in [CLIENT, SERVER] {
            let engine = &self.world.sides[side].engine;
            assert_eq!((engine.pending(), engine.running(), engine.streams()), (0, 0, 0), "R18");
            assert_eq!(engine.entries(), 0, "R18: nothing is left behind");
            assert_eq!(self.used(side), (0, 0, 0, 0), "R18: slots, bytes and windows");
            assert!(!engine.pending.owes_cancels());
        }
    }
}
