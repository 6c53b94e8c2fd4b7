//! Which systems do which workloads, how often and for how long.

use harness::{Run, raw};

use crate::ours;

/// What the peers are, by name; the program of `peers` knows the same names.
pub const PEERS: [(&str, &str); 5] = [
    ("tarpc", "tarpc 0.38 over TCP, bincode"),
    ("jsonrpsee", "jsonrpsee 0.26 over WebSocket"),
    ("socketioxide", "socketioxide 0.18 over WebSocket, and a client of our own"),
    ("remoc", "remoc 0.20 over TCP"),
    ("tonic", "tonic 0.14 over HTTP/2"),
];

/// All systems, as they stand in tables: the transports, this toolkit, the peers.
pub fn systems() -> impl Iterator<Item = (&'static str, &'static str)> {
    raw::SYSTEMS.into_iter().chain(ours::SYSTEMS).chain(PEERS)
}

/// What is measured only where it is named.
const ONLY_BY_NAME: &str = "floor-128k";

/// Whether it takes the program of `peers`.
pub fn is_peer(system: &str) -> bool {
    PEERS.iter().any(|(name, _)| *name == system)
}

/// Some runs that are done in the same way.
struct Part {
    runs: &'static [&'static str],
    /// None is all.
    systems: &'static [&'static str],
    rounds: usize,
    milliseconds: u64,
}

/// Everything. A system that lacks what a run needs is left out of it at its first round.
const FULL: &[Part] = &[
    Part {
        runs: &["calls-1", "calls-64", "calls-1024", "calls-64x16"],
        systems: &[],
        rounds: 5,
        milliseconds: 400,
    },
    Part {
        runs: &["calls-1@multi", "calls-64@multi", "calls-64x16@multi"],
        systems: &["floor", "ours", "tarpc", "jsonrpsee"],
        rounds: 5,
        milliseconds: 400,
    },
    Part { runs: &["payload-64k", "payload-1m"], systems: &[], rounds: 5, milliseconds: 300 },
    Part { runs: &["items"], systems: &[], rounds: 5, milliseconds: 300 },
    Part { runs: &["reverse-64"], systems: &[], rounds: 5, milliseconds: 300 },
    Part { runs: &["events-1000"], systems: &[], rounds: 5, milliseconds: 400 },
    Part {
        runs: &["events-10000"],
        systems: &["naive", "floor", "ours", "jsonrpsee", "socketioxide"],
        rounds: 3,
        milliseconds: 600,
    },
    Part { runs: &["connect"], systems: &[], rounds: 3, milliseconds: 300 },
    Part { runs: &["idle-5000"], systems: &[], rounds: 2, milliseconds: 0 },
    Part { runs: &["beside-stream", "beside-events-1000"], systems: &[], rounds: 3, milliseconds: 1000 },
    // What the plots need beside the runs above.
    Part {
        runs: &["calls-4", "calls-16", "calls-256", "payload-1k", "payload-8k", "payload-256k"],
        systems: SWEPT,
        rounds: 3,
        milliseconds: 250,
    },
    Part { runs: &["calls-8x16", "calls-256x16"], systems: SWEPT, rounds: 3, milliseconds: 250 },
    Part {
        runs: &["events-10", "events-100"],
        systems: &["floor", "ours", "jsonrpsee", "socketioxide"],
        rounds: 3,
        milliseconds: 250,
    },
];

const SWEPT: &[&str] = &["floor", "ours", "tarpc", "jsonrpsee"];

/// What tells whether everything works, and roughly how fast.
const QUICK: &[Part] = &[
    Part {
        runs: &["calls-1", "calls-64", "calls-1024", "calls-64x16", "payload-64k", "payload-1m"],
        systems: &[],
        rounds: 1,
        milliseconds: 200,
    },
    Part { runs: &["calls-64x16@multi"], systems: SWEPT, rounds: 1, milliseconds: 200 },
    Part {
        runs: &["items", "reverse-64", "events-1000", "connect"],
        systems: &[],
        rounds: 1,
        milliseconds: 200,
    },
    Part { runs: &["idle-1000"], systems: &[], rounds: 1, milliseconds: 0 },
    Part { runs: &["beside-stream", "beside-events-1000"], systems: &[], rounds: 1, milliseconds: 300 },
];

/// One run, with the systems that take turns at it.
#[derive(Clone, Debug)]
pub struct Turns {
    pub run: Run,
    pub systems: Vec<String>,
    pub rounds: usize,
    pub milliseconds: u64,
}

/// What is asked for of the suite; a run that is in no part of it is done by every system.
pub fn turns(quick: bool, runs: &[Run], systems: &[String]) -> Vec<Turns> {
    let parts = if quick { QUICK } else { FULL };
    let wanted = |name: &str| match systems {
        [] => name != ONLY_BY_NAME,
        named => named.iter().any(|system| system == name),
    };
    // Of systems that are named, each does every run that is.
    let named = !runs.is_empty() && !systems.is_empty();
    let of_part = |part: &Part| -> Vec<String> {
        let does = |name: &str| named || part.systems.is_empty() || part.systems.contains(&name);
        let all = self::systems().map(|(name, _)| name);
        all.filter(|name| wanted(name) && does(name)).map(str::to_owned).collect()
    };
    let mut turns: Vec<Turns> = Vec::new();
    for part in parts {
        for run in part.runs.iter().filter_map(|name| name.parse::<Run>().ok()) {
            if runs.is_empty() || runs.contains(&run) {
                let (rounds, milliseconds) = (part.rounds, part.milliseconds);
                turns.push(Turns { run, systems: of_part(part), rounds, milliseconds });
            }
        }
    }
    for run in runs {
        if !turns.iter().any(|turn| turn.run == *run) {
            let part = &parts[0];
            let systems = of_part(part);
            turns.push(Turns { run: *run, systems, rounds: part.rounds, milliseconds: part.milliseconds });
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::{FULL, QUICK, Turns, systems, turns};
    use harness::Run;

    #[test]
    fn every_name_in_the_suite_is_one() {
        for part in FULL.iter().chain(QUICK) {
            for run in part.runs {
                assert!(run.parse::<Run>().is_ok(), "{run}");
            }
            for system in part.systems {
                assert!(systems().any(|(name, _)| name == *system), "{system}");
            }
        }
    }

    #[test]
    fn a_run_that_is_asked_for_is_done_by_who_is_asked() {
        let runs = ["calls-64", "calls-7"].map(|name| name.parse::<Run>().unwrap());
        let systems = ["ours".to_owned(), "floor".to_owned()];
        let turns: Vec<Turns> = turns(true, &runs, &systems);
        assert_eq!(turns.len(), 2);
        assert!(turns.iter().all(|turn| turn.systems == ["floor", "ours"]));
    }
}
