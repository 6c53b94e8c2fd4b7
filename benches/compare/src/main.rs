//! This toolkit beside raw transports and peers, on the same work. See `benches/README.md`.

mod arguments;
mod machine;
mod ours;
mod processes;
mod report;
mod results;
mod suite;

use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use harness::{Outcome, raw, side};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: Vec<String>) -> Outcome<()> {
    match words.first().map(String::as_str) {
        Some("serve" | "drive") => one_side(words),
        Some("report") => report::run(&words[1..]),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        _ => processes::compare(&Arguments::read(&words)?),
    }
}

/// This process is one side of a measurement.
fn one_side(words: Vec<String>) -> Outcome<()> {
    side::run(
        words,
        |system, workload, listener| async move {
            if raw::SYSTEMS.iter().any(|(name, _)| *name == system) {
                return raw::serve(&system, listener).await.ok_or("no such system")?;
            }
            ours::serve(&system, workload, listener).await.ok_or("no such system")?
        },
        |system, workload, plan| async move {
            match raw::drive(&system, workload, &plan).await {
                Some(measured) => measured,
                None => ours::drive(&system, workload, &plan).await.ok_or("no such system")?,
            }
        },
    )
}
