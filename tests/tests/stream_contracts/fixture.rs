//! A contract with every form of a stream, and a service that tells when its producers begin and when they are gone.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{
    CallContext, Connection, Encoding, Failure, FailureKind, Limits, Provider, Remote, Streaming, ws_service,
};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{Carrier, until_true};
use ws_tests::raw::in_time;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub at: u32,
}

/// What no encoding takes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Secret;

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a secret of the serializer"))
    }
}

#[ws_service]
pub trait Feed {
    fn count(&self, from: u32, count: u32) -> impl Stream<Item = u32> + Send;
    /// Refuses to open above 10.
    fn opening(&self, ctx: &CallContext, count: u32) -> Result<impl Stream<Item = String>, Refused>;
    /// Fails at 2.
    fn failing(&self, count: u32) -> impl Stream<Item = Result<u32, Refused>>;
    /// Both.
    fn both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused>;
    async fn awaited(&self, count: u32) -> impl Stream<Item = u32>;
    async fn awaited_opening(&self, count: u32) -> Result<impl Stream<Item = u32>, Refused>;
    async fn awaited_failing(
        &self,
        ctx: &CallContext,
        count: u32,
    ) -> impl Stream<Item = Result<u32, Refused>>;
    async fn awaited_both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused>;
    #[ws(spawn)]
    fn spawned(&self, count: u32) -> impl Stream<Item = u32>;
    #[ws(spawn)]
    async fn spawned_both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused>;

    async fn sum(&self, start: i64, numbers: Streaming<i64>, end: i64) -> i64;
    /// Gives what its upload ended with.
    async fn end_of(&self, numbers: Streaming<i64>) -> Result<u32, String>;
    /// Reads one and stops.
    async fn first(&self, numbers: Streaming<i64>) -> Option<i64>;
    fn doubled(&self, numbers: Streaming<i64>) -> impl Stream<Item = i64>;
    async fn named(
        &self,
        ctx: &CallContext,
        prefix: String,
        numbers: Streaming<i64>,
        suffix: String,
    ) -> Result<impl Stream<Item = Result<String, Refused>>, Refused>;

    /// Opens when it is let, and gives items as it is let.
    async fn gated(&self, name: String) -> impl Stream<Item = u32>;
    #[ws(timeout = "40ms")]
    async fn hurried(&self, name: String) -> impl Stream<Item = u32>;
    /// Opens at once, and gives nothing.
    fn silent(&self, name: String) -> impl Stream<Item = u32>;
    /// Takes an upload and does not look at it.
    async fn deaf(&self, name: String, numbers: Streaming<i64>) -> u32;
    /// Panics before it is open.
    fn falls(&self) -> impl Stream<Item = u32>;
    /// Panics after two items.
    fn falls_later(&self) -> impl Stream<Item = u32>;
    #[ws(spawn)]
    fn falls_elsewhere(&self) -> impl Stream<Item = u32>;
    fn blobs(&self, sizes: Vec<u32>) -> impl Stream<Item = Vec<u8>>;
    /// Not encodable after the first.
    fn secrets(&self) -> impl Stream<Item = Option<Secret>>;
    async fn uploaded_secrets(&self, secrets: Streaming<Option<Secret>>) -> Result<u32, String>;
    async fn uploaded_blobs(&self, blobs: Streaming<Vec<u8>>) -> Result<u32, String>;

    #[ws(serial)]
    fn serial(&self, name: String) -> impl Stream<Item = u32>;
    #[ws(busy)]
    fn busy(&self, name: String) -> impl Stream<Item = u32>;
    #[ws(latest)]
    fn latest(&self, name: String) -> impl Stream<Item = u32>;
    #[ws(latest, spawn)]
    fn latest_spawned(&self, name: String) -> impl Stream<Item = u32>;
    #[ws(serial)]
    async fn serial_upload(&self, name: String, numbers: Streaming<i64>) -> i64;
    #[ws(latest)]
    async fn latest_upload(&self, name: String, numbers: Streaming<i64>) -> i64;

    /// What the other side counts, plus one.
    fn relay(&self, ctx: &CallContext, count: u32) -> impl Stream<Item = u32>;
    async fn echo(&self, value: u32) -> u32;
}

/// Producers and handlers tell of themselves here, and wait for the test where their method says so.
#[derive(Clone)]
pub struct Source {
    tell: UnboundedSender<String>,
    pub gate: Arc<Semaphore>,
    live: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
}

/// Something that tells when it is gone.
pub struct Alive {
    source: Source,
    name: String,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.source.live.fetch_sub(1, Ordering::SeqCst);
        let _ = self.source.tell.send(format!("{} is gone", self.name));
    }
}

impl Source {
    pub fn new() -> (Self, Told) {
        let (tell, told) = unbounded_channel();
        let source =
            Self { tell, gate: Arc::new(Semaphore::new(0)), live: Arc::default(), made: Arc::default() };
        (source, Told(told))
    }

    pub fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub fn alive(&self, name: &str) -> Alive {
        self.live.fetch_add(1, Ordering::SeqCst);
        Alive { source: self.clone(), name: name.to_owned() }
    }

    pub fn begin(&self, name: &str) -> Alive {
        let _ = self.tell.send(name.to_owned());
        self.alive(name)
    }

    fn numbers(&self, from: u32, count: u32) -> impl Stream<Item = u32> + Send + use<> {
        let (alive, made) = (self.alive("numbers"), Arc::clone(&self.made));
        stream::iter(from..from.saturating_add(count)).inspect(move |_| {
            let _alive = &alive;
            made.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn fails_at_2(&self, count: u32) -> impl Stream<Item = Result<u32, Refused>> + Send + use<> {
        self.numbers(0, count).map(|item| if item == 2 { Err(Refused { at: 2 }) } else { Ok(item) })
    }

    /// An item each time that the test lets it.
    fn let_through(&self, alive: Alive) -> impl Stream<Item = u32> + Send + use<> {
        let gate = Arc::clone(&self.gate);
        stream::unfold((0, alive), move |(item, alive)| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.ok()?.forget();
                Some((item, (item + 1, alive)))
            }
        })
    }
}

fn low(count: u32) -> Result<(), Refused> {
    if count > 10 { Err(Refused { at: count }) } else { Ok(()) }
}

async fn fold(mut numbers: Streaming<i64>, start: i64) -> i64 {
    let mut sum = start;
    while let Some(Ok(number)) = numbers.next().await {
        sum += number;
    }
    sum
}

/// How many came, or what ended them.
async fn counted<T: ws_core::Payload>(mut items: Streaming<T>) -> Result<u32, String> {
    let mut count = 0;
    while let Some(item) = items.next().await {
        item.map_err(|error| format!("{count}: {error:?}"))?;
        count += 1;
    }
    Ok(count)
}

impl Feed for Source {
    fn count(&self, from: u32, count: u32) -> impl Stream<Item = u32> + Send {
        self.numbers(from, count)
    }
    fn opening(&self, ctx: &CallContext, count: u32) -> Result<impl Stream<Item = String>, Refused> {
        low(count)?;
        // It lives of the context and of the service, as long as it is read.
        Ok(self.numbers(0, count).map(move |item| format!("{} {item}", ctx.method())))
    }
    fn failing(&self, count: u32) -> impl Stream<Item = Result<u32, Refused>> {
        self.fails_at_2(count)
    }
    fn both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused> {
        low(count)?;
        Ok(self.fails_at_2(count))
    }
    async fn awaited(&self, count: u32) -> impl Stream<Item = u32> {
        tokio::task::yield_now().await;
        self.numbers(0, count)
    }
    async fn awaited_opening(&self, count: u32) -> Result<impl Stream<Item = u32>, Refused> {
        tokio::task::yield_now().await;
        low(count)?;
        Ok(self.numbers(0, count))
    }
    async fn awaited_failing(
        &self,
        ctx: &CallContext,
        count: u32,
    ) -> impl Stream<Item = Result<u32, Refused>> {
        let depth = u32::from(ctx.depth());
        tokio::task::yield_now().await;
        self.fails_at_2(count).map(move |item| Ok(item? + depth))
    }
    async fn awaited_both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused> {
        tokio::task::yield_now().await;
        low(count)?;
        Ok(self.fails_at_2(count))
    }
    fn spawned(&self, count: u32) -> impl Stream<Item = u32> {
        self.numbers(0, count)
    }
    async fn spawned_both(&self, count: u32) -> Result<impl Stream<Item = Result<u32, Refused>>, Refused> {
        self.awaited_both(count).await
    }

    async fn sum(&self, start: i64, numbers: Streaming<i64>, end: i64) -> i64 {
        let _alive = self.alive("sum");
        fold(numbers, start + end).await
    }
    async fn end_of(&self, numbers: Streaming<i64>) -> Result<u32, String> {
        let _alive = self.begin("end_of");
        counted(numbers).await
    }
    async fn first(&self, mut numbers: Streaming<i64>) -> Option<i64> {
        let _alive = self.begin("first");
        let first = numbers.next().await.and_then(Result::ok);
        drop(numbers);
        self.gate.acquire().await.expect("it stays open").forget();
        first
    }
    fn doubled(&self, numbers: Streaming<i64>) -> impl Stream<Item = i64> {
        let alive = self.alive("doubled");
        numbers.take_while(|number| std::future::ready(number.is_ok())).map(move |number| {
            let _alive = &alive;
            number.unwrap_or(0) * 2
        })
    }
    async fn named(
        &self,
        ctx: &CallContext,
        prefix: String,
        numbers: Streaming<i64>,
        suffix: String,
    ) -> Result<impl Stream<Item = Result<String, Refused>>, Refused> {
        if prefix.is_empty() {
            return Err(Refused { at: 0 });
        }
        let by = ctx.metadata("by").unwrap_or("nobody");
        let alive = self.alive("named");
        Ok(numbers.map(move |number| {
            let _alive = &alive;
            let number = number.map_err(|_| Refused { at: 1 })?;
            if number == 13 { Err(Refused { at: 13 }) } else { Ok(format!("{prefix}{number}{suffix} {by}")) }
        }))
    }

    async fn gated(&self, name: String) -> impl Stream<Item = u32> {
        let alive = self.begin(&name);
        self.gate.acquire().await.expect("it stays open").forget();
        self.let_through(alive)
    }
    async fn hurried(&self, name: String) -> impl Stream<Item = u32> {
        self.gated(name).await
    }
    fn silent(&self, name: String) -> impl Stream<Item = u32> {
        let alive = self.begin(&name);
        stream::once(async move {
            let _alive = alive;
            pending().await
        })
    }
    async fn deaf(&self, name: String, numbers: Streaming<i64>) -> u32 {
        let _alive = self.begin(&name);
        self.gate.acquire().await.expect("it stays open").forget();
        drop(numbers);
        7
    }
    fn falls(&self) -> impl Stream<Item = u32> {
        if self.live() < usize::MAX {
            panic!("a secret of the handler")
        }
        stream::empty()
    }
    fn falls_later(&self) -> impl Stream<Item = u32> {
        self.numbers(0, 10).inspect(|item| assert!(*item < 2, "a secret of the producer"))
    }
    fn falls_elsewhere(&self) -> impl Stream<Item = u32> {
        self.falls_later()
    }
    fn blobs(&self, sizes: Vec<u32>) -> impl Stream<Item = Vec<u8>> {
        let alive = self.alive("blobs");
        stream::iter(sizes).map(move |size| {
            let _alive = &alive;
            vec![7; size as usize]
        })
    }
    fn secrets(&self) -> impl Stream<Item = Option<Secret>> {
        stream::iter([None, Some(Secret), None])
    }
    async fn uploaded_secrets(&self, secrets: Streaming<Option<Secret>>) -> Result<u32, String> {
        counted(secrets).await
    }
    async fn uploaded_blobs(&self, blobs: Streaming<Vec<u8>>) -> Result<u32, String> {
        counted(blobs).await
    }

    fn serial(&self, name: String) -> impl Stream<Item = u32> {
        self.let_through(self.begin(&name)).take(2)
    }
    fn busy(&self, name: String) -> impl Stream<Item = u32> {
        self.let_through(self.begin(&name)).take(2)
    }
    fn latest(&self, name: String) -> impl Stream<Item = u32> {
        self.let_through(self.begin(&name)).take(2)
    }
    fn latest_spawned(&self, name: String) -> impl Stream<Item = u32> {
        self.let_through(self.begin(&name)).take(2)
    }
    async fn serial_upload(&self, name: String, numbers: Streaming<i64>) -> i64 {
        let _alive = self.begin(&name);
        fold(numbers, 0).await
    }
    async fn latest_upload(&self, name: String, numbers: Streaming<i64>) -> i64 {
        let _alive = self.begin(&name);
        fold(numbers, 0).await
    }

    fn relay(&self, ctx: &CallContext, count: u32) -> impl Stream<Item = u32> {
        let (remote, alive) = (ctx.remote::<FeedRemote>(), self.alive("relay"));
        stream::once(async move { remote.count(0, count).await.expect("the other side counts") })
            .flatten()
            .map(move |item| {
                let _alive = &alive;
                item.expect("no failure") + 1
            })
    }
    async fn echo(&self, value: u32) -> u32 {
        value
    }
}

/// What producers and handlers tell, in order.
pub struct Told(UnboundedReceiver<String>);

impl Told {
    pub async fn next(&mut self) -> String {
        in_time("what is told", self.0.recv()).await.expect("the source lives")
    }

    /// Passes over what comes before.
    pub async fn until(&mut self, text: &str) {
        while self.next().await != text {}
    }

    pub fn is_silent(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A failure: of which method, what, and its number.
pub type OneFailure = (String, FailureKind, Option<u64>);

/// What `on_failure` was told.
#[derive(Clone, Default)]
pub struct Failures(Arc<Mutex<Vec<OneFailure>>>);

impl Failures {
    fn hook(&self) -> impl Fn(&Failure<'_>) + Send + Sync + 'static {
        let told = Arc::clone(&self.0);
        move |failure| {
            let method = failure.method.unwrap_or("unknown").to_owned();
            told.lock().expect("unpoisoned").push((method, failure.kind, failure.number));
        }
    }

    /// What was told since the last look, which must be one failure.
    pub async fn one(&self) -> OneFailure {
        until_true(|| !self.is_empty()).await;
        let mut told = std::mem::take(&mut *self.0.lock().expect("unpoisoned"));
        assert_eq!(told.len(), 1, "each failure is told once: {told:?}");
        told.remove(0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().expect("unpoisoned").is_empty()
    }
}

/// Two sides that serve each other, and tell of their failures.
pub struct Ends<SP: Provider, SR: Remote, CR: Remote> {
    pub server: WebSocketServer<(), SP, SR>,
    pub serving: Connection<SR>,
    pub client: Connection<CR>,
    pub at_server: Failures,
    pub at_client: Failures,
}

impl<SP: Provider, SR: Remote, CR: Remote> Ends<SP, SR, CR> {
    /// Nothing is left on either side (R18).
    pub async fn at_rest(&self) {
        until_true(|| {
            (self.client.pending(), self.client.running(), self.client.streams()) == (0, 0, 0)
                && (self.serving.pending(), self.serving.running(), self.serving.streams()) == (0, 0, 0)
        })
        .await;
    }
}

/// Connects a client and a server with these providers.
pub async fn join<SP: Provider, SR: Remote, CP: Provider, CR: Remote>(
    (carrier, encoding): (Carrier, Encoding),
    limits: Limits,
    serves: impl Fn() -> SP + Clone + Send + Sync + 'static,
    client_serves: CP,
) -> Ends<SP, SR, CR> {
    let (at_server, at_client) = (Failures::default(), Failures::default());
    let server = WebSocketServer::<(), SP, SR>::builder()
        .limits(limits.clone())
        .on_failure(at_server.hook())
        .build()
        .expect("good limits");
    let connector = WebSocketConnector::<(), CP, CR>::builder(())
        .limits(limits)
        .encodings([encoding])
        .on_failure(at_client.hook())
        .build()
        .expect("good limits");
    let (tell, mut told) = unbounded_channel();
    let handler = move |acceptor: Acceptor<(), SP, SR>| {
        let (tell, serves) = (tell.clone(), serves.clone());
        async move {
            let connection = acceptor.accept(serves()).await?;
            tell.send(connection).expect("the test waits for it");
            Ok(())
        }
    };
    let client = match carrier {
        Carrier::Socket => {
            let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
            connector.connect(format!("ws://{address}"), client_serves).await
        }
        Carrier::Memory => {
            let (here, there) = memory_pair(4);
            let attached = server.clone();
            tokio::spawn(async move { attached.attach(there, encoding, handler).await });
            connector.attach(here, encoding, client_serves).await
        }
    };
    let client = client.expect("a connection");
    let serving = told.recv().await.expect("the server's end");
    Ends { server, serving, client, at_server, at_client }
}

pub type FeedEnds = Ends<FeedProvider<Source>, FeedRemote, FeedRemote>;

/// Both sides serve the contract; what the server's source tells.
pub async fn open(way: (Carrier, Encoding), limits: Limits) -> (FeedEnds, Source, Told) {
    let (source, told) = Source::new();
    let served = source.clone();
    let serves = move || FeedProvider::new(served.clone());
    let ends = join(way, limits, serves, FeedProvider::new(Source::new().0)).await;
    (ends, source, told)
}

/// Nothing is left on either side, and no producer.
pub async fn at_rest(ends: &FeedEnds, source: &Source) {
    ends.at_rest().await;
    until_true(|| source.live() == 0).await;
}

/// All items and the error, if it ended with one.
pub async fn read<T: ws_core::Payload, E: ws_core::Payload>(
    mut items: Streaming<T, E>,
) -> (Vec<T>, Option<ws_core::StreamError<E>>) {
    let mut all = Vec::new();
    while let Some(item) = in_time("an item", items.next()).await {
        match item {
            Ok(item) => all.push(item),
            Err(error) => {
                assert!(in_time("the end", items.next()).await.is_none(), "nothing follows an error");
                return (all, Some(error));
            }
        }
    }
    (all, None)
}
