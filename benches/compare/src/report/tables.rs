//! One table for each run.

use std::collections::BTreeSet;
use std::fmt::Write;

use harness::{Measured, Run};

use super::figures::{optional, ratio, short, unit};
use crate::results::Results;
use crate::suite::systems;

/// What the others are told against.
const FLOOR: &str = "floor";
/// What is told against the others.
const OURS: &str = "ours";

/// A column that only some runs have.
type Column = (&'static str, fn(&Measured) -> Option<f64>);

const COLUMNS: [Column; 4] = [
    ("p50 µs", |measured| measured.p50_us),
    ("p99 µs", |measured| measured.p99_us),
    ("server ns", |measured| measured.server_ns),
    ("client ns", |measured| measured.client_ns),
];

/// All systems of a run: medians, how far the rounds went, and two ratios, each the median of those within the rounds.
pub fn table(results: &Results, run: Run) -> String {
    let name = run.to_string();
    let measured: Vec<&str> = systems()
        .map(|(system, _)| system)
        .filter(|system| results.of(&name, system).next().is_some())
        .collect();
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|(_, of)| measured.iter().any(|system| results.figure(&name, system, of).is_some()))
        .collect();
    let more: BTreeSet<&str> = results
        .entries
        .iter()
        .filter(|entry| entry.run == name)
        .flat_map(|entry| entry.measured.more.keys())
        .map(String::as_str)
        .collect();
    let rounds = measured.iter().map(|system| results.of(&name, system).count()).max().unwrap_or(0);

    let mut text = format!("`{name}`: {}; rounds: {rounds}\n\n", unit(run.workload.unit()));
    text += "| | median | least … most | / floor | ours / this |";
    for (title, _) in &columns {
        let _ = write!(text, " {title} |");
    }
    for title in &more {
        let _ = write!(text, " {} |", title.replace('_', " "));
    }
    text += "\n|---|---|---|---|---|";
    text += &"---|".repeat(columns.len() + more.len());
    text.push('\n');
    for system in measured {
        let Some(value) = results.value(&name, system) else { continue };
        let [to_floor, of_ours] = [(system, FLOOR), (OURS, system)]
            .map(|(one, other)| ratio(results.ratio(&name, one, other).map(|spread| spread.median)));
        let (median, least, most) = (short(value.median), short(value.least), short(value.most));
        let _ = write!(text, "| {system} | {median} | {least} … {most} | {to_floor} | {of_ours} |");
        for (_, of) in &columns {
            let _ = write!(text, " {} |", optional(results.figure(&name, system, of)));
        }
        for title in &more {
            let figure = |measured: &Measured| measured.more.get(*title).copied();
            let _ = write!(text, " {} |", optional(results.figure(&name, system, figure)));
        }
        text.push('\n');
    }
    for missing in results.missing.iter().filter(|missing| missing.run == name) {
        // What a system does not offer is no news; what failed is.
        if !missing.reason.starts_with("has no ") {
            let _ = write!(text, "\n{}: {}\n", missing.system, missing.reason);
        }
    }
    text
}
