//! How the calls of one method queue on one connection: `serial`, `busy`, `latest`. Handlers tell what they do, and go on
//! when the test lets them: nothing here waits on time but the deadlines that are the point.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, error::TryRecvError, unbounded_channel};
use ws_client::WebSocketConnector;
use ws_core::{CallContext, CallError, CallOptions, Encoding, Fate, Limits, ws_service};
use ws_tests::fixture::{Carrier, Ends, connect, until_true, ways};

#[ws_service]
pub trait Queue {
    #[ws(serial)]
    async fn serial(&self, number: u32) -> u32;
    #[ws(serial)]
    async fn other(&self, number: u32) -> u32;
    #[ws(serial, spawn)]
    async fn spawned(&self, number: u32) -> u32;
    #[ws(busy)]
    async fn busy(&self, number: u32) -> u32;
    #[ws(latest)]
    async fn latest(&self, number: u32) -> u32;
    #[ws(latest, spawn)]
    async fn spawned_latest(&self, number: u32) -> u32;
    async fn plain(&self, number: u32) -> u32;
}

/// What a handler tells the test: it began, or it is gone, with `true` where it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Began(u32),
    Gone(u32, bool),
}

use Told::{Began, Gone};

/// Handlers that tell, and wait for the test.
#[derive(Clone)]
struct Desk {
    told: UnboundedSender<Told>,
    gate: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Inside {
    desk: Desk,
    number: u32,
    done: bool,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.desk.inside.fetch_sub(1, Ordering::SeqCst);
        let _ = self.desk.told.send(Gone(self.number, self.done));
    }
}

impl Desk {
    fn new() -> (Self, UnboundedReceiver<Told>) {
        let (told, listen) = unbounded_channel();
        let desk =
            Self { told, gate: Arc::new(Semaphore::new(0)), inside: Arc::default(), most: Arc::default() };
        (desk, listen)
    }

    async fn handle(&self, number: u32) -> u32 {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let mut here = Inside { desk: self.clone(), number, done: false };
        let _ = self.told.send(Began(number));
        self.gate.acquire().await.expect("it stays open").forget();
        here.done = true;
        number
    }
}

impl Queue for Desk {
    async fn serial(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn other(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn spawned(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn busy(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn latest(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn spawned_latest(&self, number: u32) -> u32 {
        self.handle(number).await
    }
    async fn plain(&self, number: u32) -> u32 {
        self.handle(number).await
    }
}

type Desks = Ends<QueueProvider<Desk>, (), QueueRemote>;

async fn desks(way: (Carrier, Encoding), limits: &Limits) -> (Desks, Desk, UnboundedReceiver<Told>) {
    let (desk, told) = Desk::new();
    let serves = desk.clone();
    let ends =
        connect(way, limits, move |(): ()| QueueProvider::new(serves.clone()), |_: QueueRemote| ()).await;
    (ends, desk, told)
}

/// The next thing that a handler tells.
async fn next(told: &mut UnboundedReceiver<Told>) -> Told {
    tokio::time::timeout(Duration::from_secs(20), told.recv()).await.expect("it is told").expect("open")
}

async fn arrived(ends: &Desks, calls: u64) {
    until_true(|| ends.serving.stats().calls_received == calls).await;
}

async fn nothing_is_left(ends: &Desks) {
    until_true(|| ends.serving.running() == 0 && ends.client.pending() == 0).await;
}

#[tokio::test]
async fn serial_calls_run_one_at_a_time_in_the_order_of_their_arrival() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let calls: Vec<_> = (0..20).map(|i| tokio::spawn(remote.serial(i))).collect();
        arrived(&ends, 20).await;
        for number in 0..20 {
            assert_eq!(next(&mut told).await, Began(number));
            assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "one at a time");
            desk.gate.add_permits(1);
            assert_eq!(next(&mut told).await, Gone(number, true));
        }
        for (number, call) in (0..).zip(calls) {
            assert_eq!(call.await.expect("no panic"), Ok(number));
        }
        assert_eq!(desk.most.load(Ordering::SeqCst), 1);
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn queues_are_of_one_method_each_and_others_pass_them() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let calls = [remote.serial(1), remote.serial(2), remote.other(3), remote.plain(4), remote.plain(5)];
        let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
        arrived(&ends, 5).await;
        for number in [1, 3, 4, 5] {
            assert_eq!(next(&mut told).await, Began(number));
        }
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "the second of one method waits");
        desk.gate.add_permits(5);
        for call in calls {
            assert!(call.await.expect("no panic").is_ok());
        }
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn queues_are_of_one_connection_each() {
    let (ends, desk, mut told) = desks((Carrier::Socket, Encoding::available()[0]), &Limits::default()).await;
    // Behind the same provider, on a second connection.
    let serves = desk.clone();
    let second = connect(
        (Carrier::Memory, Encoding::available()[0]),
        &Limits::default(),
        move |(): ()| QueueProvider::new(serves.clone()),
        |_: QueueRemote| (),
    )
    .await;
    let first = tokio::spawn(ends.client.remote().serial(1));
    assert_eq!(next(&mut told).await, Began(1));
    let other = tokio::spawn(second.client.remote().serial(2));
    assert_eq!(next(&mut told).await, Began(2), "R12: beside the first");
    desk.gate.add_permits(2);
    assert_eq!((first.await.expect("no panic"), other.await.expect("no panic")), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn one_contract_at_two_places_has_two_queues() {
    #[ws_service]
    trait Pair {
        #[ws(nested)]
        fn left(&self) -> &impl Queue;
        #[ws(nested)]
        fn right(&self) -> &impl Queue;
    }
    struct Both(Desk);
    impl Pair for Both {
        fn left(&self) -> &impl Queue {
            &self.0
        }
        fn right(&self) -> &impl Queue {
            &self.0
        }
    }
    for way in ways() {
        let (desk, mut told) = Desk::new();
        let serves = desk.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| PairProvider::new(Both(serves.clone())),
            |_: PairRemote| (),
        )
        .await;
        let (left, right) = (ends.client.remote().left(), ends.client.remote().right());
        let calls: Vec<_> = [left.serial(1), left.serial(2), right.serial(3), left.spawned(4), right.busy(5)]
            .into_iter()
            .map(tokio::spawn)
            .collect();
        until_true(|| ends.serving.stats().calls_received == 5).await;
        let mut began = Vec::new();
        for _ in 0..4 {
            began.push(next(&mut told).await);
        }
        assert!(!began.contains(&Began(2)), "{began:?}");
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        desk.gate.add_permits(5);
        for call in calls {
            assert!(call.await.expect("no panic").is_ok());
        }
    }
}

#[tokio::test]
async fn r14_a_call_that_is_dropped_in_the_queue_never_runs() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let calls: Vec<_> = (0..4).map(|i| tokio::spawn(remote.serial(i))).collect();
        arrived(&ends, 4).await;
        assert_eq!(next(&mut told).await, Began(0));
        calls[1].abort();
        calls[3].abort();
        until_true(|| ends.serving.running() == 2).await;
        desk.gate.add_permits(2);
        for expected in [Gone(0, true), Began(2), Gone(2, true)] {
            assert_eq!(next(&mut told).await, expected);
        }
        nothing_is_left(&ends).await;
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "neither of the dropped ones ran");
    }
}

#[tokio::test]
async fn r14_dropping_the_running_call_lets_the_next_begin_after_it_is_gone() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let calls: Vec<_> = (0..3).map(|i| tokio::spawn(remote.serial(i))).collect();
        arrived(&ends, 3).await;
        assert_eq!(next(&mut told).await, Began(0));
        calls[0].abort();
        for expected in [Gone(0, false), Began(1)] {
            assert_eq!(next(&mut told).await, expected);
        }
        desk.gate.add_permits(2);
        for expected in [Gone(1, true), Began(2), Gone(2, true)] {
            assert_eq!(next(&mut told).await, expected);
        }
        assert_eq!(desk.most.load(Ordering::SeqCst), 1);
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn r14_a_deadline_passes_in_the_queue_too() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let first = tokio::spawn(remote.serial(0));
        assert_eq!(next(&mut told).await, Began(0));
        let hurried = remote.with(CallOptions::new().deadline(Duration::from_millis(20)));
        let late = hurried.serial(1).await;
        assert_eq!(late, Err(CallError::Timeout(Fate::Unknown)), "it was sent, and the caller cannot know");
        until_true(|| ends.serving.running() == 1).await;
        desk.gate.add_permits(1);
        assert_eq!(first.await.expect("no panic"), Ok(0));
        assert_eq!(next(&mut told).await, Gone(0, true));
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "what waited never ran");
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn r14_a_deadline_of_the_running_call_lets_the_next_begin() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let hurried = remote.with(CallOptions::new().deadline(Duration::from_millis(40)));
        let late = tokio::spawn(hurried.serial(0));
        assert_eq!(next(&mut told).await, Began(0));
        let second = tokio::spawn(remote.serial(1));
        assert_eq!(late.await.expect("no panic"), Err(CallError::Timeout(Fate::Unknown)));
        for expected in [Gone(0, false), Began(1)] {
            assert_eq!(next(&mut told).await, expected);
        }
        desk.gate.add_permits(1);
        assert_eq!(second.await.expect("no panic"), Ok(1));
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn a_panic_passes_the_turn_on() {
    #[ws_service]
    trait Fragile {
        #[ws(serial)]
        async fn step(&self, number: u32) -> u32;
        #[ws(serial, spawn)]
        async fn spawned(&self, number: u32) -> u32;
        #[ws(busy)]
        async fn busy(&self, number: u32) -> u32;
    }
    struct Glass;
    impl Fragile for Glass {
        async fn step(&self, number: u32) -> u32 {
            assert!(number % 2 == 0, "odd");
            number
        }
        async fn spawned(&self, number: u32) -> u32 {
            self.step(number).await
        }
        async fn busy(&self, number: u32) -> u32 {
            self.step(number).await
        }
    }
    for way in ways() {
        let ends =
            connect(way, &Limits::default(), |(): ()| FragileProvider::new(Glass), |_: FragileRemote| ())
                .await;
        let remote = ends.client.remote();
        let inline = join_all((0..10).map(|i| remote.step(i))).await;
        let spawned = join_all((0..10).map(|i| remote.spawned(i))).await;
        for outcomes in [inline, spawned] {
            for (number, outcome) in (0..).zip(outcomes) {
                match outcome {
                    Ok(even) => assert_eq!((even, even % 2), (number, 0)),
                    Err(error) => {
                        assert!(matches!(error, CallError::Internal(_)) && number % 2 == 1, "{error:?}")
                    }
                }
            }
        }
        for number in [1, 2, 3, 4] {
            assert_eq!(remote.busy(number).await.is_ok(), number % 2 == 0, "a panic does not stay busy");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serial_calls_in_tasks_of_their_own_run_one_at_a_time_as_well() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote().clone();
        let calls = tokio::spawn(async move { join_all((0..10).map(|i| remote.spawned(i))).await });
        arrived(&ends, 10).await;
        for number in 0..10 {
            assert_eq!(next(&mut told).await, Began(number));
            assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
            desk.gate.add_permits(1);
            assert_eq!(next(&mut told).await, Gone(number, true));
        }
        assert_eq!(calls.await.expect("no panic"), (0..10).map(Ok).collect::<Vec<_>>());
        assert_eq!(desk.most.load(Ordering::SeqCst), 1);
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn busy_refuses_the_second_at_once_and_takes_one_again_after_the_first() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let first = tokio::spawn(remote.busy(1));
        assert_eq!(next(&mut told).await, Began(1));
        for _ in 0..100 {
            let refused = remote.busy(2).await.expect_err("it is busy");
            assert_eq!((refused.fate(), refused), (Fate::NotSent, CallError::Overloaded));
        }
        assert_eq!(ends.serving.stats().violations, 0, "to find it busy breaks no rule");
        desk.gate.add_permits(1);
        assert_eq!(first.await.expect("no panic"), Ok(1));
        assert_eq!(next(&mut told).await, Gone(1, true));
        desk.gate.add_permits(1);
        assert_eq!(remote.busy(3).await, Ok(3));
        for expected in [Began(3), Gone(3, true)] {
            assert_eq!(next(&mut told).await, expected);
        }
        // One that was dropped is busy no more.
        let dropped = tokio::spawn(remote.busy(4));
        assert_eq!(next(&mut told).await, Began(4));
        dropped.abort();
        assert_eq!(next(&mut told).await, Gone(4, false));
        desk.gate.add_permits(1);
        assert_eq!(remote.busy(5).await, Ok(5));
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn latest_cancels_the_running_one_and_drops_its_handler_first() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let mut before = tokio::spawn(remote.latest(0));
        assert_eq!(next(&mut told).await, Began(0));
        for number in 1..6 {
            let after = tokio::spawn(remote.latest(number));
            assert_eq!(before.await.expect("no panic"), Err(CallError::Cancelled(Fate::Unknown)));
            assert_eq!(next(&mut told).await, Gone(number - 1, false), "dropped before the next begins");
            assert_eq!(next(&mut told).await, Began(number));
            before = after;
        }
        desk.gate.add_permits(1);
        assert_eq!(before.await.expect("no panic"), Ok(5));
        assert_eq!(desk.most.load(Ordering::SeqCst), 1);
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn of_many_at_once_only_the_latest_answers() {
    for way in ways() {
        let (ends, desk, _told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote().clone();
        let calls = tokio::spawn(async move { join_all((0..30).map(|i| remote.latest(i))).await });
        arrived(&ends, 30).await;
        desk.gate.add_permits(1);
        let mut outcomes = calls.await.expect("no panic");
        assert_eq!(outcomes.pop(), Some(Ok(29)));
        assert!(
            outcomes.iter().all(|outcome| *outcome == Err(CallError::Cancelled(Fate::Unknown))),
            "{outcomes:?}"
        );
        nothing_is_left(&ends).await;
        assert_eq!(ends.client.stats().stray_replies, 0, "R13: one answer each");
    }
}

#[tokio::test]
async fn latest_aborts_a_handler_in_a_task_of_its_own() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote();
        let first = tokio::spawn(remote.spawned_latest(0));
        assert_eq!(next(&mut told).await, Began(0));
        let second = tokio::spawn(remote.spawned_latest(1));
        assert_eq!(first.await.expect("no panic"), Err(CallError::Cancelled(Fate::Unknown)));
        let mut both = [next(&mut told).await, next(&mut told).await];
        both.sort_by_key(|told| matches!(told, Began(_)));
        assert_eq!(both, [Gone(0, false), Began(1)]);
        desk.gate.add_permits(1);
        assert_eq!(second.await.expect("no panic"), Ok(1));
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn a_queue_holds_slots_and_what_finds_none_waits_at_its_sender() {
    for way in ways() {
        let (ends, desk, mut told) = desks(way, &Limits::default().max_in_flight(3)).await;
        let remote = ends.client.remote().clone();
        let calls = tokio::spawn(async move { join_all((0..12).map(|i| remote.serial(i))).await });
        arrived(&ends, 3).await;
        assert_eq!(next(&mut told).await, Began(0));
        assert_eq!((ends.serving.running(), ends.client.pending()), (3, 12));
        let plain = tokio::spawn(ends.client.remote().plain(99));
        until_true(|| ends.client.pending() == 13).await;
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "R12: the queue has all the slots");
        desk.gate.add_permits(13);
        let mut begun = Vec::new();
        while begun.len() < 12 {
            if let Began(number) = next(&mut told).await {
                begun.push(number);
            }
        }
        begun.retain(|number| *number != 99);
        assert_eq!(begun, (1..12).collect::<Vec<_>>());
        assert_eq!(calls.await.expect("no panic"), (0..12).map(Ok).collect::<Vec<_>>());
        assert_eq!(plain.await.expect("no panic"), Ok(99));
        assert_eq!(ends.serving.stats().violations, 0);
        nothing_is_left(&ends).await;
    }
}

#[tokio::test]
async fn r15_closing_fails_what_queues_and_starts_nothing_afterwards() {
    for way in ways() {
        let (ends, _desk, mut told) = desks(way, &Limits::default()).await;
        let remote = ends.client.remote().clone();
        let calls = tokio::spawn(async move { join_all((0..5).map(|i| remote.serial(i))).await });
        arrived(&ends, 5).await;
        assert_eq!(next(&mut told).await, Began(0));
        ends.serving.close_with(4321, "enough").await;
        for outcome in calls.await.expect("no panic") {
            let Err(CallError::Closed(info)) = outcome else { panic!("{outcome:?}") };
            assert_eq!(info.code, 4321);
        }
        ends.serving.closed().await;
        ends.client.closed().await;
        assert_eq!(next(&mut told).await, Gone(0, false));
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "nothing was started");
        assert_eq!((ends.client.pending(), ends.serving.running()), (0, 0));
    }
}

#[tokio::test]
async fn r3_a_server_that_drains_lets_the_queue_finish() {
    let (desk, mut told) = Desk::new();
    let server = ws_server::WebSocketServer::<(), QueueProvider<Desk>, ()>::builder()
        .drain(Duration::from_secs(20))
        .build()
        .expect("good limits");
    let serves = desk.clone();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let provider = QueueProvider::new(serves.clone());
            async move {
                acceptor.accept(provider).await?;
                Ok(())
            }
        })
        .await
        .expect("a free port");
    let connector = WebSocketConnector::<(), (), QueueRemote>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await.expect("a connection");
    let remote = connection.remote().clone();
    let calls = tokio::spawn(async move { join_all((0..4).map(|i| remote.serial(i))).await });
    until_true(|| server.connections()[0].stats().calls_received == 4).await;
    assert_eq!(next(&mut told).await, Began(0));
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    desk.gate.add_permits(4);
    assert_eq!(calls.await.expect("no panic"), (0..4).map(Ok).collect::<Vec<_>>());
    closing.await.expect("no panic");
    assert_eq!(connection.closed().await.code, 1001);
}

/// Two sides that call each other, each with a serial method.
#[ws_service]
pub trait Ping {
    /// Calls back as often as it says, from inside.
    #[ws(serial)]
    async fn serve(&self, times: u32) -> Result<u32, String>;
    /// The same, beside the queue.
    async fn bounce(&self, times: u32) -> Result<u32, String>;
    /// Tells that it began, waits for the test, then calls nobody.
    #[ws(serial)]
    async fn quiet(&self, ctx: &CallContext, number: u32) -> u8;
}

#[ws_service]
pub trait Pong {
    #[ws(serial)]
    async fn serve(&self, times: u32) -> Result<u32, String>;
    async fn bounce(&self, times: u32) -> Result<u32, String>;
    /// Calls `quiet` of the other side.
    async fn ask_quiet(&self, number: u32) -> Result<u8, String>;
}

struct PingSide {
    other: PongRemote,
    desk: Desk,
}

struct PongSide(PingRemote);

fn text<E: std::fmt::Debug>(error: CallError<E>) -> String {
    let text = format!("{error:?}");
    // What the other side says is said of it once.
    if text.contains("Overloaded") { "Overloaded".to_owned() } else { text }
}

impl Ping for PingSide {
    async fn serve(&self, times: u32) -> Result<u32, String> {
        if times == 0 { Ok(0) } else { Ok(1 + self.other.serve(times - 1).await.map_err(text)?) }
    }
    async fn bounce(&self, times: u32) -> Result<u32, String> {
        if times == 0 { Ok(0) } else { Ok(1 + self.other.bounce(times - 1).await.map_err(text)?) }
    }
    async fn quiet(&self, ctx: &CallContext, number: u32) -> u8 {
        self.desk.handle(number).await;
        ctx.depth()
    }
}

impl Pong for PongSide {
    async fn serve(&self, times: u32) -> Result<u32, String> {
        if times == 0 { Ok(0) } else { Ok(1 + self.0.serve(times - 1).await.map_err(text)?) }
    }
    async fn bounce(&self, times: u32) -> Result<u32, String> {
        if times == 0 { Ok(0) } else { Ok(1 + self.0.bounce(times - 1).await.map_err(text)?) }
    }
    async fn ask_quiet(&self, number: u32) -> Result<u8, String> {
        self.0.quiet(number).await.map_err(text)
    }
}

type Table = Ends<PingProvider<PingSide>, PongRemote, PingRemote>;

async fn table(way: (Carrier, Encoding), limits: &Limits) -> (Table, Desk, UnboundedReceiver<Told>) {
    let (desk, told) = Desk::new();
    let serves = desk.clone();
    let ends = connect(
        way,
        limits,
        move |other| PingProvider::new(PingSide { other, desk: serves.clone() }),
        |remote| PongProvider::new(PongSide(remote)),
    )
    .await;
    (ends, desk, told)
}

#[tokio::test]
async fn r11_a_nested_call_into_a_serial_method_whose_call_awaits_is_overloaded_and_nothing_deadlocks() {
    for limits in [Limits::default().max_in_flight(1), Limits::default()] {
        for way in ways() {
            let (ends, _desk, _told) = table(way, &limits).await;
            // A → B: the second is not the method that waits.
            assert_eq!(ends.client.remote().serve(1).await, Ok(1));
            // A → B → A: the first A waits for it.
            let refused = Err(CallError::App("Overloaded".to_owned()));
            assert_eq!(ends.client.remote().serve(2).await, refused);
            assert_eq!(ends.client.remote().serve(3).await, refused, "A → B → A → B");
            assert_eq!(ends.serving.remote().serve(3).await, refused, "from the other side");
            assert_eq!(ends.client.remote().bounce(3).await, Ok(3), "without queues all is well");
            // Both at once, many times: each ends.
            let both = join_all((0..40).map(|i| {
                let (ping, pong) = (ends.client.remote().serve(3), ends.serving.remote().serve(3));
                async move { if i % 2 == 0 { ping.await } else { pong.await } }
            }))
            .await;
            assert!(both.iter().all(|outcome| *outcome == refused), "{both:?}");
            assert_eq!((ends.client.stats().violations, ends.serving.stats().violations), (0, 0));
            until_true(|| ends.client.running() == 0 && ends.serving.running() == 0).await;
            assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0));
        }
    }
}

#[tokio::test]
async fn r11_a_nested_call_waits_its_turn_where_the_running_one_awaits_nothing() {
    for way in ways() {
        let (ends, desk, mut told) = table(way, &Limits::default()).await;
        let running = tokio::spawn(ends.client.remote().quiet(1));
        assert_eq!(next(&mut told).await, Began(1));
        let nested = tokio::spawn(ends.serving.remote().ask_quiet(2));
        until_true(|| ends.serving.stats().calls_received == 2).await;
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "it waits");
        desk.gate.add_permits(2);
        assert_eq!(running.await.expect("no panic"), Ok(0));
        assert_eq!(nested.await.expect("no panic"), Ok(1), "it was not refused, and it was nested");
        for expected in [Gone(1, true), Began(2), Gone(2, true)] {
            assert_eq!(next(&mut told).await, expected);
        }
    }
}

#[tokio::test]
async fn r11_a_call_of_depth_0_waits_for_one_that_awaits() {
    #[ws_service]
    trait Outer {
        #[ws(serial)]
        async fn through(&self, number: u32) -> u32;
    }
    struct Through(QueueRemote);
    impl Outer for Through {
        async fn through(&self, number: u32) -> u32 {
            self.0.plain(number).await.expect("it answers")
        }
    }
    for way in ways() {
        let (desk, mut told) = Desk::new();
        let ends = connect(way, &Limits::default(), |other| OuterProvider::new(Through(other)), {
            let desk = desk.clone();
            move |_: OuterRemote| QueueProvider::new(desk)
        })
        .await;
        let remote = ends.client.remote().clone();
        let calls = tokio::spawn(async move { join_all((0..3).map(|i| remote.through(i))).await });
        until_true(|| ends.serving.stats().calls_received == 3).await;
        for number in 0..3 {
            assert_eq!(next(&mut told).await, Began(number));
            assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
            desk.gate.add_permits(1);
            assert_eq!(next(&mut told).await, Gone(number, true));
        }
        assert_eq!(calls.await.expect("no panic"), [Ok(0), Ok(1), Ok(2)]);
    }
}

/// What a serial handler awaits counts wherever it is polled, as long as it is under the call's scope.
#[tokio::test]
async fn r11_a_serial_handler_that_awaits_under_its_scope_counts_as_awaiting() {
    #[ws_service]
    trait Near {
        #[ws(serial)]
        async fn serve(&self, ctx: &CallContext, how: u8) -> Result<u8, String>;
        #[ws(serial, spawn)]
        async fn spawned(&self, ctx: &CallContext, how: u8) -> Result<u8, String>;
    }
    #[ws_service]
    trait Far {
        async fn back(&self, spawned: bool) -> Result<u8, String>;
    }
    struct NearSide(FarRemote);
    impl NearSide {
        async fn run(&self, ctx: &CallContext, how: u8, spawned: bool) -> Result<u8, String> {
            let call = self.0.back(spawned);
            let outcome = match how {
                0 => return Ok(ctx.depth()),
                1 => call.await,
                2 => tokio::spawn(ctx.scope(call)).await.expect("no panic"),
                _ => ctx.scope(async { Box::pin(call).await }).await,
            };
            outcome.map_err(text)
        }
    }
    impl Near for NearSide {
        async fn serve(&self, ctx: &CallContext, how: u8) -> Result<u8, String> {
            self.run(ctx, how, false).await
        }
        async fn spawned(&self, ctx: &CallContext, how: u8) -> Result<u8, String> {
            self.run(ctx, how, true).await
        }
    }
    struct FarSide(NearRemote);
    impl Far for FarSide {
        async fn back(&self, spawned: bool) -> Result<u8, String> {
            if spawned { self.0.spawned(0).await.map_err(text) } else { self.0.serve(0).await.map_err(text) }
        }
    }
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |far| NearProvider::new(NearSide(far)),
            |near| FarProvider::new(FarSide(near)),
        )
        .await;
        for how in 1..4 {
            let refused = Err(CallError::App("Overloaded".to_owned()));
            assert_eq!(ends.client.remote().serve(how).await, refused, "way {how}");
            assert_eq!(ends.client.remote().spawned(how).await, refused, "spawned, way {how}");
        }
        assert_eq!(ends.serving.remote().back(false).await, Ok(1), "nothing awaits any more");
        assert_eq!(ends.serving.remote().back(true).await, Ok(1));
    }
}

/// A handler that lets go of a call awaits it no more.
#[tokio::test]
async fn r11_a_call_that_was_dropped_is_not_awaited() {
    #[ws_service]
    trait Near {
        #[ws(serial)]
        async fn serve(&self, number: u32) -> u32;
    }
    #[ws_service]
    trait Far {
        async fn hang(&self);
        async fn ask(&self, number: u32) -> u32;
    }
    struct NearSide {
        far: FarRemote,
        desk: Desk,
    }
    impl Near for NearSide {
        async fn serve(&self, number: u32) -> u32 {
            if number == 1 {
                tokio::select! {
                    biased;
                    hung = self.far.hang() => hung.expect("it hangs"),
                    () = tokio::task::yield_now() => {}
                }
            }
            self.desk.handle(number).await
        }
    }
    struct FarSide(NearRemote);
    impl Far for FarSide {
        async fn hang(&self) {
            std::future::pending().await
        }
        async fn ask(&self, number: u32) -> u32 {
            self.0.serve(number).await.expect("its turn comes")
        }
    }
    for way in ways() {
        let (desk, mut told) = Desk::new();
        let serves = desk.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |far| NearProvider::new(NearSide { far, desk: serves.clone() }),
            |near| FarProvider::new(FarSide(near)),
        )
        .await;
        let running = tokio::spawn(ends.client.remote().serve(1));
        assert_eq!(next(&mut told).await, Began(1));
        let nested = tokio::spawn(ends.serving.remote().ask(2));
        until_true(|| ends.serving.stats().calls_received == 2).await;
        desk.gate.add_permits(2);
        assert_eq!((running.await.expect("no panic"), nested.await.expect("no panic")), (Ok(1), Ok(2)));
    }
}
