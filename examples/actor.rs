//! An actor: one loop owns the state, no lock is needed, and the messages of all clients come to it one after another.
//!
//! `cargo run --example actor`

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ws_client::WebSocketConnector;
use ws_core::{CallError, RequestProvider, Requests, ws_service};
use ws_server::WebSocketServer;

/// A bank with one counter.
#[ws_service]
pub trait Bank {
    /// The balance after the deposit.
    async fn deposit(&self, account: String, amount: u64) -> u64;

    /// The balance after the withdrawal, or why there was none.
    async fn withdraw(&self, account: String, amount: u64) -> Result<u64, Overdrawn>;

    /// Counts what is in the vault, which takes a while.
    async fn audit(&self) -> u64;

    /// A word to the clerk.
    #[ws(event)]
    async fn greet(&self, text: String);
}

/// The account holds only so much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overdrawn {
    /// The balance.
    pub balance: u64,
}

/// Serves until no connection and no server is left that could feed it; gives the accounts as they are then.
///
/// In place of an implementation of the trait there is a stream of its messages, `BankRequest`, each call with a handle
/// to answer it by.
async fn clerk(mut requests: Requests<BankRequest>) -> BTreeMap<String, u64> {
    let mut accounts = BTreeMap::new();
    while let Some(request) = requests.next().await {
        match request {
            BankRequest::Deposit { account, amount, reply } => {
                let balance = accounts.entry(account).or_insert(0);
                *balance += amount;
                reply.send(*balance);
            }
            BankRequest::Withdraw { account, amount, reply } => {
                let balance = accounts.entry(account).or_insert(0);
                match balance.checked_sub(amount) {
                    Some(rest) => {
                        *balance = rest;
                        reply.send(rest);
                    }
                    None => reply.fail(Overdrawn { balance: *balance }),
                }
            }
            BankRequest::Audit { reply } => {
                // What takes long must not hold up the others: the handle goes along into a task.
                let all = accounts.values().sum();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    reply.send(all);
                });
            }
            BankRequest::Greet { text } => println!("the clerk hears: {text}"),
        }
    }
    accounts
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // At most 16 requests wait for the clerk. Those beyond wait on their connections, within the limits of these, and
    // in the end at the clients: nothing grows without bound.
    let (provider, requests) = BankRequest::channel(16);
    let clerk = tokio::spawn(clerk(requests));

    let server = WebSocketServer::<(), RequestProvider<BankRequest>, ()>::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            // Clones feed the same loop.
            let provider = provider.clone();
            async move {
                acceptor.accept(provider).await?;
                Ok(())
            }
        })
        .await?;

    let connector = WebSocketConnector::<(), (), BankRemote>::new(());
    let (first, second) = (
        connector.connect(format!("ws://{address}"), ()).await?,
        connector.connect(format!("ws://{address}"), ()).await?,
    );
    first.remote().greet("good morning".to_owned()).await?;

    println!("two clients pay into one account");
    let mut deposits = Vec::new();
    for client in [&first, &second] {
        for _ in 0..50 {
            deposits.push(tokio::spawn(client.remote().deposit("ours".to_owned(), 1)));
        }
    }
    let audit = tokio::spawn(first.remote().audit());
    for deposit in deposits {
        deposit.await??;
    }
    println!("  balance {}", first.remote().deposit("ours".to_owned(), 0).await?);

    match second.remote().withdraw("ours".to_owned(), 1000).await {
        Err(CallError::App(Overdrawn { balance })) => println!("  1000 is too much: there are {balance}"),
        other => return Err(format!("expected a refusal, got {other:?}").into()),
    }
    println!("  the audit found {} when it began", audit.await??);

    // The loop ends by itself when all that feeds it has gone: the connections, and the server with its handler.
    first.close().await;
    second.close().await;
    server.close().await;
    drop(server);
    let accounts = clerk.await?;
    println!("the clerk goes home; the books say {accounts:?}");
    assert_eq!(accounts.get("ours"), Some(&100));
    Ok(())
}
