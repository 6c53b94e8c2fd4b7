//! What the figures belong to.

use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine, what was built on it and when. The first line of a result file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    pub memory_mib: u64,
    pub rustc: String,
    pub commit: String,
    pub date: String,
    /// Processes that ran or wanted to on average, in the minute before.
    pub load: f64,
    /// Which cores each side had, with one thread and with as many as there are.
    pub pinned: String,
    pub quick: bool,
}

impl Machine {
    pub fn here(pinned: String, quick: bool) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let kib = field(&read("/proc/meminfo"), "MemTotal");
        let first = |text: String| text.split_whitespace().next().unwrap_or_default().to_owned();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mib: first(kib).parse::<u64>().unwrap_or(0) >> 10,
            rustc: said("rustc", &["--version"]),
            commit: said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]),
            date: said("date", &["-u", "+%Y-%m-%d %H:%M"]),
            load: first(read("/proc/loadavg")).parse().unwrap_or(f64::NAN),
            pinned,
            quick,
        }
    }
}

/// The first line that a program prints; nothing where it cannot be run.
fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, memory_mib, rustc, commit, date, load, pinned, quick } = self;
        let quick = if *quick { "; a quick run, whose figures tell little" } else { "" };
        write!(
            f,
            "{processor}, {cores} cores, {memory_mib} MiB, Linux {kernel}; {rustc}; commit {commit}; {date} UTC; \
             {pinned}; load {load:.2} before{quick}"
        )
    }
}
