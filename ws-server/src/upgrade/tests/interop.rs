//! A real client over an in-memory stream.

use futures::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;

const AVAILABLE: &[&str] = &["ws-service.v1.bincode", "ws-service.v1.msgpack"];

fn client_request(offer: &'static str) -> http::Request<()> {
    let mut request = "ws://example.com/ws?room=a%20b".into_client_request().unwrap();
    let offer = http::HeaderValue::from_static(offer);
    request.headers_mut().insert("Sec-WebSocket-Protocol", offer);
    request
}

#[tokio::test(start_paused = true)]
async fn a_real_client_is_accepted_and_talks() {
    let (client, mut server) = duplex(4096);
    // Spawned, as a server does: every step is `Send`.
    let serve = tokio::spawn(async move {
        let limits = UpgradeLimits::default();
        let deadline = limits.deadline();
        let received = receive(&mut server, None, &limits, deadline).await.unwrap();
        let checks = UpgradeChecks::new().path("/ws");
        checks.run(&received.request, deadline).await.unwrap();
        assert_eq!(received.request.query_value("room").as_deref(), Some("a b"));
        let subprotocol = negotiate(received.request.subprotocols(), AVAILABLE).unwrap();
        accept(&mut server, &received.accept_key, Some(subprotocol), deadline).await.unwrap();
        let mut socket =
            WebSocketStream::from_partially_read(server, received.leftover, Role::Server, None).await;
        let message = socket.next().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
    });
    let talk = async {
        let request = client_request("unknown, ws-service.v1.msgpack, ws-service.v1.bincode");
        let (mut socket, response) = client_async(request, client).await.unwrap();
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "ws-service.v1.msgpack");
        socket.send(Message::text("hello")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    };
    talk.await;
    serve.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_real_client_that_is_refused_reads_why() {
    let (client, mut server) = duplex(4096);
    let serve = tokio::spawn(async move {
        let limits = UpgradeLimits::default();
        let received = receive(&mut server, None, &limits, limits.deadline()).await.unwrap();
        let refusal = negotiate(received.request.subprotocols(), AVAILABLE).unwrap_err();
        refuse(&mut server, &refusal).await.unwrap();
    });
    let talk = async {
        let error = client_async(client_request("unknown"), client).await.unwrap_err();
        let Error::Http(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), 400);
    };
    talk.await;
    serve.await.unwrap();
}
