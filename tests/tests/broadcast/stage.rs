//! A server, clients in memory beside each other, and what they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::poll_fn;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use ws_client::WebSocketConnector;
use ws_core::broadcast::BroadcastHandle;
use ws_core::transport::{MemoryTransport, Received, Transport, memory_pair};
use ws_core::{Broadcast, CallContext, Connection, Encoding, Limits, Peer, Remote, ws_service};
use ws_server::{Acceptor, ServerBuilder, WebSocketServer};
use ws_tests::raw::frames::{self, Frame, Hello, batch};

/// Encodes where it is told to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Picky(pub bool);

impl Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 { true.serialize(serializer) } else { Err(serde::ser::Error::custom("not today")) }
    }
}

#[ws_service]
pub trait Screen {
    #[ws(event)]
    async fn show(&self, ctx: &CallContext, text: String);
    #[ws(event)]
    async fn paint(&self, number: u32, pixels: Vec<u8>);
    #[ws(event)]
    async fn choose(&self, picky: Picky);
    async fn confirm(&self, ctx: &CallContext, question: String) -> bool;
    /// Answers when the gate is open.
    async fn think(&self) -> Result<u32, String>;
    async fn pick(&self, picky: Picky) -> Picky;
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Show { id: u64, text: String, tag: Option<String> },
    Paint(u32, usize),
    Choose,
}

pub fn shown(text: impl Into<String>) -> Told {
    Told::Show { id: 0, text: text.into(), tag: None }
}

/// Serves a screen. Its handlers wait at the gate.
pub struct Viewer {
    pub number: u32,
    pub tell: mpsc::UnboundedSender<Told>,
    pub gate: watch::Receiver<bool>,
    pub thinking: Arc<AtomicUsize>,
}

struct Thinks(Arc<AtomicUsize>);

impl Drop for Thinks {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Viewer {
    async fn told(&self, told: Told) {
        self.gate.clone().wait_for(|open| *open).await.expect("the test holds the gate");
        // After the test nobody listens.
        let _ = self.tell.send(told);
    }
}

impl Screen for Viewer {
    async fn show(&self, ctx: &CallContext, text: String) {
        let tag = ctx.metadata("tag").map(str::to_owned);
        self.told(Told::Show { id: ctx.event_id(), text, tag }).await;
    }
    async fn paint(&self, number: u32, pixels: Vec<u8>) {
        assert!(pixels.iter().all(|pixel| *pixel == number.to_le_bytes()[0]));
        self.told(Told::Paint(number, pixels.len())).await;
    }
    async fn choose(&self, _picky: Picky) {
        self.told(Told::Choose).await;
    }
    async fn confirm(&self, ctx: &CallContext, question: String) -> bool {
        question == ctx.metadata("tag").unwrap_or_default()
    }
    async fn think(&self) -> Result<u32, String> {
        self.thinking.fetch_add(1, Ordering::SeqCst);
        let _thinks = Thinks(Arc::clone(&self.thinking));
        self.gate.clone().wait_for(|open| *open).await.expect("the test holds the gate");
        if self.number % 2 == 0 { Ok(self.number) } else { Err(format!("{} is odd", self.number)) }
    }
    async fn pick(&self, picky: Picky) -> Picky {
        picky
    }
}

/// A client, and the server's end of its connection.
pub struct Seat {
    pub serving: Connection<ScreenRemote>,
    pub client: Connection<()>,
    pub told: mpsc::UnboundedReceiver<Told>,
    pub gate: watch::Sender<bool>,
    pub thinking: Arc<AtomicUsize>,
}

impl Seat {
    pub fn open(&self) {
        self.gate.send_replace(true);
    }
    pub fn shut(&self) {
        self.gate.send_replace(false);
    }
    /// What comes next.
    pub async fn next(&mut self) -> Told {
        ws_tests::fixture::heard(&mut self.told).await.expect("the client lives")
    }
    /// Everything that was told so far.
    pub fn all(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

/// A server that takes connections in memory.
pub struct Stage {
    pub server: WebSocketServer<(), (), ScreenRemote>,
    accepted: mpsc::UnboundedReceiver<Connection<ScreenRemote>>,
    tell: mpsc::UnboundedSender<Connection<ScreenRemote>>,
    seats: u32,
}

impl Stage {
    pub fn new(limits: Limits) -> Self {
        Self::of(WebSocketServer::builder().limits(limits))
    }

    pub fn of(builder: ServerBuilder<(), (), ScreenRemote>) -> Self {
        let (tell, accepted) = mpsc::unbounded_channel();
        Self { server: builder.build().expect("good limits"), accepted, tell, seats: 0 }
    }

    async fn attach(&mut self, pipe: MemoryTransport, encoding: Encoding) {
        let (server, tell) = (self.server.clone(), self.tell.clone());
        let handler = move |acceptor: Acceptor<(), (), ScreenRemote>| {
            let tell = tell.clone();
            async move {
                let connection = acceptor.accept(()).await?;
                tell.send(connection).expect("the stage lives");
                Ok(())
            }
        };
        tokio::spawn(async move { server.attach(pipe, encoding, handler).await });
    }

    /// A client with these limits, its gate open; the pipe holds so many messages each way.
    pub async fn seat(&mut self, limits: &Limits, encoding: Encoding, pipe: usize) -> Seat {
        let (here, there) = memory_pair(pipe);
        self.attach(there, encoding).await;
        let ((tell, told), (gate, gated), thinking) =
            (mpsc::unbounded_channel(), watch::channel(true), Arc::<AtomicUsize>::default());
        let viewer = Viewer { number: self.seats, tell, gate: gated, thinking: Arc::clone(&thinking) };
        self.seats += 1;
        let connector =
            WebSocketConnector::<(), ScreenProvider<Viewer>, ()>::builder(()).limits(limits.clone());
        let connector = connector.encodings([encoding]).build().expect("good limits");
        let client = connector.attach(here, encoding, ScreenProvider::new(viewer)).await.expect("accepted");
        let serving = self.accepted.recv().await.expect("the server's end");
        Seat { serving, client, told, gate, thinking }
    }

    /// So many of them, of one encoding after the other.
    pub async fn seats(&mut self, limits: &Limits, count: usize) -> Vec<Seat> {
        let mut seats = Vec::new();
        for encoding in Encoding::available().iter().cycle().take(count) {
            seats.push(self.seat(limits, *encoding, 4).await);
        }
        seats
    }

    /// A client by hand, which reads what it is asked to and no more.
    pub async fn by_hand(&mut self, hello: Hello, pipe: usize) -> (Connection<ScreenRemote>, ByHand) {
        let (here, there) = memory_pair(pipe);
        self.attach(there, Encoding::Bincode).await;
        let mut by_hand = ByHand(here);
        by_hand.send([hello.with_header(&[])]).await;
        let frames = by_hand.next().await;
        assert!(matches!(frames[..], [Frame::Welcome { .. }]), "{frames:?}");
        (self.accepted.recv().await.expect("the server's end"), by_hand)
    }
}

pub struct ByHand(pub MemoryTransport);

impl ByHand {
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) {
        self.0.start_send(batch(frames).into()).expect("not closed");
        // The other side may have closed meanwhile.
        let _ = poll_fn(|cx| self.0.poll_flush(cx)).await;
    }

    /// The frames of the next message; none where the connection ends.
    pub async fn next(&mut self) -> Vec<Frame> {
        match poll_fn(|cx| self.0.poll_receive(cx)).await {
            Received::Message(message) => frames::split(&message).into_iter().map(frames::read).collect(),
            _ => Vec::new(),
        }
    }
}

/// The stub for these connections.
pub fn handle<R: Remote>(connections: &[&Connection<R>]) -> BroadcastHandle {
    let peers: Vec<Peer> = connections.iter().map(|connection| connection.peer()).collect();
    BroadcastHandle::new(Arc::new(move || peers.clone()))
}

pub fn to(seats: &[Seat]) -> BroadcastHandle {
    handle(&seats.iter().map(|seat| &seat.serving).collect::<Vec<_>>())
}

pub fn screens(handle: BroadcastHandle) -> ScreenBroadcast {
    ScreenBroadcast::from_handle(handle)
}

/// Lets everybody else run until there is nothing to do: a paused clock moves no sooner.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// No pings in between.
pub fn quiet() -> Limits {
    Limits::default().ping_interval(Duration::from_secs(3600))
}
