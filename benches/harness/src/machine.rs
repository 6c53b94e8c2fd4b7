//! What the kernel tells about processes, and what it is asked for.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::Outcome;

/// Bytes of a process that are in memory; 0 where it cannot be told.
#[must_use]
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .map_or(0, |kib: u64| kib << 10)
}

/// Nanoseconds that the threads of a process have run.
pub(crate) fn running_ns(pid: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let of_thread = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(of_thread).sum()
}

/// Ticks of the machine's processors that went to other machines on the same host.
pub(crate) fn stolen_ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let of_all = text.lines().next().and_then(|line| line.split_whitespace().nth(8));
    of_all.and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

/// Keeps this process, and the threads that it starts from now on, on these cores.
pub(crate) fn pin(cores: &[usize]) -> Outcome<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Raises the number of files that this process and its children may open as far as it may be raised, and tells it.
///
/// # Errors
/// Those of the system.
pub fn raise_file_limit() -> Outcome<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
