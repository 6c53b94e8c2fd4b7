//! Streams and the calls of handlers (R11): depth, scopes, and that nothing waits for itself.

use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use ws_core::service::{
    HandlerFuture, Invocation, MethodSpec, Methods, Queueing, Refusal, RemoteHandle, Streams,
};
use ws_core::{Call, CallError, Limits, Opening, Provider, Remote, StreamError, Streaming};
use ws_tests::fixture::{connect, until_true, ways};

const SPECS: [MethodSpec; 4] = [
    // Streams what the caller streams, so many levels deep.
    MethodSpec::call("Deep.relay", "(u32)->impl Stream<Item=u32>", 1).streams(Streams::Down),
    // A stream in a task of its own.
    MethodSpec::call("Deep.spawned", "(u32)->impl Stream<Item=u32>", 1).streams(Streams::Down).spawn(),
    // Opens a stream of the caller's under its scope in another task, and is done when it is told.
    MethodSpec::call("Deep.scoped", "()->()", 1),
    // The latest replaces the one that runs.
    MethodSpec::call("Deep.latest", "()->impl Stream<Item=u32>", 1)
        .streams(Streams::Down)
        .queueing(Queueing::Latest),
];

#[derive(Clone)]
struct Deep {
    other: DeepRemote,
    /// How a stream that was opened under a scope ended.
    ends: mpsc::UnboundedSender<Option<Result<u32, StreamError>>>,
}

impl Provider for Deep {
    fn methods() -> Methods {
        Methods::of(&SPECS)
    }

    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let (responder, deep) = (invocation.responder(), self.clone());
        match method {
            0 => {
                let (depth,): (u32,) = invocation.arguments()?;
                let sink = invocation.sink();
                Ok(Box::pin(async move {
                    if depth == 0 {
                        return sink.run(stream::iter(0..100_u32)).await;
                    }
                    let items = match deep.other.relay(depth - 1).await {
                        Ok(items) => items,
                        Err(_) => return responder.nothing(),
                    };
                    sink.run(items.filter_map(|item| async { item.ok() })).await
                }))
            }
            1 => {
                let (count,): (u32,) = invocation.arguments()?;
                let sink = invocation.sink();
                Ok(Box::pin(async move { sink.run(stream::iter(0..count)).await }))
            }
            2 => {
                let context = invocation.context();
                Ok(Box::pin(async move {
                    let (opened, wait) = tokio::sync::oneshot::channel();
                    let scoped = context.scope(async move {
                        let mut items: Streaming<u32> = deep.other.latest().await.expect("it opens");
                        let _ = opened.send(());
                        let end = items.next().await;
                        let _ = deep.ends.send(end);
                    });
                    tokio::spawn(scoped);
                    let _ = wait.await;
                    responder.value(&())
                }))
            }
            _ => {
                let sink = invocation.sink();
                Ok(Box::pin(async move { sink.run(stream::pending::<u32>()).await }))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct DeepRemote(RemoteHandle);

impl Remote for DeepRemote {
    fn methods() -> Methods {
        Methods::of(&SPECS)
    }

    const COUNT: usize = SPECS.len();
    type Broadcast = ();

    fn from_handle(handle: RemoteHandle) -> Self {
        Self(handle)
    }
}

impl DeepRemote {
    fn relay(&self, depth: u32) -> Opening<u32> {
        self.0.stream(&SPECS[0], &(depth,))
    }

    fn spawned(&self, count: u32) -> Opening<u32> {
        self.0.stream(&SPECS[1], &(count,))
    }

    fn scoped(&self) -> Call<()> {
        self.0.call(&SPECS[2], &())
    }

    fn latest(&self) -> Opening<u32> {
        self.0.stream(&SPECS[3], &())
    }
}

type Ends = ws_tests::fixture::Ends<Deep, DeepRemote, DeepRemote>;

async fn open(
    way: (ws_tests::fixture::Carrier, ws_core::Encoding),
    limits: Limits,
) -> (Ends, mpsc::UnboundedReceiver<Option<Result<u32, StreamError>>>) {
    let (ends, told) = mpsc::unbounded_channel();
    let ends = Arc::new(ends);
    let here = (*ends).clone();
    let serves = move |other: DeepRemote| Deep { other, ends: here.clone() };
    let client = move |other: DeepRemote| Deep { other, ends: (*ends).clone() };
    (connect(way, &limits, serves, client).await, told)
}

async fn at_rest(ends: &Ends) {
    until_true(|| {
        [&ends.client, &ends.serving]
            .iter()
            .all(|side| (side.pending(), side.running(), side.streams()) == (0, 0, 0))
    })
    .await;
}

/// Back and forth with one slot of everything: each level has slots of its own.
#[tokio::test]
async fn r11_streams_of_streams_do_not_wait_for_one_another() {
    for way in ways() {
        let (ends, _) = open(way, Limits::default().max_streams(1).max_in_flight(1).stream_items(1)).await;
        let items = ends.client.remote().relay(20).await.expect("it opens");
        let items: Vec<u32> = items.map(|item| item.expect("no failure")).collect().await;
        assert_eq!(items, (0..100).collect::<Vec<_>>(), "{way:?}");
        let too_deep = ends.client.remote().relay(33).await;
        assert!(matches!(too_deep, Err(CallError::NoReply)), "{too_deep:?}");
        at_rest(&ends).await;
    }
}

#[tokio::test]
async fn r26_a_spawned_handler_streams_as_well() {
    for way in ways() {
        let (ends, _) = open(way, Limits::default()).await;
        let items = ends.client.remote().spawned(3_000).await.expect("it opens");
        assert_eq!(items.count().await, 3_000, "{way:?}");
        drop(ends.client.remote().spawned(u32::MAX).await.expect("it opens"));
        at_rest(&ends).await;
    }
}

/// R11: what was opened under a scope ends with its call.
#[tokio::test]
async fn r11_a_stream_ends_with_the_scope_it_was_opened_in() {
    let (ends, mut told) = open(ways().next().expect("a way"), Limits::default()).await;
    assert_eq!(ends.client.remote().scoped().await, Ok(()));
    assert_eq!(told.recv().await, Some(Some(Err(StreamError::Cancelled))));
    at_rest(&ends).await;
}

#[tokio::test]
async fn r26_the_latest_replaces_an_open_stream() {
    let (ends, _) = open(ways().next().expect("a way"), Limits::default()).await;
    let mut first = ends.client.remote().latest().await.expect("it opens");
    let second = ends.client.remote().latest().await.expect("it opens");
    assert_eq!(first.next().await, Some(Err(StreamError::Cancelled)));
    assert_eq!(first.next().await, None);
    drop(second);
    at_rest(&ends).await;
}
