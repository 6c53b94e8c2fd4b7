//! How long a small call takes while its connection streams: a server and a client as two processes, each on a core of
//! its own. See `benches/README.md`.

mod client;
mod contract;
mod memory;
mod server;

use std::process::{Command as Plain, ExitCode, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve"] => server::run().await,
        ["call", url, pid, rest @ ..] => client::run(url, pid, rest.contains(&"--quick")).await,
        [] => both(false).await,
        ["--quick"] => both(true).await,
        _ => Err("usage: latency [--quick]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the two processes; the client prints what it measured.
async fn both(quick: bool) -> Result<(), Failure> {
    let pinned = can_pin();
    println!("{}", if pinned { "server on core 0, client on core 1" } else { "not pinned: no taskset here" });
    let mut server = process(pinned.then_some("0"))?
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = server.stdout.take().ok_or("no output of the server")?;
    let url = BufReader::new(out).lines().next_line().await?.ok_or("the server ended")?;
    let pid = server.id().ok_or("the server ended")?;
    let mut client = process(pinned.then_some("1"))?;
    client.args(["call", &url, &pid.to_string()]).kill_on_drop(true);
    if quick {
        client.arg("--quick");
    }
    let status = client.status().await?;
    server.kill().await?;
    if status.success() { Ok(()) } else { Err("the client failed".into()) }
}

/// This program again, on a core where one is named. `taskset` becomes the program, so that its id is the program's.
fn process(core: Option<&str>) -> Result<Command, Failure> {
    let program = std::env::current_exe()?;
    Ok(match core {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(program);
            command
        }
    })
}

fn can_pin() -> bool {
    let tried = Plain::new("taskset").args(["-c", "0,1", "true"]).stderr(Stdio::null()).status();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores > 1 && tried.is_ok_and(|status| status.success())
}
