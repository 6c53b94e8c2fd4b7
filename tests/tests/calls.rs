//! Every outcome of a call (R13), its deadline and its cancellation (R14), panics (R16) and slots (R12).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use ws_core::{CallContext, CallError, CallOptions, Fate, Limits, Metadata, SendError, ws_service};
use ws_tests::fixture::{Ends, connect, until_true, ways};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum DivideError {
    ByZero,
}

/// A value whose serialization fails.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it does not want to"))
    }
}

#[ws_service]
trait Work {
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError>;
    async fn echo(&self, text: String) -> String;
    async fn forever(&self);
    #[ws(timeout = "50ms")]
    async fn brief(&self);
    async fn panics(&self, later: bool);
    #[ws(spawn)]
    async fn spawned_forever(&self);
    #[ws(spawn)]
    async fn spawned_panic(&self) -> u32;
    async fn stubborn(&self) -> Stubborn;
    async fn takes_stubborn(&self, value: Stubborn);
    async fn large(&self, bytes: u32) -> String;
    async fn metadata(&self, ctx: &CallContext, key: String) -> Option<String>;
    async fn remaining(&self, ctx: &CallContext) -> u64;
    async fn gated(&self) -> u32;
    async fn delegates(&self, ctx: &CallContext);
}

#[derive(Clone, Default)]
struct Worker {
    inside: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    gate: Arc<Notify>,
    delegated: Arc<tokio::sync::Mutex<Option<Result<(), CallError>>>>,
}

/// Counts a handler while it lives.
struct Inside(Arc<AtomicU32>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Worker {
    fn enter(&self) -> Inside {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Inside(Arc::clone(&self.inside))
    }
}

impl Work for Worker {
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError> {
        dividend.checked_div(divisor).ok_or(DivideError::ByZero)
    }
    async fn echo(&self, text: String) -> String {
        text
    }
    async fn forever(&self) {
        let _inside = self.enter();
        std::future::pending::<()>().await;
    }
    async fn brief(&self) {
        self.forever().await;
    }
    async fn panics(&self, later: bool) {
        if later {
            tokio::task::yield_now().await;
        }
        panic!("a secret");
    }
    async fn spawned_forever(&self) {
        self.forever().await;
    }
    async fn spawned_panic(&self) -> u32 {
        panic!("a secret in a task");
    }
    async fn stubborn(&self) -> Stubborn {
        Stubborn
    }
    async fn takes_stubborn(&self, _value: Stubborn) {}
    async fn large(&self, bytes: u32) -> String {
        "x".repeat(bytes as usize)
    }
    async fn metadata(&self, ctx: &CallContext, key: String) -> Option<String> {
        ctx.metadata(&key).map(str::to_owned)
    }
    async fn remaining(&self, ctx: &CallContext) -> u64 {
        ctx.remaining().map_or(0, |remaining| remaining.as_millis() as u64)
    }
    async fn gated(&self) -> u32 {
        let _inside = self.enter();
        self.gate.notified().await;
        self.inside.load(Ordering::SeqCst)
    }
    async fn delegates(&self, ctx: &CallContext) {
        // A call of another task, made under this call's scope, ends with this call (R11).
        let remote: CallerRemote = ctx.remote();
        let delegated = Arc::clone(&self.delegated);
        let inside = self.enter();
        tokio::spawn(ctx.scope(async move {
            let outcome = remote.wait().await;
            *delegated.lock().await = Some(outcome);
            drop(inside);
        }));
        std::future::pending::<()>().await;
    }
}

#[ws_service]
trait Caller {
    async fn wait(&self);
}

struct Waiting;

impl Caller for Waiting {
    async fn wait(&self) {
        std::future::pending::<()>().await;
    }
}

type Both = Ends<WorkProvider<Worker>, CallerRemote, WorkRemote>;

async fn working(way: (ws_tests::fixture::Carrier, ws_core::Encoding), limits: &Limits) -> (Both, Worker) {
    let worker = Worker::default();
    let serves = worker.clone();
    let ends = connect(
        way,
        limits,
        move |_: CallerRemote| WorkProvider::new(serves.clone()),
        |_: WorkRemote| CallerProvider::new(Waiting),
    )
    .await;
    (ends, worker)
}

async fn idle(ends: &Both) {
    until_true(|| ends.serving.running() == 0 && ends.client.running() == 0).await;
    assert_eq!((ends.client.pending(), ends.serving.pending()), (0, 0), "R18");
}

#[tokio::test]
async fn r13_values_and_declared_errors() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let work = ends.client.remote();
        assert_eq!(work.divide(7, 2).await, Ok(3));
        assert_eq!(work.divide(7, 0).await, Err(CallError::App(DivideError::ByZero)));
        let text = "ä".repeat(100_000);
        assert_eq!(work.echo(text.clone()).await, Ok(text));
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r14_a_deadline_ends_the_call_and_the_handler() {
    for way in ways() {
        let (ends, worker) = working(way, &Limits::default()).await;
        let work = ends.client.remote();
        let options = CallOptions::new().deadline(Duration::from_millis(40));
        assert_eq!(work.with(options).forever().await, Err(CallError::Timeout(Fate::Unknown)));
        assert_eq!(work.brief().await, Err(CallError::Timeout(Fate::Unknown)), "the method's own timeout");
        until_true(|| worker.inside.load(Ordering::SeqCst) == 0).await;
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r14_the_deadline_travels() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let work = ends.client.remote();
        let remaining = work.with(CallOptions::new().deadline(Duration::from_secs(5))).remaining().await;
        assert!(matches!(remaining, Ok(4000..=5000)), "{remaining:?}");
        let longest =
            work.with(CallOptions::new().deadline(Duration::from_secs(1_000_000))).remaining().await;
        assert!(matches!(longest, Ok(590_000..=600_000)), "cut to max_call_timeout: {longest:?}");
    }
}

#[tokio::test]
async fn r14_dropping_a_call_cancels_it_at_the_callee() {
    for way in ways() {
        let (ends, worker) = working(way, &Limits::default()).await;
        for spawned in [false, true] {
            let work = ends.client.remote();
            let calls: Vec<_> = (0..20)
                .map(|_| tokio::spawn(if spawned { work.spawned_forever() } else { work.forever() }))
                .collect();
            until_true(|| worker.inside.load(Ordering::SeqCst) == 20).await;
            calls.iter().for_each(tokio::task::JoinHandle::abort);
            until_true(|| worker.inside.load(Ordering::SeqCst) == 0).await;
            idle(&ends).await;
        }
    }
}

#[tokio::test]
async fn r16_a_panic_is_an_internal_error_and_nothing_more() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let work = ends.client.remote();
        for later in [false, true] {
            let error = work.panics(later).await.expect_err("it panics");
            assert!(matches!(error, CallError::Internal(_)), "{error:?}");
            assert_eq!(error.fate(), Fate::Unknown);
        }
        assert!(matches!(work.spawned_panic().await, Err(CallError::Internal(_))));
        assert_eq!(work.echo("alive".into()).await, Ok("alive".into()));
        assert_eq!(ends.serving.stats().handler_failures, 3);
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r17_what_cannot_be_encoded_is_answered() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let work = ends.client.remote();
        assert!(matches!(work.stubborn().await, Err(CallError::Internal(_))));
        assert_eq!(work.takes_stubborn(Stubborn).await, Err(CallError::InvalidArguments));
        assert_eq!(work.large(2 << 20).await, Err(CallError::TooLarge(Fate::Unknown)));
        assert_eq!(work.echo("x".repeat(2 << 20)).await, Err(CallError::TooLarge(Fate::NotSent)));
        let most = (1 << 20) - 100;
        assert_eq!(work.large(most).await.map(|text| text.len()), Ok(most as usize));
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r12_slots_are_waited_for_in_turn() {
    for way in ways() {
        let (ends, worker) = working(way, &Limits::default().max_in_flight(3)).await;
        let work = ends.client.remote();
        let calls = join_all((0..50).map(|_| work.gated()));
        let opener = async {
            loop {
                worker.gate.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let answers = tokio::select! {
            answers = calls => answers,
            () = opener => unreachable!("it goes on"),
        };
        assert!(answers.iter().all(|answer| matches!(answer, Ok(1..=3))), "{answers:?}");
        assert!(worker.most.load(Ordering::SeqCst) <= 3);
        assert_eq!(ends.serving.stats().violations, 0);
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r12_waiting_counts_against_the_deadline() {
    for way in ways() {
        let (ends, worker) = working(way, &Limits::default().max_in_flight(1)).await;
        let work = ends.client.remote();
        let first = tokio::spawn(work.gated());
        until_true(|| worker.inside.load(Ordering::SeqCst) == 1).await;
        let second =
            work.with(CallOptions::new().deadline(Duration::from_millis(30))).echo("late".into()).await;
        assert_eq!(second, Err(CallError::Timeout(Fate::NotSent)), "it never left");
        worker.gate.notify_one();
        assert!(matches!(first.await, Ok(Ok(1))));
        assert_eq!(work.echo("next".into()).await, Ok("next".into()));
        idle(&ends).await;
    }
}

#[tokio::test]
async fn metadata_travels() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let mut metadata = Metadata::new();
        metadata.insert("trace", "4bf92f35").expect("within the bounds");
        let work = ends.client.remote().with(CallOptions::new().metadata(metadata));
        assert_eq!(work.metadata("trace".into()).await, Ok(Some("4bf92f35".into())));
        assert_eq!(work.metadata("other".into()).await, Ok(None));
        assert_eq!(ends.client.remote().metadata("trace".into()).await, Ok(None));
    }
}

#[tokio::test]
async fn r11_calls_under_a_scope_end_with_their_call() {
    for way in ways() {
        let (ends, worker) = working(way, &Limits::default()).await;
        let call = tokio::spawn(ends.client.remote().delegates());
        until_true(|| ends.client.running() == 1).await;
        call.abort();
        until_true(|| worker.inside.load(Ordering::SeqCst) == 0).await;
        assert_eq!(*worker.delegated.lock().await, Some(Err(CallError::Cancelled(Fate::Unknown))));
        until_true(|| ends.client.running() == 0).await;
        idle(&ends).await;
    }
}

#[tokio::test]
async fn r22_after_the_end_everything_fails_closed_and_certainly_did_not_run() {
    for way in ways() {
        let (ends, _) = working(way, &Limits::default()).await;
        let work = ends.client.remote().clone();
        ends.client.close_with(4242, "enough").await;
        let error = work.divide(1, 1).await.expect_err("closed");
        assert_eq!(error.fate(), Fate::NotSent);
        let info = error.close_info().expect("closed").clone();
        assert_eq!((info.code, info.reason.as_str(), info.by), (4242, "enough", ws_core::ClosedBy::Local));
        let info = ends.serving.closed().await;
        assert_eq!((info.code, info.reason.as_str(), info.by), (4242, "enough", ws_core::ClosedBy::Peer));
        assert!(matches!(ends.serving.remote().wait().await, Err(CallError::Closed(_))));
        assert!(info.clean);
    }
}

#[ws_service]
trait Log {
    #[ws(event)]
    async fn line(&self, number: u32);
    #[ws(event, concurrent)]
    async fn aside(&self);
}

#[derive(Clone)]
struct Lines {
    seen: Arc<std::sync::Mutex<Vec<u32>>>,
    gate: Arc<tokio::sync::Semaphore>,
    asides: Arc<AtomicU32>,
}

impl Lines {
    fn new() -> Self {
        Self { seen: Arc::default(), gate: Arc::new(tokio::sync::Semaphore::new(0)), asides: Arc::default() }
    }
}

impl Log for Lines {
    async fn line(&self, number: u32) {
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let permit = self.gate.acquire().await.expect("open");
        permit.forget();
        self.seen.lock().expect("unpoisoned").push(number);
    }
    async fn aside(&self) {
        self.asides.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn r12_events_come_in_order_and_hold_the_sender_back() {
    for way in ways() {
        let limits = Limits::default().event_lane_messages(4).send_timeout(Duration::from_millis(100));
        let lines = Lines::new();
        let serves = lines.clone();
        let ends =
            connect(way, &limits, move |(): ()| LogProvider::new(serves.clone()), |_: LogRemote| ()).await;
        let log = ends.client.remote();
        for number in 0..4 {
            log.line(number).await.expect("credit for four");
        }
        assert_eq!(log.line(4).await, Err(SendError::Full), "nobody takes them");
        lines.gate.add_permits(1000);
        for number in 4..200 {
            log.line(number).await.expect("credit comes back");
        }
        until_true(|| lines.seen.lock().expect("unpoisoned").len() == 200).await;
        assert!(lines.seen.lock().expect("unpoisoned").iter().copied().eq(0..200));
        log.aside().await.expect("credit");
        until_true(|| lines.asides.load(Ordering::SeqCst) == 1).await;
        assert_eq!(ends.client.pending(), 0);
    }
}

#[tokio::test]
async fn r12_a_concurrent_event_overtakes() {
    for way in ways() {
        let lines = Lines::new();
        let serves = lines.clone();
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| LogProvider::new(serves.clone()),
            |_: LogRemote| (),
        )
        .await;
        ends.client.remote().line(1).await.expect("credit");
        ends.client.remote().aside().await.expect("credit");
        until_true(|| lines.asides.load(Ordering::SeqCst) == 1).await;
        assert!(lines.seen.lock().expect("unpoisoned").is_empty());
    }
}
