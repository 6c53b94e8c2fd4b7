//! The counts that were recorded, and whether those of today are near them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::cases::{ALL, Case};
use crate::{Failure, callgrind};

/// How much more than recorded, in hundredths, is a regression. Libraries differ by some hundredths from version to
/// version, and the allocator's paths from machine to machine; what is to be seen here is the next copy, lock or
/// allocation in the way of every call.
const MARGIN: u64 = 20;

/// The same where another compiler counted: its code differs more, and what is gross is seen all the same.
const MARGIN_ELSEWHERE: u64 = 50;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// Counts all cases, and fails where one takes many more instructions than were recorded.
pub fn check() -> Result<(), Failure> {
    if !callgrind::is_there() {
        println!("valgrind is not installed: nothing is counted");
        return Ok(());
    }
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("the counts are those of x86-64 Linux: nothing is compared");
        return Ok(());
    }
    let recorded = std::fs::read_to_string(file())?;
    let margin = if recorded.starts_with(&heading()?) { MARGIN } else { MARGIN_ELSEWHERE };
    let mut worse = Vec::new();
    println!("| case | instructions | recorded | |\n|---|---|---|---|");
    for case in ALL {
        let (now, before) = (callgrind::instructions(case)?, count(&recorded, case)?);
        let ratio = now as f64 / before as f64;
        println!("| {}: {} | {now} | {before} | {ratio:.2} |", case.name, case.of);
        if now * 100 > before * (100 + margin) {
            worse.push(case.name);
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!("more than {margin} % above what was recorded: {}", worse.join(", ")).into())
}

fn count(recorded: &str, case: &Case) -> Result<u64, Failure> {
    let mut lines = recorded.lines().filter_map(|line| line.split_once(' '));
    let (_, count) =
        lines.find(|(name, _)| *name == case.name).ok_or_else(|| format!("{} is not recorded", case.name))?;
    Ok(count.trim().parse()?)
}

fn heading() -> Result<String, Failure> {
    let compiler = Command::new("rustc").arg("--version").output()?;
    let compiler = String::from_utf8_lossy(&compiler.stdout);
    Ok(format!("# Instructions, counted on x86-64 Linux with {}\n", compiler.trim()))
}

/// Counts all cases, and records what they take.
pub fn record() -> Result<(), Failure> {
    let mut recorded = heading()?;
    for case in ALL {
        let count = callgrind::instructions(case)?;
        println!("{} {count}", case.name);
        writeln!(recorded, "{} {count}", case.name)?;
    }
    std::fs::write(file(), recorded)?;
    Ok(())
}
