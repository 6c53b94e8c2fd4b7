//! A calculator that asks back: calls in both directions, a typed error, a cancellation, a deadline and a rejected
//! header, with server and client in one process.
//!
//! `cargo run --example calculator`

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{CallContext, CallError, CallOptions, ws_service};
use ws_server::{Rejection, WebSocketServer};

/// What the server serves.
#[ws_service]
pub trait Calculator {
    /// The sum, once the client has confirmed it.
    async fn add(&self, a: i64, b: i64) -> i64;

    /// The quotient, or why there is none.
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError>;

    /// Finds the prime factors the slow way, telling the client how far it is.
    async fn factorize(&self, ctx: &CallContext, number: u64) -> Vec<u64>;
}

/// What the client serves to the server.
#[ws_service]
pub trait Progress {
    /// So much is done.
    #[ws(event)]
    async fn step(&self, percent: u32);

    /// Asks the person in front of the screen.
    async fn confirm(&self, question: String) -> bool;
}

/// Why a division has no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DivideError {
    /// The divisor is zero.
    ByZero,
    /// The quotient exceeds 64 bits.
    Overflow,
}

/// The header: what a client must send first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Login {
    /// The password of the house.
    pub token: String,
}

struct Calc {
    client: ProgressRemote,
    /// How many factorizations run now: shows that a cancelled one stops.
    running: watch::Sender<u32>,
}

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        if self.client.confirm(format!("add {a} and {b}?")).await.unwrap_or(false) { a + b } else { 0 }
    }

    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, DivideError> {
        if divisor == 0 {
            return Err(DivideError::ByZero);
        }
        dividend.checked_div(divisor).ok_or(DivideError::Overflow)
    }

    async fn factorize(&self, ctx: &CallContext, mut number: u64) -> Vec<u64> {
        // Dropped wherever the handler is: at its end, at its deadline, when the client gives up.
        let _running = Running::new(&self.running);
        let client: ProgressRemote = ctx.remote();
        let mut factors = Vec::new();
        let mut candidate = 2;
        while number > 1 {
            if number % candidate == 0 {
                factors.push(candidate);
                number /= candidate;
                continue;
            }
            candidate += 1;
            if candidate % 1000 == 0 {
                // A client that has gone is no reason to fail; this call ends with it anyway.
                let _ = client.step((candidate * 100 / number.max(candidate)) as u32).lossy().await;
                // A handler that computes must let others have their turn.
                tokio::task::yield_now().await;
            }
        }
        factors
    }
}

struct Running(watch::Sender<u32>);

impl Running {
    fn new(count: &watch::Sender<u32>) -> Self {
        count.send_modify(|running| *running += 1);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

struct Ui;

impl Progress for Ui {
    async fn step(&self, _percent: u32) {}

    async fn confirm(&self, question: String) -> bool {
        println!("  server asks: {question} – yes");
        true
    }
}

type Server = WebSocketServer<Login, CalculatorProvider<Calc>, ProgressRemote>;
type Connector = WebSocketConnector<Login, ProgressProvider<Ui>, CalculatorRemote>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let running = watch::Sender::new(0);
    let mut watching = running.subscribe();

    let server = Server::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let running = running.clone();
            async move {
                if acceptor.header().token != "secret" {
                    return acceptor.reject(Rejection::unauthorized("bad token")).await;
                }
                let client = acceptor.remote();
                acceptor.accept(CalculatorProvider::new(Calc { client, running })).await?;
                Ok(())
            }
        })
        .await?;
    let url = format!("ws://{address}");
    println!("the server listens on {address}");

    println!("a wrong token:");
    let stranger = Connector::new(Login { token: "guess".into() });
    match stranger.connect(&url, ProgressProvider::new(Ui)).await {
        Err(ConnectError::Rejected { code, reason }) => println!("  rejected with {code}: {reason}"),
        other => return Err(format!("expected a rejection, got {other:?}").into()),
    }

    println!("the right token:");
    let connector = Connector::new(Login { token: "secret".into() });
    let connection = connector.connect(&url, ProgressProvider::new(Ui)).await?;
    let calculator = connection.remote();

    println!("  2 + 3 = {}", calculator.add(2, 3).await?);

    println!("a typed error:");
    match calculator.divide(1, 0).await {
        Err(CallError::App(DivideError::ByZero)) => println!("  1 / 0: by zero"),
        other => return Err(format!("expected a declared error, got {other:?}").into()),
    }

    println!("a deadline:");
    const LARGE_PRIME: u64 = 18_446_744_073_709_551_557;
    let hurried = calculator.with(CallOptions::new().deadline(Duration::from_millis(50)));
    match hurried.factorize(LARGE_PRIME).await {
        Err(CallError::Timeout(_)) => println!("  50 ms are not enough to factorize {LARGE_PRIME}"),
        other => return Err(format!("expected a timeout, got {other:?}").into()),
    }
    watching.wait_for(|running| *running == 0).await?;
    println!("  the server has stopped trying");

    println!("a cancellation:");
    let call = tokio::spawn(calculator.factorize(LARGE_PRIME));
    watching.wait_for(|running| *running == 1).await?;
    println!("  the server computes");
    call.abort();
    watching.wait_for(|running| *running == 0).await?;
    println!("  the call was dropped here, and the server has stopped");

    println!("  and 360 = {:?}", calculator.factorize(360).await?);

    let info = connection.close().await;
    println!("the connection: {info}");
    server.close().await;
    println!("the server: {}", server.state());
    Ok(())
}
