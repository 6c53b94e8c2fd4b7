//! What an idle connection holds at the server: bytes of its heap, and resident ones. See `benches/README.md`.

#[path = "../contract.rs"]
mod contract;

use std::alloc::System;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use futures::future::try_join_all;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use ws_client::WebSocketConnector;
use ws_core::{Connection, Limits};
use ws_server::WebSocketServer;

use contract::{Record, WorkProvider, WorkRemote, Worker};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// After which a side pings.
const SILENCE: Duration = Duration::from_secs(2);

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["clients", url, count] => clients(url, count).await,
        [count] => server(count).await,
        [] => server("2000").await,
        _ => Err("usage: rest [connections]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn limits(count: usize) -> Limits {
    Limits::default().max_unactivated(count).max_unactivated_per_address(count).ping_interval(SILENCE)
}

async fn server(count: &str) -> Result<(), Failure> {
    let connections: usize = count.parse()?;
    let server =
        WebSocketServer::<(), WorkProvider<Worker>, ()>::builder().limits(limits(connections)).build()?;
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            acceptor.accept(WorkProvider::new(Worker)).await?;
            Ok(())
        })
        .await?;
    let before = Held::now()?;
    let mut clients = Clients::start(&format!("ws://{address}"), count)?;
    println!("{connections} connections; bytes for each, at the server\n");
    println!("| after | heap | allocations | resident |\n|---|---|---|---|");
    for after in ["the acceptance", "one small call", "a call of 64 KiB"] {
        clients.next().await?;
        // After a ping, when a connection has given back what it does not need.
        tokio::time::sleep(2 * SILENCE).await;
        let each = |now: usize, before: usize| (now.saturating_sub(before)) / connections;
        let now = Held::now()?;
        println!(
            "| {after} | {} | {} | {} |",
            each(now.bytes, before.bytes),
            each(now.allocations, before.allocations),
            each(now.resident, before.resident)
        );
    }
    clients.child.kill().await?;
    Ok(())
}

struct Held {
    bytes: usize,
    allocations: usize,
    resident: usize,
}

impl Held {
    fn now() -> Result<Self, Failure> {
        let stats = HEAP.stats();
        let pages = std::fs::read_to_string("/proc/self/statm")?;
        let pages: usize = pages.split(' ').nth(1).ok_or("no resident pages")?.parse()?;
        let bytes = stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated);
        let allocations = stats.allocations - stats.deallocations;
        Ok(Self { bytes, allocations, resident: pages * 4096 })
    }
}

/// A process of clients, which does its next step when it is told to.
struct Clients {
    child: Child,
    tell: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    fn start(url: &str, count: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["clients", url, count])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let tell = child.stdin.take().ok_or("no input of the clients")?;
        let told = child.stdout.take().ok_or("no output of the clients")?;
        Ok(Self { child, tell, told: BufReader::new(told).lines() })
    }

    async fn next(&mut self) -> Result<(), Failure> {
        self.tell.write_all(b".").await?;
        self.told.next_line().await?.ok_or("the clients ended")?;
        Ok(())
    }
}

async fn clients(url: &str, count: &str) -> Result<(), Failure> {
    let count: usize = count.parse()?;
    let mut told = tokio::io::stdin();
    told.read_u8().await?;
    let mut connections = Vec::new();
    for _ in 0..count {
        let connector =
            WebSocketConnector::<(), (), WorkRemote>::builder(()).limits(limits(count)).build()?;
        connections.push(connector.connect(url, ()).await?);
    }
    println!("connected");
    let large = Record { text: "x".repeat(64 << 10), ..Record::sample() };
    for record in [Record::sample(), large] {
        told.read_u8().await?;
        for some in connections.chunks(100) {
            try_join_all(some.iter().map(Connection::remote).map(|remote| remote.echo(record.clone())))
                .await?;
        }
        println!("called");
    }
    told.read_u8().await?;
    Ok(())
}
