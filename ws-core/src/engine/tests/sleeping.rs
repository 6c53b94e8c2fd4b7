//! Handles use the engine while its driver sleeps: it is woken whenever they leave it something to write, or a deadline
//! that comes before it would look again; and not otherwise.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::harness::{Lone, SECOND, call, cases, limits, ms, ret};
use crate::codec::Body;
use crate::engine::{Begun, Key, Outgoing, Role, Sends};
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::service::{MethodId, Streams};

#[derive(Clone, Debug)]
enum Use {
    Begin {
        depth: u8,
        size: usize,
        deadline: u64,
        event: bool,
    },
    Poll(usize),
    Abandon(usize),
    /// The peer answers a call, which the driver reads.
    Reply(usize),
    /// The peer calls, which the driver reads.
    Called,
    Pass(u64),
}

fn uses() -> impl Strategy<Value = Use> {
    prop_oneof![
        4 => (0..3_u8, 0..3000_usize, 1..60_000_u64, any::<bool>())
            .prop_map(|(depth, size, deadline, event)| Use::Begin { depth, size, deadline, event }),
        2 => (0..100_usize).prop_map(Use::Poll),
        2 => (0..100_usize).prop_map(Use::Abandon),
        1 => (0..100_usize).prop_map(Use::Reply),
        1 => Just(Use::Called),
        1 => (0..5_000_u64).prop_map(Use::Pass),
    ]
}

/// One side and its driver, asleep until `told`.
struct Sleeper {
    lone: Lone,
    told: Option<std::time::Instant>,
    keys: Vec<Key>,
    calls: u64,
}

impl Sleeper {
    /// The driver writes what there is and sleeps again.
    fn turn(&mut self) {
        while self.lone.take().is_some() {}
        assert!(!self.lone.engine.has_output(), "nothing is left to write");
        self.told = self.lone.engine.next_time();
    }

    /// A handle has used the engine.
    fn woken(&mut self) {
        if self.lone.engine.needs_driver() {
            return self.turn();
        }
        assert!(self.lone.take().is_none(), "there is something to write, and the driver sleeps");
        let next = self.lone.engine.next_time();
        let later = match (next, self.told) {
            (Some(next), Some(told)) => told <= next,
            (Some(_), None) => false,
            (None, _) => true,
        };
        assert!(later, "something is due at {next:?}, and the driver sleeps until {:?}", self.told);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_driver_sleeps_over_nothing(
        slots in 1..4_u32,
        outbox in prop_oneof![Just(1_usize), Just(2000), Just(1 << 20)],
        steps in vec(uses(), 1..120),
    ) {
        let limits = limits().max_outgoing(slots).outbox_bytes(outbox).ping_interval(20 * SECOND);
        let mut sleeper = Sleeper {
            lone: Lone::active(Role::Client, limits),
            told: None,
            keys: Vec::new(),
            calls: 0,
        };
        sleeper.turn();
        for step in steps {
            let any = |which: usize| (!sleeper.keys.is_empty()).then(|| which % sleeper.keys.len());
            match step {
                Use::Begin { depth, size, deadline, event } => {
                    let message = Outgoing {
                        kind: if event { Sends::Event } else { Sends::Call },
                        streams: Streams::Nothing,
                        depth,
                        method: MethodId::of(if event { "T.event" } else { "T.call" }),
                        deadline: sleeper.lone.now + ms(deadline),
                        content: Body::from_bytes(&vec![0; size]).into(),
                        ..sleeper.lone.outgoing(0)
                    };
                    if let Begun::Entered(key) = sleeper.lone.begin(message) {
                        sleeper.keys.push(key);
                    }
                    sleeper.woken();
                }
                Use::Poll(which) => {
                    let Some(index) = any(which) else { continue };
                    if sleeper.lone.poll(sleeper.keys[index]).is_ready() {
                        sleeper.keys.swap_remove(index);
                    }
                    sleeper.woken();
                }
                Use::Abandon(which) => {
                    let Some(index) = any(which) else { continue };
                    let key = sleeper.keys.swap_remove(index);
                    sleeper.lone.abandon(key);
                    sleeper.woken();
                }
                Use::Reply(which) => {
                    let Some(index) = any(which) else { continue };
                    let id = sleeper.lone.id(sleeper.keys[index]);
                    sleeper.lone.send([ret(id, b"")]);
                    sleeper.turn();
                }
                Use::Called => {
                    sleeper.calls += 2;
                    sleeper.lone.send([call(sleeper.calls, b"")]);
                    sleeper.turn();
                }
                Use::Pass(milliseconds) => {
                    // It sleeps no longer than it was told.
                    let until = sleeper.told.map(|told| told.saturating_duration_since(sleeper.lone.now));
                    let passed = ms(milliseconds);
                    if until.is_some_and(|until| until <= passed) {
                        sleeper.lone.advance(until.unwrap_or(Duration::ZERO));
                        sleeper.turn();
                    } else {
                        sleeper.lone.now += passed;
                    }
                }
            }
            if sleeper.lone.closed().is_some() {
                prop_assert!(sleeper.lone.engine.needs_driver(), "the end is for the driver to carry out");
                return Ok(());
            }
        }
    }
}

/// The end is for the driver to carry out, though there may be nothing to write.
#[test]
fn the_driver_is_woken_to_close() {
    let asleep = || {
        let mut lone = Lone::active(Role::Server, limits());
        lone.engine.next_time();
        assert!(!lone.engine.needs_driver(), "nothing is to be done");
        lone
    };
    let mut lone = asleep();
    lone.close(CloseInfo::new(code::NORMAL, "", ClosedBy::Local));
    assert!(lone.engine.needs_driver());
    let mut lone = asleep();
    lone.send([call(1, b"")]);
    lone.engine.next_time();
    assert!(!lone.engine.needs_driver());
    lone.go_away(10 * SECOND);
    assert!(lone.engine.needs_driver());
}
