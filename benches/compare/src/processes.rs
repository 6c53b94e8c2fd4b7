//! Runs the two processes of each measurement, and takes turns between systems.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::{Measured, Outcome, Run, Runtime, raise_file_limit};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::machine::Machine;
use crate::report::{table, verdicts};
use crate::results::{Entry, Missing, Writing};
use crate::suite::{Turns, is_peer, turns};

/// No measurement takes longer, connecting and all.
const LONGEST: Duration = Duration::from_secs(60);
/// Files that a process has open beside its connections.
const OTHER_FILES: u64 = 64;

/// The cores of each side.
struct Cores {
    one: [String; 2],
    all: [String; 2],
}

impl Cores {
    /// The first core serves and the second drives; with as many threads as there are cores, each has a half of them.
    /// On a machine of one core nothing is pinned.
    fn new(arguments: &Arguments) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let list =
            |range: std::ops::Range<usize>| range.map(|core| core.to_string()).collect::<Vec<_>>().join(",");
        let (one, all) = match cores {
            1 => ([String::new(), String::new()], [String::new(), String::new()]),
            _ => ([list(0..1), list(1..2)], [list(0..cores / 2), list(cores / 2..cores)]),
        };
        let named = [&arguments.server_cores, &arguments.client_cores];
        let or = |cores: [String; 2]| {
            let mut cores = cores.into_iter();
            named.map(|named| named.clone().unwrap_or_else(|| cores.next().unwrap_or_default()))
        };
        Self { one: or(one), all: or(all) }
    }

    fn of(&self, run: Run) -> &[String; 2] {
        match run.runtime {
            Runtime::CurrentThread => &self.one,
            Runtime::MultiThread => &self.all,
        }
    }
}

impl std::fmt::Display for Cores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { one: [server, client], all: [servers, clients] } = self;
        if server.is_empty() {
            return f.write_str("not pinned");
        }
        write!(f, "server on core {server}, client on core {client}; @multi on {servers} and {clients}")
    }
}

/// Measures, prints and writes what is asked for.
pub fn compare(arguments: &Arguments) -> Outcome<()> {
    let turns = turns(arguments.quick, &arguments.runs, &arguments.systems);
    let own = std::env::current_exe()?;
    let peers = own.with_file_name("peers");
    if turns.iter().any(|turn| turn.systems.iter().any(|system| is_peer(system))) {
        build_peers()?;
    }
    let files = raise_file_limit()?;
    let cores = Cores::new(arguments);
    let machine = Machine::here(cores.to_string(), arguments.quick);
    println!("{machine}\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let mut measuring = Measuring {
        writing: Writing::begin(&arguments.out, machine)?,
        programs: [own, peers],
        files,
        cores,
        quick: arguments.quick,
    };
    for turn in &turns {
        let rounds = arguments.rounds.unwrap_or(turn.rounds);
        let milliseconds = arguments.milliseconds.unwrap_or(turn.milliseconds);
        runtime.block_on(measuring.take(&Turns { rounds, milliseconds, ..turn.clone() }))?;
        println!("{}", table(&measuring.writing.results, turn.run));
    }
    let results = &measuring.writing.results;
    print!("{}", verdicts(results));
    println!("\n{} s; results in {}", began.elapsed().as_secs(), arguments.out.display());
    Ok(())
}

/// The peers take long to compile, once.
fn build_peers() -> Outcome<()> {
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(|folder| folder.parent()).ok_or("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "peers", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .status()?;
    if status.success() { Ok(()) } else { Err("the peers do not compile".into()) }
}

struct Measuring {
    writing: Writing,
    /// This one, and that of the peers.
    programs: [PathBuf; 2],
    files: u64,
    cores: Cores,
    quick: bool,
}

impl Measuring {
    /// Every system in its turn, there and back again, so that no system always follows the same other.
    async fn take(&mut self, turns: &Turns) -> Outcome<()> {
        let run = turns.run;
        let files = run.workload.connections() as u64 + OTHER_FILES;
        if files > self.files {
            for system in &turns.systems {
                self.miss(run, system, format!("needs {files} open files of {}", self.files))?;
            }
            return Ok(());
        }
        let mut systems = turns.systems.clone();
        for round in 0..turns.rounds {
            let mut failed = Vec::new();
            for system in &systems {
                eprintln!("{run} {}/{} {system}", round + 1, turns.rounds);
                match self.one(run, system, turns.milliseconds).await {
                    Ok(measured) => {
                        let (run, system) = (run.to_string(), system.clone());
                        self.writing.measured(Entry { run, system, round, measured })?;
                    }
                    Err(error) => {
                        self.miss(run, system, error.to_string())?;
                        failed.push(system.clone());
                    }
                }
            }
            systems.retain(|system| !failed.contains(system));
            systems.reverse();
        }
        Ok(())
    }

    fn miss(&mut self, run: Run, system: &str, reason: String) -> Outcome<()> {
        let (run, system) = (run.to_string(), system.to_owned());
        self.writing.missing(Missing { run, system, reason })
    }

    async fn one(&self, run: Run, system: &str, milliseconds: u64) -> Outcome<Measured> {
        let program = &self.programs[usize::from(is_peer(system))];
        let [server_cores, client_cores] = self.cores.of(run);
        let side = |verb: &str, cores: &str| {
            let mut command = Command::new(program);
            command.args([verb, "--system", system, "--workload", &run.to_string(), "--cores", cores]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            command
        };
        let mut server = side("serve", server_cores).stderr(Stdio::null()).spawn()?;
        let pid = server.id().ok_or("the server ended")?;
        let out = server.stdout.take().ok_or("the server has no output")?;
        let port = BufReader::new(out).lines().next_line().await?.ok_or("the server does not start")?;
        let mut client = side("drive", client_cores);
        client.args(["--port", &port, "--server", &pid.to_string()]);
        client.args(["--milliseconds", &milliseconds.to_string(), "--quick", &self.quick.to_string()]);
        let driven = timeout(LONGEST, client.output()).await;
        server.kill().await?;
        let output = driven.map_err(|_| "takes too long")??;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("ended without a word");
            return Err(last.split_once(": ").map_or(last, |(_, reason)| reason).to_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
