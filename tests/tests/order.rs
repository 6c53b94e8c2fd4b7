//! R12: the events of one connection are handled in the order of sending, whatever sends them and however long each
//! takes; calls start in that order and wait for nobody.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use tokio::sync::Semaphore;
use ws_core::{Limits, MessageHandle, ws_service};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
pub trait Work {
    /// Done at once.
    #[ws(event)]
    async fn quick(&self, number: u32);
    /// Done after some turns of the runtime.
    #[ws(event)]
    async fn slow(&self, number: u32, turns: u32);
    /// Beside the others.
    #[ws(event, concurrent)]
    async fn aside(&self, number: u32);
    /// In a task of its own, and in turn all the same.
    #[ws(event, spawn)]
    async fn elsewhere(&self, number: u32);
    /// Sent as an event, it is one.
    async fn told(&self, number: u32) -> u32;
    /// Waits until it is let go.
    async fn held(&self, number: u32) -> u32;
}

struct Worker {
    began: Arc<Mutex<Vec<u32>>>,
    ended: Arc<Mutex<Vec<u32>>>,
    gate: Arc<Semaphore>,
}

impl Worker {
    async fn work(&self, number: u32, turns: u32) {
        self.began.lock().expect("unpoisoned").push(number);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        self.ended.lock().expect("unpoisoned").push(number);
    }
}

impl Work for Worker {
    async fn quick(&self, number: u32) {
        self.work(number, 0).await;
    }
    async fn slow(&self, number: u32, turns: u32) {
        self.work(number, turns).await;
    }
    async fn aside(&self, _number: u32) {
        self.gate.acquire().await.expect("open").forget();
    }
    async fn elsewhere(&self, number: u32) {
        self.work(number, 2).await;
    }
    async fn told(&self, number: u32) -> u32 {
        self.work(number, 1).await;
        number
    }
    async fn held(&self, number: u32) -> u32 {
        self.began.lock().expect("unpoisoned").push(number);
        self.gate.acquire().await.expect("open").forget();
        number
    }
}

type Numbers = Arc<Mutex<Vec<u32>>>;

fn worker() -> (impl Fn(()) -> WorkProvider<Worker> + Send + Sync + 'static, Numbers, Numbers, Arc<Semaphore>)
{
    let (began, ended, gate) = (Numbers::default(), Numbers::default(), Arc::new(Semaphore::new(0)));
    let all = (Arc::clone(&began), Arc::clone(&ended), Arc::clone(&gate));
    let serves = move |()| {
        let (began, ended, gate) = all.clone();
        WorkProvider::new(Worker { began, ended, gate })
    };
    (serves, began, ended, gate)
}

#[tokio::test]
async fn r12_events_are_handled_in_the_order_of_sending_slow_and_quick_ones() {
    const EVENTS: u32 = 300;
    for way in ways() {
        let (serves, began, ended, gate) = worker();
        let limits = Limits::default().event_lane_messages(16);
        let ends = connect(way, &limits, serves, |_: WorkRemote| ()).await;
        let (remote, peer) = (ends.client.remote(), ends.client.peer());
        let seen = Numbers::default();
        let listened = Arc::clone(&seen);
        let _on =
            ends.serving.listen::<WorkEvent>().on(move |event: &WorkEvent, _: &MessageHandle| match event {
                WorkEvent::Aside { .. } | WorkEvent::Held { .. } => {}
                WorkEvent::Quick { number }
                | WorkEvent::Slow { number, .. }
                | WorkEvent::Elsewhere { number }
                | WorkEvent::Told { number } => listened.lock().expect("unpoisoned").push(*number),
            });
        for number in 0..EVENTS {
            let sent = match number % 6 {
                0 => remote.slow(number, number % 7).await.map(drop),
                1 => remote.quick(number).await.map(drop),
                2 => peer.send(WorkEvent::Told { number }).await.map(drop),
                3 => remote.elsewhere(number).await.map(drop),
                // Not awaited, and in its turn all the same.
                4 => peer.send(WorkEvent::Slow { number, turns: 3 }).start(),
                _ => peer.send(WorkEvent::Quick { number }).start(),
            };
            sent.expect("credit");
            if number % 50 == 0 {
                remote.aside(number).await.expect("credit");
            }
        }
        until_true(|| ended.lock().expect("unpoisoned").len() == EVENTS as usize).await;
        for numbers in [&began, &ended, &seen] {
            assert!(numbers.lock().expect("unpoisoned").iter().copied().eq(0..EVENTS));
        }
        gate.add_permits(100);
        until_true(|| ends.client.pending() == 0 && ends.serving.running() == 0).await;
    }
}

#[tokio::test]
async fn r12_calls_start_in_order_and_wait_neither_for_each_other_nor_for_events() {
    for way in ways() {
        let (serves, began, _, gate) = worker();
        let ends = connect(way, &Limits::default(), serves, |_: WorkRemote| ()).await;
        let remote = ends.client.remote();
        // Never ends by itself: the lane is held.
        remote.slow(1000, u32::MAX).await.expect("credit");
        remote.quick(1001).await.expect("credit");
        let held: Vec<_> = (0..20).map(|number| tokio::spawn(remote.held(number))).collect();
        until_true(|| began.lock().expect("unpoisoned").len() == 21).await;
        assert!(began.lock().expect("unpoisoned")[1..].iter().copied().eq(0..20));
        assert_eq!(remote.told(7).await, Ok(7), "a call that began last ends first");
        gate.add_permits(20);
        for (number, outcome) in join_all(held).await.into_iter().enumerate() {
            assert_eq!(outcome.expect("no panic"), Ok(number as u32));
        }
        assert!(!began.lock().expect("unpoisoned").contains(&1001), "it waits for the one before it");
    }
}
