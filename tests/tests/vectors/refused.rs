//! What a receiver answers by closing, by a real server and a real client.

use tokio::task::JoinHandle;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::protocol::{Frame, Frames, Hello, Reject, Welcome};
use ws_core::transport::memory_pair;
use ws_core::{Connection, Encoding};

use super::blocks::{Block, blocks, bytes};
use super::contracts::{CalculatorRemote, Login, ProgressProvider, Ui};
use super::exchanges::sample_server;
use super::played::{Played, limits};

#[test]
fn a_parser_refuses_what_is_malformed_by_itself() {
    for block in blocks("refused.txt") {
        let last = block.all("message").last().map(bytes).expect("a message");
        let frame = Frames::new(&last).last().expect("a frame or an error");
        let verdict = match frame {
            Err(_) => "no frame",
            Ok(frame) if parses(frame) => "well-formed",
            Ok(_) => "malformed",
        };
        assert_eq!(verdict, block.one("parse"), "{}", block.name);
    }
}

fn parses(frame: &[u8]) -> bool {
    match Frame::parse(frame) {
        Err(_) => false,
        Ok(Frame::Hello(fields)) => Hello::parse(fields).is_ok(),
        Ok(Frame::Welcome(fields)) => Welcome::parse(fields).is_ok(),
        Ok(Frame::Reject(fields)) => Reject::parse(fields).is_ok(),
        // What the engine bounds; by its form the frame is good.
        Ok(_) => true,
    }
}

#[tokio::test(start_paused = true)]
async fn p8_a_receiver_closes_with_the_code() {
    for block in blocks("refused.txt") {
        let code = match block.one("to") {
            "server" => server_refuses(&block).await,
            "client" => client_refuses(&block).await,
            to => panic!("{}: what is {to}?", block.name),
        };
        assert_eq!(code, block.number::<u16>("close"), "{}", block.name);
    }
}

/// The lines of the exchange in which a connection is opened.
fn opening(side: &str) -> Vec<Vec<u8>> {
    let open = blocks("exchanges.txt").into_iter().find(|block| block.name == "open").expect("`open`");
    open.all(side).map(bytes).collect()
}

async fn server_refuses(block: &Block) -> u16 {
    let (ours, theirs) = memory_pair(64);
    let (server, handler, _) = sample_server(limits(block.maybe("limits")), 0);
    tokio::spawn({
        let server = server.clone();
        async move { server.attach(theirs, Encoding::Bincode, handler).await }
    });
    let mut client = Played::new(ours);
    if block.one("state") == "open" {
        for message in opening("client") {
            client.send(message).await;
        }
        client.expect_kind(2, &block.name).await;
    }
    for message in block.all("message").map(bytes) {
        client.send(message).await;
    }
    client.closed_after_anything(&block.name).await
}

async fn client_refuses(block: &Block) -> u16 {
    let (ours, theirs) = memory_pair(64);
    let mut server = Played::new(ours);
    let connecting: JoinHandle<Result<Connection<CalculatorRemote>, ConnectError>> =
        tokio::spawn(async move {
            let connector = WebSocketConnector::new(Login { token: "secret".to_owned() });
            connector.attach(theirs, Encoding::Bincode, ProgressProvider::new(Ui)).await
        });
    let hello: Vec<_> = opening("client").into_iter().flatten().map(Some).collect();
    server.expect(&hello, &block.name).await;
    if block.one("state") == "open" {
        for message in opening("server") {
            server.send(message).await;
        }
    }
    for message in block.all("message").map(bytes) {
        server.send(message).await;
    }
    let code = server.closed_after_anything(&block.name).await;
    match connecting.await.expect("no panic") {
        Ok(connection) => assert!(!connection.is_open(), "{}", block.name),
        Err(ConnectError::NotOurProtocol(_)) => {}
        Err(error) => panic!("{}: {error}", block.name),
    }
    code
}
