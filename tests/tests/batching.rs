//! Calls that are made together leave together, on every runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use ws_client::WebSocketConnector;
use ws_core::transport::{MemoryTransport, Received, SendLost, Transport, memory_pair};
use ws_core::{Connection, Encoding, ws_service};
use ws_server::{Acceptor, WebSocketServer};

#[ws_service]
pub trait Echo {
    async fn echo(&self, number: u32) -> u32;
}

struct Same;

impl Echo for Same {
    async fn echo(&self, number: u32) -> u32 {
        number
    }
}

/// Counts the messages that go out.
struct Counting {
    transport: MemoryTransport,
    sent: Arc<AtomicUsize>,
}

impl Transport for Counting {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        self.transport.poll_receive(cx)
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.transport.start_send(message)
    }

    fn start_text(&mut self, text: String) -> Result<(), SendLost> {
        self.transport.start_text(text)
    }

    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost> {
        self.transport.start_close(code, reason)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        self.transport.poll_flush(cx)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.transport.poll_linger(cx)
    }

    fn received(&self) -> u64 {
        self.transport.received()
    }

    fn written(&self) -> u64 {
        self.transport.written()
    }
}

const CALLERS: usize = 32;
const ROUNDS: usize = 20;

async fn connected(
    sent: Arc<AtomicUsize>,
) -> (WebSocketServer<(), EchoProvider<Same>, ()>, Connection<EchoRemote>) {
    let server = WebSocketServer::<(), EchoProvider<Same>, ()>::new();
    let (here, there) = memory_pair(4);
    let attached = server.clone();
    let handler = |acceptor: Acceptor<(), EchoProvider<Same>, ()>| async move {
        acceptor.accept(EchoProvider::new(Same)).await?;
        Ok(())
    };
    let encoding = Encoding::available()[0];
    tokio::spawn(async move { attached.attach(there, encoding, handler).await });
    let connector = WebSocketConnector::builder(()).build().expect("good limits");
    let transport = Counting { transport: here, sent };
    (server, connector.attach(transport, encoding, ()).await.expect("a connection"))
}

/// Each of the callers calls again as soon as it has its answer; all answers come at once.
fn messages_of(runtime: &Runtime) -> usize {
    let sent = Arc::new(AtomicUsize::new(0));
    let (tell, told) = oneshot::channel();
    let counted = Arc::clone(&sent);
    runtime.spawn(async move {
        let (_server, connection) = connected(Arc::clone(&counted)).await;
        let before = counted.load(Ordering::Relaxed);
        let callers = (0..CALLERS).map(|_| {
            let remote = connection.remote().clone();
            tokio::spawn(async move {
                for round in 0..ROUNDS as u32 {
                    assert_eq!(remote.echo(round).await, Ok(round));
                }
            })
        });
        for caller in join_all(callers).await {
            caller.expect("no panic");
        }
        let _ = tell.send(counted.load(Ordering::Relaxed) - before);
    });
    runtime.block_on(told).expect("no panic")
}

#[test]
fn callers_that_were_woken_together_speak_together() {
    let current = Builder::new_current_thread().enable_all().build().expect("a runtime");
    // One thread, so that the order of tasks is the scheduler's alone.
    let threads = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    for (name, runtime) in [("current thread", current), ("multi-thread", threads)] {
        let messages = messages_of(&runtime);
        assert!(messages <= CALLERS * ROUNDS / 8, "{name}: {messages} for {} calls", CALLERS * ROUNDS);
    }
}
