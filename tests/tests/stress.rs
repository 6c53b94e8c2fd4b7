//! R11, R12, R18: everything at once, at wide and at the narrowest limits, over every carrier and encoding: nothing
//! hangs, nothing is lost, nobody is blamed, and nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use ws_core::{CallOptions, Limits, ws_service};
use ws_tests::fixture::{connect, until_true, ways};
use ws_tests::raw::in_time;

/// How long each carrier with each encoding is driven.
const TIME: Duration = Duration::from_millis(400);
const TASKS: u64 = 24;

#[ws_service]
trait Left {
    async fn work(&self, data: Vec<u8>, ms: u64) -> Vec<u8>;
    async fn down(&self, levels: u32) -> u32;
    #[ws(spawn)]
    async fn apart(&self, ms: u64) -> u64;
    #[ws(event)]
    async fn memo(&self, data: Vec<u8>);
}

#[ws_service]
trait Right {
    async fn down(&self, levels: u32) -> u32;
    #[ws(event)]
    async fn note(&self, data: Vec<u8>);
}

struct LeftSide {
    back: RightRemote,
    memos: Arc<AtomicUsize>,
}

struct RightSide(LeftRemote);

impl Left for LeftSide {
    async fn work(&self, data: Vec<u8>, ms: u64) -> Vec<u8> {
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
        data
    }
    async fn down(&self, levels: u32) -> u32 {
        if levels == 0 { 0 } else { 1 + self.back.down(levels - 1).await.expect("a nested call") }
    }
    async fn apart(&self, ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }
    async fn memo(&self, data: Vec<u8>) {
        self.memos.fetch_add(1, Ordering::SeqCst);
        if data.len() % 3 == 0 {
            tokio::task::yield_now().await;
            self.back.note(data).await.expect("an event of an event");
        }
    }
}

impl Right for RightSide {
    async fn down(&self, levels: u32) -> u32 {
        if levels == 0 { 0 } else { 1 + self.0.down(levels - 1).await.expect("a nested call") }
    }
    async fn note(&self, _data: Vec<u8>) {}
}

/// Xorshift: every run asks the same, though not at the same moments.
struct Random(u64);

impl Random {
    const fn of(task: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ (task + 1))
    }

    const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    const fn ms(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// Uses the remote in every way; gives how many events it sent.
async fn drive(remote: LeftRemote, mut random: Random, until: Instant) -> usize {
    let mut sent = 0;
    while Instant::now() < until {
        let size = match random.below(10) {
            0 => 20_000,
            1 => 3_000,
            small => 7 * small as usize,
        };
        match random.below(8) {
            0 | 1 => {
                let data = remote.work(vec![1; size], random.below(3)).await.expect("a value");
                assert_eq!(data.len(), size);
            }
            // Dropped, at any point of its way.
            2 => drop(timeout(random.ms(3), remote.work(vec![1; size], 50)).await),
            3 => {
                let levels = random.below(6) as u32;
                assert_eq!(remote.down(levels).await, Ok(levels));
            }
            // Too short, perhaps.
            4 => {
                let deadline = Duration::from_millis(1) + random.ms(5);
                drop(remote.with(CallOptions::new().deadline(deadline)).work(Vec::new(), 3).await);
            }
            5 => drop(remote.apart(random.below(3)).await.expect("a value")),
            _ => {
                remote.memo(vec![2; size]).await.expect("sent");
                sent += 1;
            }
        }
        if random.below(16) == 0 {
            sleep(random.ms(4)).await;
        }
    }
    sent
}

async fn stress(limits: Limits) {
    for way in ways() {
        let memos = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&memos);
        let ends = connect(
            way,
            &limits,
            move |back| LeftProvider::new(LeftSide { back, memos: Arc::clone(&count) }),
            |left| RightProvider::new(RightSide(left)),
        )
        .await;
        let until = Instant::now() + TIME;
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(drive(ends.client.remote().clone(), Random::of(task), until)))
            .collect();
        let mut sent = 0;
        for task in tasks {
            sent += in_time("a task", task).await.expect("no panic");
        }
        let (client, serving) = (&ends.client, &ends.serving);
        until_true(|| memos.load(Ordering::SeqCst) == sent).await;
        until_true(|| client.pending() + client.running() + serving.pending() + serving.running() == 0).await;
        assert_eq!((client.stats().violations, serving.stats().violations), (0, 0), "{way:?}");
        assert_eq!(memos.load(Ordering::SeqCst), sent, "{way:?}: an event came twice");
        let info = in_time("the close", client.close()).await;
        assert!(info.clean, "{way:?}: {info}");
        in_time("the close", ends.server.close()).await;
    }
}

/// A broken one would lose a wake-up or an event, or leave a call behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_everything_at_once_with_room() {
    stress(Limits::default()).await;
}

/// As above, where queues and lanes are full all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_everything_at_once_through_narrow_lanes() {
    let limits = Limits::default().max_in_flight(2).event_lane_messages(2);
    stress(limits.outbox_bytes(4096).outbox_reserve(12 << 10)).await;
}

/// As above, with one of everything: what waits for what it holds up itself stands still for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_everything_at_once_through_the_eye_of_a_needle() {
    let limits = Limits::default().max_in_flight(1).max_outgoing(1);
    stress(limits.event_lane_messages(1).event_lane_bytes(10).outbox_bytes(1)).await;
}
