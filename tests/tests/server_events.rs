//! What happens to a server, as a stream and as callbacks, each once and in order (R34).

use std::sync::{Arc, Mutex};

use futures::{FutureExt, StreamExt};
use ws_client::WebSocketConnector;
use ws_core::transport::memory_pair;
use ws_core::{ConnectionId, Encoding, code};
use ws_server::{Acceptor, HandlerError, Rejection, ServerEvent, ServerEvents, WebSocketServer};
use ws_tests::fixture::until_true;
use ws_tests::raw::Raw;

type Server = WebSocketServer<String, (), (), u32>;

async fn decide(acceptor: Acceptor<String, (), (), u32>) -> Result<(), HandlerError> {
    match acceptor.header().as_str() {
        "come" => {
            acceptor.context().set(7);
            acceptor.accept(()).await?;
        }
        "fail" => return Err(HandlerError::new("a reason for the log")),
        "drop" => {}
        _ => return acceptor.reject(Rejection::unauthorized("who are you?")).await,
    }
    Ok(())
}

fn connector(header: &str) -> WebSocketConnector<String, (), ()> {
    WebSocketConnector::new(header.to_owned())
}

/// Without waiting.
fn news(events: &mut ServerEvents) -> Vec<ServerEvent> {
    std::iter::from_fn(|| events.next().now_or_never().flatten()).collect()
}

fn kinds(events: &[ServerEvent]) -> Vec<&'static str> {
    let kind = |event: &ServerEvent| match event {
        ServerEvent::Listening { .. } => "listening",
        ServerEvent::Connected { .. } => "connected",
        ServerEvent::Activated { .. } => "activated",
        ServerEvent::Rejected { .. } => "rejected",
        ServerEvent::Disconnected { .. } => "disconnected",
        ServerEvent::Error { .. } => "error",
        ServerEvent::Closed => "closed",
        _ => "unknown",
    };
    events.iter().map(kind).collect()
}

#[tokio::test]
async fn a_life() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let server = Server::builder()
        .on_event(move |event| told.lock().expect("unpoisoned").push(event.clone()))
        .build()
        .expect("good options");
    let mut events = server.events();
    let address = server.open("127.0.0.1:0", decide).await.expect("a free port");
    let url = format!("ws://{address}");
    let client = connector("come").connect(&url, ()).await.expect("accepted");
    until_true(|| server.counts().active == 1).await;
    let serving = server.connections().remove(0);
    assert_eq!(server.header(serving.id()).as_deref().map(String::as_str), Some("come"));
    let contexts: Vec<_> = server.contexts().iter().map(ws_core::Context::get).collect();
    assert_eq!(contexts, [7]);
    client.close_with(4321, "enough").await;
    until_true(|| server.counts().connections == 0).await;
    assert!(server.header(serving.id()).is_none() && server.contexts().is_empty());
    for refused in ["go", "fail", "drop"] {
        connector(refused).connect(&url, ()).await.expect_err("not accepted");
        until_true(|| server.counts().connections == 0).await;
    }
    server.close().await;
    let mut all = news(&mut events);
    if !matches!(all.last(), Some(ServerEvent::Closed)) {
        // The state is told before the event.
        all.extend(events.next().await);
    }
    let id = serving.id();
    assert_eq!(all[0], ServerEvent::Listening { address });
    assert!(matches!(all[1], ServerEvent::Connected { id: connected, address: Some(_) } if connected == id));
    assert_eq!(all[2], ServerEvent::Activated { id });
    assert!(
        matches!(&all[3], ServerEvent::Disconnected { id: gone, info } if *gone == id && info.code == 4321)
    );
    let refused = ["connected", "rejected", "disconnected"];
    let failed = ["connected", "error", "rejected", "disconnected"];
    let expected = [&refused[..], &failed, &refused, &["closed"]].concat();
    assert_eq!(kinds(&all[4..]), expected);
    let reasons: Vec<_> = all
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Rejected { code, reason, .. } => Some((*code, reason.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [(code::UNAUTHORIZED, "who are you?"), (code::INTERNAL, ""), (code::POLICY, "not decided")]
    );
    assert_eq!(*log.lock().expect("unpoisoned"), all, "callbacks see the same in the same order");
    drop(server);
    assert_eq!(events.next().await, None);
}

/// A broken one would open the server for the first, and refuse who comes at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r2_a_server_is_opened_by_several_at_once() {
    for _ in 0..4000 {
        let (server, together) = (Server::new(), Arc::new(std::sync::Barrier::new(2)));
        let attach = || {
            let ((here, there), server, together) = (memory_pair(4), server.clone(), Arc::clone(&together));
            tokio::spawn(async move {
                let _here = here;
                together.wait();
                if let Some(refused) = server.attach(there, Encoding::Bincode, decide).now_or_never() {
                    refused.expect("open");
                }
            })
        };
        for attached in [attach(), attach()] {
            attached.await.expect("no panic");
        }
    }
}

/// A broken one would tell of an end twice, or not at all where a connection is aborted or was never accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r34_exactly_one_disconnect_for_each_connect() {
    let server = Server::new();
    let events = server.events();
    let mut clients = Vec::new();
    for round in 0..40 {
        let (here, there) = memory_pair(4);
        let attached = server.clone();
        tokio::spawn(async move { attached.attach(there, Encoding::Bincode, decide).await });
        match round % 4 {
            // Never says who it is, and goes.
            0 => drop(here),
            1 => drop(connector("go").attach(here, Encoding::Bincode, ()).await.expect_err("rejected")),
            2 => drop(connector("come").attach(here, Encoding::Bincode, ()).await.expect("accepted")),
            _ => clients.push(connector("come").attach(here, Encoding::Bincode, ()).await.expect("accepted")),
        }
    }
    until_true(|| server.counts().connections == clients.len()).await;
    // The rest is aborted with the server.
    drop(server);
    let all: Vec<_> = events.collect().await;
    let of = |wanted: fn(&ServerEvent) -> Option<ConnectionId>| {
        let mut ids: Vec<_> = all.iter().filter_map(wanted).collect();
        ids.sort_unstable();
        ids
    };
    let connected = of(|event| match event {
        ServerEvent::Connected { id, .. } => Some(*id),
        _ => None,
    });
    let disconnected = of(|event| match event {
        ServerEvent::Disconnected { id, .. } => Some(*id),
        _ => None,
    });
    assert_eq!(connected.len(), 40);
    assert_eq!(connected, disconnected);
    let mut unique = connected.clone();
    unique.dedup();
    assert_eq!(unique.len(), 40, "ids are never reused");
}

#[tokio::test]
async fn r35_who_breaks_the_protocol_is_an_error() {
    let server = Server::new();
    let mut events = server.events();
    let (here, there) = tokio::io::duplex(4096);
    let attached = server.clone();
    tokio::spawn(async move { attached.accept_stream(there, None, decide).await });
    let mut raw = Raw::upgrade(Box::new(here), Encoding::Bincode).await;
    raw.binary(vec![0xff; 3]).await;
    assert_eq!(raw.close_code().await, code::PROTOCOL);
    drop(raw);
    until_true(|| server.counts().connections == 0).await;
    let all = news(&mut events);
    assert_eq!(kinds(&all), ["connected", "error", "disconnected"], "{all:?}");
}
