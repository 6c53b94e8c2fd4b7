//! Two sides, the link between them, and the clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::side::{Answer, Kind, Plan, Side};
use super::{METHODS, limits, table};
use crate::engine::{Activation, Budget, Config, Engine, Role};
use crate::limits::Limits;
use crate::link::LinkOptions;
use crate::protocol::{CloseInfo, ClosedBy, code};

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// What a world is made from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) client: Limits,
    pub(crate) server: Limits,
    /// Bytes that the server may buffer.
    pub(crate) budget: Option<usize>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::both(limits())
    }

    pub(crate) fn both(limits: Limits) -> Self {
        Self { client: limits.clone(), server: limits, budget: None }
    }
}

/// What is under way to a side.
#[derive(Debug)]
pub(crate) enum Parcel {
    Batch(Bytes),
    Close(u16, String),
    Lost,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) setup: Setup,
    pub(crate) sides: [Side; 2],
    /// By receiver.
    pub(crate) wires: [VecDeque<Parcel>; 2],
    /// By sender: it sends nothing any more.
    pub(crate) hung_up: [bool; 2],
    /// The server said GOAWAY.
    pub(crate) leaving: bool,
    pub(super) watch: super::check::Watch,
}

impl World {
    /// Both engines, with the HELLO queued and nothing on the wires.
    pub(crate) fn unopened(setup: Setup) -> Self {
        let start = Instant::now();
        let engine = |role, limits: &Limits, budget: Option<usize>| {
            let known = [METHODS.as_slice(), &[crate::service::MethodSpec::call("T.unknown", "()->()", 1)]];
            let config = Config {
                reports: false,
                role,
                limits: Arc::new(limits.clone()),
                serves: table(&METHODS),
                calls: table(&known.concat()),
                budget: budget.map(Budget::new),
                options: LinkOptions::default(),
            };
            Engine::new(config, start)
        };
        let mut client = engine(Role::Client, &setup.client, None);
        client.say_hello(b"header".to_vec());
        let server = engine(Role::Server, &setup.server, setup.budget);
        Self {
            now: start,
            sides: [Side::new(Role::Client, client), Side::new(Role::Server, server)],
            wires: Default::default(),
            hung_up: [false; 2],
            leaving: false,
            watch: Default::default(),
            setup,
        }
    }

    /// Activated on both sides.
    pub(crate) fn open(setup: Setup) -> Self {
        let mut world = Self::unopened(setup);
        world.settle();
        assert_eq!(world.activation(SERVER), Poll::Ready(Activation::Header(b"header".to_vec())));
        world.accept();
        world.settle();
        assert_eq!(world.activation(CLIENT), Poll::Ready(Activation::Accepted));
        world
    }

    pub(crate) fn activation(&mut self, side: usize) -> Poll<Activation> {
        self.sides[side].engine.poll_activation(&Context::from_waker(Waker::noop()))
    }

    pub(crate) fn accept(&mut self) -> bool {
        let accepted = {
            let server = &mut self.sides[SERVER];
            server.engine.accept(self.now, &mut server.effects).is_ok()
        };
        self.sides[SERVER].apply(self.now);
        accepted
    }

    pub(crate) fn limits(&self, side: usize) -> &Limits {
        if side == CLIENT { &self.setup.client } else { &self.setup.server }
    }

    pub(crate) fn begin(&mut self, side: usize, plan: Plan) -> usize {
        self.sides[side].begin(self.now, plan)
    }

    /// A call of this depth with a small body and half a minute.
    pub(crate) fn call(&mut self, side: usize, depth: u8) -> usize {
        self.call_of(side, depth, 10)
    }

    pub(crate) fn call_of(&mut self, side: usize, depth: u8, size: usize) -> usize {
        self.begin(side, Plan { kind: Kind::Call, depth, size, deadline: self.now + 30 * super::SECOND })
    }

    pub(crate) fn event(&mut self, side: usize, size: usize) -> usize {
        self.begin(side, Plan { kind: Kind::Event, depth: 0, size, deadline: self.now + 5 * super::SECOND })
    }

    pub(crate) fn poll(&mut self, side: usize, ticket: usize) {
        self.sides[side].poll(self.now, ticket);
    }

    pub(crate) fn abandon(&mut self, side: usize, ticket: usize) {
        self.sides[side].abandon(self.now, ticket);
    }

    pub(crate) fn answer(&mut self, side: usize, handler: usize, answer: Answer) {
        self.sides[side].answer(self.now, handler, answer);
    }

    /// What the driver of `side` does when its socket is writable: verdicts in, one batch out. False: nothing to do.
    pub(crate) fn pump(&mut self, side: usize) -> bool {
        let this = &mut self.sides[side];
        this.hand_over(self.now);
        if self.hung_up[side] {
            return false;
        }
        let announced = this.engine.has_output();
        let batch = this.engine.take_batch(self.now, &mut this.effects).map(super::frames::binary);
        assert_eq!(announced, batch.is_some(), "a driver sleeps over output that is not announced");
        this.apply(self.now);
        if let Some(batch) = batch {
            self.watch.written(side, this, &batch);
            self.wires[1 - side].push_back(Parcel::Batch(batch));
            return true;
        }
        let Some(info) = self.sides[side].engine.closed() else { return false };
        let farewell = match info.by {
            ClosedBy::Network => Parcel::Lost,
            ClosedBy::Local | ClosedBy::Peer => Parcel::Close(info.code, info.reason.clone()),
        };
        self.hung_up[side] = true;
        self.wires[1 - side].push_back(farewell);
        true
    }

    /// Hands over what has been under way to `side` for longest.
    pub(crate) fn deliver(&mut self, side: usize) -> bool {
        let Some(parcel) = self.wires[side].pop_front() else { return false };
        match parcel {
            Parcel::Batch(batch) => self.receive(side, &batch),
            Parcel::Close(code, reason) => self.end(side, CloseInfo::new(code, reason, ClosedBy::Peer)),
            Parcel::Lost => self.end(side, lost()),
        }
        true
    }

    pub(crate) fn receive(&mut self, side: usize, message: &Bytes) {
        let this = &mut self.sides[side];
        this.engine.receive(self.now, message, &mut this.effects);
        this.apply(self.now);
    }

    pub(crate) fn end(&mut self, side: usize, info: CloseInfo) {
        let this = &mut self.sides[side];
        this.engine.close(info, &mut this.effects);
        this.apply(self.now);
    }

    pub(crate) fn close(&mut self, side: usize, code: u16, reason: &str) {
        self.end(side, CloseInfo::new(code, reason, ClosedBy::Local));
    }

    /// The socket of `side` breaks: what is under way to it is lost, what it has sent may still arrive.
    pub(crate) fn break_socket(&mut self, side: usize) {
        self.wires[side].clear();
        if !self.hung_up[side] {
            self.hung_up[side] = true;
            self.wires[1 - side].push_back(Parcel::Lost);
        }
        self.end(side, lost());
    }

    pub(crate) fn go_away(&mut self, drain: Duration) {
        self.leaving = true;
        let this = &mut self.sides[SERVER];
        this.engine.go_away(self.now, drain, &mut this.effects);
        this.apply(self.now);
    }

    /// Time passes, and no timer fires yet.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// The timer of `side` fires, whether or not something is due.
    pub(crate) fn tick(&mut self, side: usize) {
        let this = &mut self.sides[side];
        this.engine.on_time(self.now, &mut this.effects);
        this.apply(self.now);
    }

    /// Time passes, and both timers fire at its end.
    pub(crate) fn advance(&mut self, duration: Duration) {
        self.pass(duration);
        self.tick(CLIENT);
        self.tick(SERVER);
    }

    /// When one of the engines wants to be called next.
    pub(crate) fn next_time(&mut self) -> Option<Instant> {
        let [client, server] = &mut self.sides;
        [client.engine.next_time(), server.engine.next_time()].into_iter().flatten().min()
    }

    /// Polls every future that was woken, once.
    pub(crate) fn poll_woken(&mut self) -> bool {
        let mut polled = false;
        for side in [CLIENT, SERVER] {
            for index in 0..self.sides[side].tickets.len() {
                let ticket = &self.sides[side].tickets[index];
                if ticket.is_open() && ticket.alarm.rang() {
                    self.poll(side, index);
                    polled = true;
                }
            }
        }
        polled
    }

    /// Polls what was woken, writes and delivers, until nothing moves; handlers stay as they are. Only what was woken
    /// is polled, so that a lost wake-up leaves something undone.
    pub(crate) fn settle(&mut self) {
        for rounds in 0.. {
            assert!(rounds < 100_000, "it never comes to rest");
            let mut moved = self.poll_woken();
            for side in [CLIENT, SERVER] {
                moved |= self.pump(side);
                moved |= self.deliver(1 - side);
            }
            if !moved {
                break;
            }
        }
        self.nothing_was_missed();
    }

    /// [`settle`](Self::settle), with every handler answering as it starts.
    pub(crate) fn settle_answering(&mut self) {
        loop {
            self.settle();
            let mut answered = false;
            for side in &mut self.sides {
                while let Some(index) =
                    side.handlers.iter().position(|handler| !handler.answered && handler.flow.is_none())
                {
                    side.answer(self.now, index, Answer::Value(3));
                    answered = true;
                }
            }
            if !answered {
                return;
            }
        }
    }

    /// No future would get on if it were polled now.
    fn nothing_was_missed(&mut self) {
        for side in &mut self.sides {
            for index in 0..side.tickets.len() {
                side.poll_spuriously(self.now, index);
            }
        }
    }
}

pub(crate) fn lost() -> CloseInfo {
    CloseInfo::new(code::ABNORMAL, "the connection was lost", ClosedBy::Network)
}
