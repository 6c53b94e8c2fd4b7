//! Whatever the two applications do and however the link delays it: items come in order, none twice, none lost where
//! the stream completes; an honest peer is never refused; and nothing is left at the end (R18, R26).

use proptest::collection::vec;
use proptest::prelude::*;

use super::pair::Pair;
use crate::codec::Body;
use crate::engine::tests::harness::{CLIENT, SERVER, Setup, cases, limits};
use crate::engine::{Put, Verdict};
use crate::limits::Limits;
use crate::protocol::FailClass;
use crate::service::Streams;

#[derive(Clone, Debug)]
enum Step {
    Call(usize, Streams, u8, u64),
    Poll(usize),
    Abandon(usize),
    Open(usize),
    Put(usize, bool, usize, usize),
    Read(usize, bool),
    DropReader(usize, bool),
    Finish(usize, u8),
    FinishUpload(usize, bool),
    Pump(usize),
    Deliver(usize),
    Exchange,
    Pass(u64),
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (which, side) = (0..12_usize, 0..2_usize);
    let streams = prop_oneof![Just(Streams::Down), Just(Streams::Up), Just(Streams::Both)];
    let size = prop_oneof![8 => 1..40_usize, 2 => 60..400_usize, 1 => Just(3_000_usize)];
    prop_oneof![
        6 => (side.clone(), streams, 0..3_u8, 1..40_u64).prop_map(|(side, streams, depth, seconds)| {
            Step::Call(side, streams, depth, seconds)
        }),
        5 => which.clone().prop_map(Step::Poll),
        1 => which.clone().prop_map(Step::Abandon),
        6 => which.clone().prop_map(Step::Open),
        14 => (which.clone(), any::<bool>(), size, 1..20_usize)
            .prop_map(|(which, up, size, count)| Step::Put(which, up, size, count)),
        10 => (which.clone(), any::<bool>()).prop_map(|(which, up)| Step::Read(which, up)),
        1 => (which.clone(), any::<bool>()).prop_map(|(which, up)| Step::DropReader(which, up)),
        2 => (which.clone(), 0..5_u8).prop_map(|(which, how)| Step::Finish(which, how)),
        2 => (which, any::<bool>()).prop_map(|(which, fails)| Step::FinishUpload(which, fails)),
        8 => side.clone().prop_map(Step::Pump),
        8 => side.clone().prop_map(Step::Deliver),
        6 => Just(Step::Exchange),
        1 => (0..4_u64).prop_map(Step::Pass),
    ]
}

fn narrow() -> impl Strategy<Value = Limits> {
    // Windows in which items come one by one, and such in which they come together.
    let items = prop_oneof![1..9_u32, Just(64)];
    let bytes = prop_oneof![1..300_usize, Just(8 << 10)];
    (1..4_u32, 1..4_u32, items, bytes, 0..3_000_usize, prop_oneof![1..3_000_usize, Just(1 << 20)]).prop_map(
        |(slots, streams, items, bytes, buffer, outbox)| {
            limits()
                .ping_interval(std::time::Duration::from_secs(3_600))
                .max_in_flight(slots)
                .max_streams(streams)
                .stream_items(items)
                .stream_bytes(bytes)
                .stream_buffer(buffer)
                .outbox_bytes(outbox)
        },
    )
}

impl Pair {
    fn play(&mut self, step: &Step) {
        let among = |which: usize| if self.lines.is_empty() { None } else { Some(which % self.lines.len()) };
        match *step {
            Step::Call(side, streams, depth, seconds) => {
                self.call(side, streams, depth, seconds);
            }
            Step::Poll(which) => among(which).into_iter().for_each(|line| self.poll(line)),
            Step::Abandon(which) => among(which).into_iter().for_each(|line| self.abandon(line)),
            Step::Open(which) => among(which).into_iter().for_each(|line| self.open_stream(line)),
            Step::Put(which, up, size, count) => {
                let Some(line) = among(which) else { return };
                if size % 2 == 0 {
                    self.put_gathered(line, up, size, count);
                    return;
                }
                for _ in 0..count {
                    if self.put(line, up, size) != Put::Taken {
                        break;
                    }
                }
            }
            Step::Read(which, up) => among(which).into_iter().for_each(|line| {
                self.read(line, up);
            }),
            Step::DropReader(which, up) => {
                among(which).into_iter().for_each(|line| self.drop_reader(line, up))
            }
            Step::Finish(which, how) => {
                let Some(line) = among(which) else { return };
                let down = self.lines[line].streams.down();
                let verdict = match how {
                    // Only what generated code gives: a value answers no call for a stream.
                    0 | 1 if down => Verdict::Completed,
                    0 | 1 => Verdict::Value(Body::from_bytes(&[1])),
                    2 => Verdict::Declared(Body::from_bytes(&[1, 2, 3])),
                    3 => Verdict::Internal(9),
                    _ => Verdict::Fail(FailClass::TooLarge),
                };
                self.finish(line, verdict);
            }
            Step::FinishUpload(which, fails) => {
                let Some(line) = among(which) else { return };
                let verdict = if fails { Verdict::Internal(3) } else { Verdict::Completed };
                self.finish_upload(line, verdict);
            }
            Step::Pump(side) => _ = self.pump(side),
            Step::Deliver(side) => _ = self.deliver(side),
            Step::Exchange => self.exchange(),
            Step::Pass(seconds) => {
                self.world.pass(std::time::Duration::from_secs(seconds));
                self.tick();
            }
            Step::Close(side) => self.close(side, 4001),
        }
    }

    /// Everybody reads to the end, and every producer that still can completes: nothing stands still.
    fn finish_all(&mut self) {
        for _ in 0..200 {
            self.exchange();
            let mut moved = false;
            for line in 0..self.lines.len() {
                self.poll(line);
                for up in [false, true] {
                    moved |= self.read(line, up);
                }
            }
            self.exchange();
            if !moved {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn streams_keep_their_word(
        limits in (narrow(), narrow()),
        budget in prop_oneof![4 => Just(None), 1 => Just(Some(64 << 10))],
        steps in vec(step(), 0..250),
        end in proptest::option::weighted(0.3, (0..2_usize, 0..100_usize)),
    ) {
        let mut steps = steps;
        if let Some((side, before_last)) = end {
            steps.insert(steps.len().saturating_sub(before_last), Step::Close(side));
        }
        let mut pair = Pair::open(Setup { client: limits.0, server: limits.1, budget });
        for step in &steps {
            pair.play(step);
            pair.check();
        }
        pair.finish_all();
        pair.check();
        pair.drain();
    }

    /// A stream of any items through any limits comes out as it went in.
    #[test]
    fn every_item_arrives(limits in (narrow(), narrow()), sizes in vec(1..500_usize, 0..120), up in any::<bool>()) {
        let mut pair = Pair::open(Setup { client: limits.0, server: limits.1, budget: None });
        let line = if up { pair.call(CLIENT, Streams::Up, 0, 30) } else { pair.opened(SERVER, Streams::Down) };
        pair.exchange();
        for size in &sizes {
            let mut tries = 0;
            while pair.put(line, up, *size) == Put::Wait {
                pair.exchange();
                pair.read(line, up);
                tries += 1;
                prop_assert!(tries < 20, "it stands still");
            }
        }
        if up {
            pair.exchange();
            pair.finish_upload(line, Verdict::Completed);
        } else {
            pair.finish(line, Verdict::Completed);
        }
        pair.exchange();
        while pair.read(line, up) {}
        let way = if up { &pair.lines[line].up } else { &pair.lines[line].down };
        prop_assert_eq!(way.got.len(), sizes.len());
        prop_assert!(matches!(way.end, Some(crate::engine::StreamEnd::Completed)));
        pair.check();
        pair.drain();
    }
}
