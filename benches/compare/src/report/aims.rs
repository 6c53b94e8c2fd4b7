//! What is aimed at, and whether it is reached.

use std::fmt::Write;

use super::figures::short;
use crate::results::Results;

/// A ratio of this toolkit's figure to another's, or its figure itself.
struct Aim {
    run: &'static str,
    to: To,
}

enum To {
    /// At least so many times the figure of that system.
    AtLeast(f64, &'static str),
    /// At most this figure.
    AtMost(f64),
    /// At least so many times its own figure in that run.
    OwnRun(f64, &'static str),
}

const fn at_least(run: &'static str, times: f64, system: &'static str) -> Aim {
    Aim { run, to: To::AtLeast(times, system) }
}

const AIMS: [Aim; 18] = [
    at_least("calls-1", 0.95, "naive"),
    at_least("calls-64", 1.0, "floor"),
    at_least("calls-64", 2.5, "tarpc"),
    at_least("calls-64", 8.0, "jsonrpsee"),
    at_least("calls-1024", 1.2, "floor"),
    at_least("calls-1024", 4.0, "tarpc"),
    at_least("calls-64x16", 1.0, "floor"),
    at_least("calls-64x16", 3.5, "tarpc"),
    at_least("payload-64k", 0.9, "floor"),
    at_least("payload-1m", 0.9, "floor"),
    at_least("events-1000", 1.0, "floor"),
    at_least("events-1000", 1.4, "jsonrpsee"),
    at_least("events-10000", 1.0, "floor"),
    at_least("events-10000", 1.4, "jsonrpsee"),
    at_least("items", 1.0, "floor"),
    at_least("items", 2.0, "tonic"),
    Aim { run: "idle-5000", to: To::AtMost(4096.0) },
    Aim { run: "reverse-64", to: To::OwnRun(0.95, "calls-64") },
];

/// The aims that these results can tell about, each with what was reached.
pub fn verdicts(results: &Results) -> String {
    let mut text = String::new();
    for Aim { run, to } in AIMS {
        let own = results.value(run, "ours");
        let (aim, reached, holds) = match to {
            To::AtLeast(times, system) => {
                let Some(ratio) = results.ratio(run, "ours", system) else { continue };
                let reached = format!("{:.2} ({:.2} … {:.2})", ratio.median, ratio.least, ratio.most);
                (format!("≥ {times} × {system}"), reached, ratio.median >= times)
            }
            To::AtMost(figure) => {
                let Some(own) = own else { continue };
                (format!("≤ {figure} bytes"), format!("{} bytes", short(own.median)), own.median <= figure)
            }
            To::OwnRun(times, other) => {
                let (Some(own), Some(other_run)) = (own, results.value(other, "ours")) else { continue };
                let ratio = own.median / other_run.median;
                (format!("≥ {times} × {other}"), format!("{ratio:.2}"), ratio >= times)
            }
        };
        let _ = writeln!(text, "| `{run}` | {aim} | {reached} | {} |", if holds { "yes" } else { "**no**" });
    }
    if text.is_empty() {
        return text;
    }
    format!("| run | aim | measured | reached |\n|---|---|---|---|\n{text}")
}
