//! How much memory a process holds, where `/proc` tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Resident bytes of a process.
pub fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Samples the resident bytes of a process, in a thread of its own, until it is asked for what it saw.
pub struct Watch {
    before: u64,
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn begin(pid: u32) -> Self {
        let before = resident(pid).unwrap_or(0);
        let (most, over) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let (seen, stop) = (Arc::clone(&most), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(resident(pid).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { before, most, over, thread }
    }

    /// Bytes at the beginning, and the most since.
    pub fn end(self) -> (u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        (self.before, self.most.load(Ordering::Relaxed))
    }
}
