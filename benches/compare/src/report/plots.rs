//! Which figures grow with what.

use std::fmt::Write;

use harness::{Run, Runtime, Workload};

use super::plot::{Plot, Series};
use crate::results::Results;
use crate::suite::systems;

/// A plot's file name, its titles, and how a run becomes a point of it.
pub struct Kind {
    pub file: &'static str,
    pub title: &'static str,
    across: &'static str,
    up: &'static str,
    point: fn(Workload, f64) -> Option<(f64, f64)>,
}

pub const KINDS: [Kind; 4] = [
    Kind {
        file: "in-flight.svg",
        title: "A small call on one connection, by calls in flight",
        across: "calls in flight",
        up: "µs for each call",
        point: |workload, value| match workload {
            Workload::Calls { connections: 1, in_flight } => Some((in_flight as f64, 1e6 / value)),
            _ => None,
        },
    },
    Kind {
        file: "connections.svg",
        title: "A small call, by connections with 16 in flight on each",
        across: "connections",
        up: "µs for each call",
        point: |workload, value| match workload {
            Workload::Calls { connections, in_flight: 16 } => Some((connections as f64, 1e6 / value)),
            _ => None,
        },
    },
    Kind {
        file: "payload.svg",
        title: "A call that sends bytes and gets them back, one after another",
        across: "bytes",
        up: "µs for each call",
        point: |workload, value| match workload {
            Workload::Payload { bytes } => Some((bytes as f64, bytes as f64 / value)),
            _ => None,
        },
    },
    Kind {
        file: "audience.svg",
        title: "One event to many connections",
        across: "connections",
        up: "µs for each delivery",
        point: |workload, value| match workload {
            Workload::Events { connections } => Some((connections as f64, 1e6 / value)),
            _ => None,
        },
    },
];

impl Kind {
    /// `None` where no system has two points.
    pub fn draw(&self, results: &Results) -> Option<String> {
        let runs = results.runs();
        let mut series: Vec<Series> = Vec::new();
        for (index, (system, _)) in systems().enumerate() {
            let point = |run: &Run| {
                let value = results.value(&run.to_string(), system)?;
                (self.point)(run.workload, value.median)
            };
            let one_thread = runs.iter().filter(|run| run.runtime == Runtime::CurrentThread);
            let mut points: Vec<(f64, f64)> = one_thread.filter_map(point).collect();
            points.sort_by(|one, other| one.0.total_cmp(&other.0));
            if points.len() > 1 {
                series.push(Series { name: system.to_owned(), colour: index, points });
            }
        }
        // Where some were measured all the way, the others would only be pieces of lines.
        let most = series.iter().map(|series| series.points.len()).max()?;
        series.retain(|series| series.points.len() == most);
        let (title, across, up) = (self.title, self.across, self.up);
        Some(Plot { title, across, up, series }.svg())
    }
}

/// How the plots are shown in a document beside their folder.
pub fn shown(drawn: &[&Kind], folder: &str) -> String {
    let mut text = String::new();
    for kind in drawn {
        let _ = writeln!(text, "![{}]({folder}/{})\n", kind.title, kind.file);
    }
    text
}
