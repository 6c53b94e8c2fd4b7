//! What the command line asks for.

use std::path::PathBuf;

use harness::{Outcome, Run};

use crate::suite;

pub const USAGE: &str = "\
compare [--quick] [--systems a,b] [--workloads x,y] [--rounds n] [--milliseconds n]
        [--server-cores 0] [--client-cores 1] [--out results.jsonl]
    measures, prints tables and writes the results
compare report results.jsonl [--docs folder]
    makes tables and plots of results; with a folder, puts them into its performance.md";

/// What is measured, and where it goes.
pub struct Arguments {
    pub quick: bool,
    pub systems: Vec<String>,
    pub runs: Vec<Run>,
    pub rounds: Option<usize>,
    pub milliseconds: Option<u64>,
    pub server_cores: Option<String>,
    pub client_cores: Option<String>,
    pub out: PathBuf,
}

impl Arguments {
    pub fn read(words: &[String]) -> Outcome<Self> {
        let mut read = Self {
            quick: false,
            systems: Vec::new(),
            runs: Vec::new(),
            rounds: None,
            milliseconds: None,
            server_cores: None,
            client_cores: None,
            out: PathBuf::from("results.jsonl"),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--quick" {
                read.quick = true;
                continue;
            }
            let value = || words.next().ok_or_else(|| format!("{word} what?\n{USAGE}"));
            match word.as_str() {
                "--systems" => read.systems = listed(value, system)?,
                "--workloads" => read.runs = listed(value, |name| Ok(name.parse::<Run>()?))?,
                "--rounds" => read.rounds = Some(value_of(value)?),
                "--milliseconds" => read.milliseconds = Some(value_of(value)?),
                "--server-cores" => read.server_cores = Some(value_of(value)?),
                "--client-cores" => read.client_cores = Some(value_of(value)?),
                "--out" => read.out = value_of(value)?,
                _ => return Err(format!("{word}?\n{USAGE}").into()),
            }
        }
        Ok(read)
    }
}

fn value_of<'a, T>(value: impl FnOnce() -> Result<&'a String, String>) -> Outcome<T>
where
    T: std::str::FromStr<Err: Into<harness::Failure>>,
{
    value()?.parse().map_err(Into::into)
}

fn listed<'a, T>(
    value: impl FnOnce() -> Result<&'a String, String>,
    one: impl Fn(&str) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    value()?.split(',').map(one).collect()
}

fn system(name: &str) -> Outcome<String> {
    if suite::systems().any(|(known, _)| known == name) {
        return Ok(name.to_owned());
    }
    let known: Vec<&str> = suite::systems().map(|(known, _)| known).collect();
    Err(format!("{name}: no system; there are {}", known.join(", ")).into())
}
