//! What was done in how long, and what it cost both processes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::machine::{running_ns, stolen_ticks};

/// One measurement: what the driving process prints as a line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// In the unit of the workload.
    pub value: f64,
    /// What was counted to get it.
    pub operations: u64,
    /// How long that took.
    pub seconds: f64,
    /// Microseconds that half of the calls stayed within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    /// Microseconds that 99 of 100 calls stayed within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// Nanoseconds that the server ran for each operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ns: Option<f64>,
    /// Nanoseconds that the client ran for each operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ns: Option<f64>,
    /// Ticks that the machine did not get from its host meanwhile.
    #[serde(default)]
    pub stolen: u64,
    /// What only some workloads have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, f64>,
}

impl Measured {
    /// The same with one more figure.
    #[must_use]
    pub fn with(mut self, name: &str, figure: f64) -> Self {
        self.more.insert(name.to_owned(), figure);
        self
    }

    /// The same with the quantiles of these calls.
    #[must_use]
    pub(crate) fn latencies(mut self, mut calls: Vec<Duration>) -> Self {
        calls.sort_unstable();
        let quantile = |percent: usize| {
            let index = (calls.len() * percent / 100).min(calls.len().saturating_sub(1));
            calls.get(index).map(|call| call.as_secs_f64() * 1e6)
        };
        (self.p50_us, self.p99_us) = (quantile(50), quantile(99));
        self
    }
}

/// Runs from the first counted operation to the last.
pub(crate) struct Meter {
    began: Instant,
    server: u32,
    ran: [u64; 2],
    stolen: u64,
}

impl Meter {
    pub(crate) fn start(server: u32) -> Self {
        let ran = [running_ns(server), running_ns(std::process::id())];
        Self { server, ran, stolen: stolen_ticks(), began: Instant::now() }
    }

    /// `each` is what one operation adds to the figure: 1, or its megabytes.
    pub(crate) fn stop(self, operations: u64, each: f64) -> Measured {
        let seconds = self.began.elapsed().as_secs_f64();
        let [server, client] = [self.server, std::process::id()].map(running_ns);
        let per_operation = |now: u64, before: u64| {
            (operations > 0).then(|| now.saturating_sub(before) as f64 / operations as f64)
        };
        Measured {
            value: operations as f64 * each / seconds,
            operations,
            seconds,
            server_ns: per_operation(server, self.ran[0]),
            client_ns: per_operation(client, self.ran[1]),
            stolen: stolen_ticks().saturating_sub(self.stolen),
            ..Measured::default()
        }
    }
}
