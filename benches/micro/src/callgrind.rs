//! Runs a case under callgrind.

use std::process::{Command, Stdio};

use crate::Failure;
use crate::cases::Case;

/// Whether valgrind is installed.
pub fn is_there() -> bool {
    let tried =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// Instructions that one of a case's times takes: the difference between running it so often, and twice as often.
pub fn instructions(case: &Case) -> Result<u64, Failure> {
    let (once, twice) = (collected(case, case.times)?, collected(case, 2 * case.times)?);
    Ok(twice.saturating_sub(once) / (case.times * case.each) as u64)
}

fn collected(case: &Case, times: usize) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["run", case.name, &times.to_string()])
        .stdout(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {told}", case.name).into());
    }
    let line =
        told.lines().find_map(|line| line.split_once("Collected :")).ok_or("callgrind counted nothing")?;
    Ok(line.1.trim().parse()?)
}
