//! The canonical program: both directions, activation by a typed header, over a real socket and with every encoding.

use serde::{Deserialize, Serialize};
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{Encoding, ws_service};
use ws_server::{Rejection, WebSocketServer};

#[ws_service]
pub trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
}

#[ws_service]
pub trait Progress {
    #[ws(event)]
    async fn step(&self, done: u32);
    async fn confirm(&self, question: String) -> bool;
}

#[derive(Serialize, Deserialize)]
pub struct Login {
    pub token: String,
}

struct Calc {
    client: ProgressRemote,
}

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        if self.client.confirm(format!("add {a} and {b}?")).await.unwrap_or(false) { a + b } else { 0 }
    }
}

struct Ui;

impl Progress for Ui {
    async fn step(&self, _done: u32) {}
    async fn confirm(&self, _question: String) -> bool {
        true
    }
}

#[tokio::test]
async fn both_directions() -> Result<(), Box<dyn std::error::Error>> {
    let server = WebSocketServer::<Login, CalculatorProvider<Calc>, ProgressRemote>::new();
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            if acceptor.header().token != "secret" {
                return acceptor.reject(Rejection::unauthorized("bad token")).await;
            }
            let client = acceptor.remote();
            let connection = acceptor.accept(CalculatorProvider::new(Calc { client })).await?;
            connection.remote().step(0).await?;
            Ok(())
        })
        .await?;

    let connector = WebSocketConnector::<Login, ProgressProvider<Ui>, CalculatorRemote>::new(Login {
        token: "secret".into(),
    });
    let connection = connector.connect(format!("ws://{address}"), ProgressProvider::new(Ui)).await?;
    assert_eq!(connection.remote().add(2, 3).await?, 5);
    connection.close().await;
    server.close().await;
    Ok(())
}

#[tokio::test]
async fn every_encoding_and_a_rejection() -> Result<(), Box<dyn std::error::Error>> {
    let server = WebSocketServer::<Login, CalculatorProvider<Calc>, ProgressRemote>::new();
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            if acceptor.header().token != "secret" {
                return acceptor.reject(Rejection::unauthorized("bad token")).await;
            }
            let client = acceptor.remote();
            acceptor.accept(CalculatorProvider::new(Calc { client })).await?;
            Ok(())
        })
        .await?;
    for encoding in Encoding::available() {
        for token in ["secret", "guess"] {
            let header = Login { token: token.into() };
            let connector =
                WebSocketConnector::<Login, ProgressProvider<Ui>, CalculatorRemote>::builder(header)
                    .encodings([*encoding])
                    .build()?;
            match connector.connect(format!("ws://{address}"), ProgressProvider::new(Ui)).await {
                Ok(connection) => {
                    assert_eq!(token, "secret");
                    assert_eq!(connection.remote().add(2, 3).await?, 5);
                    assert_eq!(connection.pending(), 0);
                    let info = connection.close().await;
                    assert!(info.clean, "{info}");
                }
                Err(ConnectError::Rejected { code, reason }) => {
                    assert_eq!((token, code, reason.as_str()), ("guess", 4501, "bad token"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    server.close().await;
    assert_eq!(server.counts().active, 0);
    Ok(())
}
