//! A contract with messages of every kind, and an interceptor that does what a test says.

use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, Denial, FailureKind, Interception, Interceptor, Limits, Router, Streaming, ws_service,
};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Carrier, Ends, connect_by, until_true};

pub type Way = (Carrier, ws_core::Encoding);

#[ws_service]
pub trait Shop {
    async fn price(&self, item: String, count: u32) -> u32;
    async fn discount(&self, item: String, count: u32) -> u32;
    async fn buy(&self, item: String, count: u32) -> Result<u32, Refused>;
    async fn long(&self, bytes: u32) -> String;
    #[ws(event)]
    async fn note(&self, text: String);
    #[ws(event)]
    async fn whisper(&self, text: String);
    #[ws(nested)]
    fn cellar(&self) -> &impl Cellar;
    fn countdown(&self, from: u32) -> impl Stream<Item = u32> + Send;
    async fn sum(&self, numbers: Streaming<u32>) -> u32;
}

#[ws_service]
pub trait Cellar {
    async fn bottles(&self, year: u32) -> u32;
    #[ws(event)]
    async fn knock(&self, times: u32);
}

/// A declared error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    SoldOut { left: u32 },
    ByHouseRule(String),
}

/// What ran and what was seen, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, text: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(text.into());
    }
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("unpoisoned"))
    }
    pub fn len(&self) -> usize {
        self.0.lock().expect("unpoisoned").len()
    }
}

#[derive(Clone, Default)]
pub struct Corner(pub Log);

impl Shop for Corner {
    async fn price(&self, item: String, count: u32) -> u32 {
        self.0.note(format!("price {item} {count}"));
        tokio::task::yield_now().await;
        count * 10
    }
    async fn discount(&self, item: String, count: u32) -> u32 {
        self.0.note(format!("discount {item} {count}"));
        count * 5
    }
    async fn buy(&self, item: String, count: u32) -> Result<u32, Refused> {
        self.0.note(format!("buy {item} {count}"));
        if count > 7 { Err(Refused::SoldOut { left: 7 }) } else { Ok(count) }
    }
    async fn long(&self, bytes: u32) -> String {
        "x".repeat(bytes as usize)
    }
    async fn note(&self, text: String) {
        self.0.note(format!("note {text}"));
    }
    async fn whisper(&self, text: String) {
        self.0.note(format!("whisper {text}"));
    }
    fn cellar(&self) -> &impl Cellar {
        self
    }
    fn countdown(&self, from: u32) -> impl Stream<Item = u32> + Send {
        self.0.note(format!("countdown {from}"));
        stream::iter((0..from).rev())
    }
    async fn sum(&self, mut numbers: Streaming<u32>) -> u32 {
        self.0.note("sum");
        let mut sum = 0;
        while let Some(Ok(number)) = numbers.next().await {
            sum += number;
        }
        sum
    }
}

impl Cellar for Corner {
    async fn bottles(&self, year: u32) -> u32 {
        self.0.note(format!("bottles {year}"));
        year
    }
    async fn knock(&self, times: u32) {
        self.0.note(format!("knock {times}"));
    }
}

/// The four points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    Send,
    Receive,
    Returns,
    Complete,
}

pub const POINTS: [Point; 4] = [Point::Send, Point::Receive, Point::Returns, Point::Complete];

/// An interceptor that does what the test says, at every point.
pub struct By<F>(pub F);

impl<F> Interceptor for By<F>
where
    F: Fn(Point, &mut Interception<'_>) -> Result<(), Denial> + Send + Sync + 'static,
{
    fn send(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        (self.0)(Point::Send, message)
    }
    fn receive(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        (self.0)(Point::Receive, message)
    }
    fn returns(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        (self.0)(Point::Returns, message)
    }
    fn complete(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        (self.0)(Point::Complete, message)
    }
}

/// `act` at this point, and nothing elsewhere.
pub fn at<A>(
    point: Point,
    act: A,
) -> By<impl Fn(Point, &mut Interception<'_>) -> Result<(), Denial> + Clone + Send + Sync + 'static>
where
    A: Fn(&mut Interception<'_>) -> Result<(), Denial> + Clone + Send + Sync + 'static,
{
    By(move |now: Point, message: &mut Interception<'_>| if now == point { act(message) } else { Ok(()) })
}

pub type Serving = (ShopProvider<Corner>, Router);

/// A shop with a router beside it, whose calls pass `server`'s interceptor, and `client`'s.
pub async fn open(
    way: Way,
    log: &Log,
    server: impl Interceptor,
    client: impl Interceptor,
) -> Ends<Serving, (), ShopRemote> {
    open_told(way, log, server, client, None).await
}

/// A failure that the server was told of.
pub type Told = (Option<String>, FailureKind, Option<String>);

/// The same, and what fails is told.
pub async fn open_told(
    way: Way,
    log: &Log,
    server: impl Interceptor,
    client: impl Interceptor,
    tell: Option<UnboundedSender<Told>>,
) -> Ends<Serving, (), ShopRemote> {
    let mut server = WebSocketServer::builder().limits(Limits::default()).intercept(server);
    if let Some(tell) = tell {
        server = server.on_failure(move |failure| {
            let _ = tell.send((
                failure.method.map(str::to_owned),
                failure.kind,
                failure.detail.map(str::to_owned),
            ));
        });
    }
    let connector = WebSocketConnector::builder(()).intercept(client);
    let log = log.clone();
    let routes = Router::new();
    let route_log = log.clone();
    routes
        .add("shop/sum", move |_: CallContext, (item, count): (String, u32)| {
            route_log.note(format!("shop/sum {item} {count}"));
            async move { count + 1 }
        })
        .expect("a free name");
    let serves = move |(): ()| (ShopProvider::new(Corner(log.clone())), routes.clone());
    connect_by(way, server, connector, serves, |_: ShopRemote| ()).await
}

/// Nothing is left of what went on (R18), and the connection lives.
pub async fn at_rest(ends: &Ends<Serving, (), ShopRemote>) {
    until_true(|| {
        ends.client.pending() == 0
            && ends.serving.pending() == 0
            && ends.serving.running() == 0
            && ends.client.streams() == 0
            && ends.serving.streams() == 0
    })
    .await;
    assert!(ends.client.is_open() && ends.serving.is_open());
}

/// An interceptor that lets everything pass.
pub struct Nothing;

impl Interceptor for Nothing {}
