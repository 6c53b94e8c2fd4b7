//! What the steps of a call cost, counted in instructions by callgrind. See `benches/README.md`.

mod callgrind;
mod cases;
mod contract;
mod counts;
mod links;
mod replay;

use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        // What callgrind looks at.
        ["run", case, times] => run(case, times),
        ["record"] => counts::record(),
        [] => counts::check(),
        _ => Err("usage: ws-micro [record]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws-micro: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(case: &str, times: &str) -> Result<(), Failure> {
    let case = cases::ALL.iter().find(|one| one.name == case).ok_or("no such case")?;
    (case.run)(times.parse()?)
}
