//! What generated code will look like: a contract that streams in every direction.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use ws_core::service::{HandlerFuture, Invocation, MethodSpec, Methods, Refusal, RemoteHandle, Streams};
use ws_core::{Call, CallOptions, Never, Opening, Provider, Remote, Streaming};

pub const SPECS: [MethodSpec; 9] = [
    MethodSpec::call("Flow.count", "(u32,u32)->impl Stream<Item=u32>", 1).streams(Streams::Down),
    MethodSpec::call("Flow.fail_at", "(u32)->impl Stream<Item=Result<u32,Broken>>", 1).streams(Streams::Down),
    MethodSpec::call("Flow.silent", "()->impl Stream<Item=u32>", 1).streams(Streams::Down),
    MethodSpec::call("Flow.blobs", "(Vec<u32>)->impl Stream<Item=Vec<u8>>", 1).streams(Streams::Down),
    MethodSpec::call("Flow.sum", "(Streaming<i64>)->i64", 1).streams(Streams::Up),
    MethodSpec::call("Flow.first", "(Streaming<i64>)->Option<i64>", 1).streams(Streams::Up),
    MethodSpec::call("Flow.doubled", "(Streaming<i64>)->impl Stream<Item=i64>", 1).streams(Streams::Both),
    MethodSpec::call("Flow.echo", "(u32)->u32", 1),
    MethodSpec::call("Flow.misbehave", "(u32)->impl Stream<Item=u32>", 1).streams(Streams::Down),
];

/// A declared error of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    pub at: u32,
}

/// What the provider counts for the tests.
#[derive(Debug, Default)]
pub struct Counts {
    /// Items made.
    pub made: AtomicUsize,
    /// Producers and readers that live.
    pub live: AtomicUsize,
}

impl Counts {
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    fn enter(self: &Arc<Self>) -> Alive {
        self.live.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(self))
    }
}

struct Alive(Arc<Counts>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug, Default)]
pub struct Flow {
    pub counts: Arc<Counts>,
}

fn numbers(counts: &Arc<Counts>, from: u32, count: u32) -> impl Stream<Item = u32> + Send + use<> {
    let (alive, counts) = (counts.enter(), Arc::clone(counts));
    stream::iter(from..from.saturating_add(count)).inspect(move |_| {
        let _alive = &alive;
        counts.made.fetch_add(1, Ordering::SeqCst);
    })
}

impl Provider for Flow {
    fn methods() -> Methods {
        Methods::of(&SPECS)
    }

    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        let responder = invocation.responder();
        let counts = Arc::clone(&self.counts);
        match method {
            0 => {
                let (from, count): (u32, u32) = invocation.arguments()?;
                let sink = invocation.sink();
                Ok(Box::pin(async move { sink.run(numbers(&counts, from, count)).await }))
            }
            1 => {
                let (at,): (u32,) = invocation.arguments()?;
                let sink = invocation.sink();
                Ok(Box::pin(async move {
                    let items = numbers(&counts, 0, at + 10)
                        .map(move |item| if item < at { Ok(item) } else { Err(Broken { at }) });
                    sink.try_run(items).await
                }))
            }
            2 => {
                let sink = invocation.sink();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    sink.run(stream::pending::<u32>()).await
                }))
            }
            3 => {
                let (sizes,): (Vec<u32>,) = invocation.arguments()?;
                let sink = invocation.sink();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    sink.run(stream::iter(sizes).map(|size| vec![7_u8; size as usize])).await
                }))
            }
            4 => {
                let mut items: Streaming<i64> = invocation.upload();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    let mut sum = 0;
                    while let Some(item) = items.next().await {
                        match item {
                            Ok(item) => sum += item,
                            // What the upload came to, for the tests to see.
                            Err(_) => return responder.value(&-1_i64),
                        }
                    }
                    responder.value(&sum)
                }))
            }
            5 => {
                let mut items: Streaming<i64> = invocation.upload();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    let first = items.next().await.and_then(Result::ok);
                    drop(items);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    responder.value(&first)
                }))
            }
            6 => {
                let items: Streaming<i64> = invocation.upload();
                let sink = invocation.sink();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    let doubled = items.take_while(|item| std::future::ready(item.is_ok()));
                    sink.run(doubled.map(|item| item.unwrap_or(0) * 2)).await
                }))
            }
            7 => {
                let (value,): (u32,) = invocation.arguments()?;
                Ok(Box::pin(async move { responder.value(&value) }))
            }
            8 => {
                let (how,): (u32,) = invocation.arguments()?;
                let mut sink = invocation.sink();
                Ok(Box::pin(async move {
                    let _alive = counts.enter();
                    match how {
                        // Panics before and after it is open.
                        0 => panic!("before"),
                        1 => {
                            sink.open();
                            let _ = sink.send(&1_u32).await;
                            panic!("after")
                        }
                        // Never opens.
                        2 => responder.nothing(),
                        // A declared error in place of a stream.
                        3 => responder.error(&Broken { at: 3 }),
                        // Forgets its end.
                        4 => {
                            sink.open();
                            responder.nothing()
                        }
                        _ => pending().await,
                    }
                }))
            }
            _ => Err(Refusal::UnknownMethod),
        }
    }
}

#[derive(Clone, Debug)]
pub struct FlowRemote {
    handle: RemoteHandle,
}

impl Remote for FlowRemote {
    fn methods() -> Methods {
        Methods::of(&SPECS)
    }

    const COUNT: usize = SPECS.len();
    type Broadcast = ();

    fn from_handle(handle: RemoteHandle) -> Self {
        Self { handle }
    }
}

impl FlowRemote {
    pub fn with(&self, options: CallOptions) -> Self {
        Self { handle: self.handle.with(options) }
    }

    pub fn within(&self, milliseconds: u64) -> Self {
        self.with(CallOptions::new().deadline(Duration::from_millis(milliseconds)))
    }

    pub fn count(&self, from: u32, count: u32) -> Opening<u32> {
        self.handle.stream(&SPECS[0], &(from, count))
    }

    pub fn fail_at(&self, at: u32) -> Opening<u32, Broken> {
        self.handle.stream(&SPECS[1], &(at,))
    }

    pub fn silent(&self) -> Opening<u32> {
        self.handle.stream(&SPECS[2], &())
    }

    pub fn blobs(&self, sizes: Vec<u32>) -> Opening<Vec<u8>> {
        self.handle.stream(&SPECS[3], &(sizes,))
    }

    pub fn sum(&self, items: impl Stream<Item = i64> + Send + 'static) -> Call<i64> {
        self.handle.call_with_upload::<_, Never, _>(&SPECS[4], &(), items)
    }

    pub fn first(&self, items: impl Stream<Item = i64> + Send + 'static) -> Call<Option<i64>> {
        self.handle.call_with_upload(&SPECS[5], &(), items)
    }

    pub fn doubled(&self, items: impl Stream<Item = i64> + Send + 'static) -> Opening<i64> {
        self.handle.stream_with_upload(&SPECS[6], &(), items)
    }

    pub fn echo(&self, value: u32) -> Call<u32> {
        self.handle.call(&SPECS[7], &(value,))
    }

    pub fn misbehave(&self, how: u32) -> Opening<u32, Broken> {
        self.handle.stream(&SPECS[8], &(how,))
    }
}
