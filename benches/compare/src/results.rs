//! What was measured: a file of JSON lines, the first about the machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use harness::{Measured, Outcome, Run};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Machine(Machine),
    Measured(Entry),
    Missing(Missing),
}

/// One system, one run, one round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub run: String,
    pub system: String,
    pub round: usize,
    #[serde(flatten)]
    pub measured: Measured,
}

/// Why a system has no figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Missing {
    pub run: String,
    pub system: String,
    pub reason: String,
}

/// Everything of one comparison.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub machine: Machine,
    pub entries: Vec<Entry>,
    pub missing: Vec<Missing>,
}

/// The middle of some figures, and how far they went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = match figures.len() % 2 {
            0 => figures[middle - 1].midpoint(figures[middle]),
            _ => figures[middle],
        };
        Some(Self { median, least, most })
    }
}

impl Results {
    pub fn read(path: &Path) -> Outcome<Self> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut results = Self::default();
        for line in BufReader::new(file).lines() {
            match serde_json::from_str(&line?)? {
                Line::Machine(machine) => results.machine = machine,
                Line::Measured(entry) => results.entries.push(entry),
                Line::Missing(missing) => results.missing.push(missing),
            }
        }
        Ok(results)
    }

    /// The runs, in the order in which they were done.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for run in self.entries.iter().filter_map(|entry| entry.run.parse().ok()) {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        runs
    }

    /// What a system did, round by round.
    pub fn of<'a>(&'a self, run: &str, system: &str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.run == run && entry.system == system)
    }

    pub fn value(&self, run: &str, system: &str) -> Option<Spread> {
        Spread::of(self.of(run, system).map(|entry| entry.measured.value))
    }

    /// One figure more, over the rounds.
    pub fn figure(&self, run: &str, system: &str, of: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        Spread::of(self.of(run, system).filter_map(|entry| of(&entry.measured))).map(|spread| spread.median)
    }

    /// One system's figure to another's, taken within each round: what the machine did to both is in neither.
    pub fn ratio(&self, run: &str, system: &str, to: &str) -> Option<Spread> {
        Spread::of(self.of(run, system).filter_map(|entry| {
            let other = self.of(run, to).find(|other| other.round == entry.round)?;
            Some(entry.measured.value / other.measured.value)
        }))
    }
}

/// A file of results that grows line by line, so that what was measured is there if the rest is broken off.
pub struct Writing {
    file: File,
    pub results: Results,
}

impl Writing {
    pub fn begin(path: &Path, machine: Machine) -> Outcome<Self> {
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut writing = Self { file, results: Results { machine: machine.clone(), ..Results::default() } };
        writing.write(&Line::Machine(machine))?;
        Ok(writing)
    }

    pub fn measured(&mut self, entry: Entry) -> Outcome<()> {
        self.results.entries.push(entry.clone());
        self.write(&Line::Measured(entry))
    }

    pub fn missing(&mut self, missing: Missing) -> Outcome<()> {
        self.results.missing.push(missing.clone());
        self.write(&Line::Missing(missing))
    }

    fn write(&mut self, line: &Line) -> Outcome<()> {
        Ok(writeln!(self.file, "{}", serde_json::to_string(line)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Results, Spread};
    use harness::Measured;

    fn entry(system: &str, round: usize, value: f64) -> Entry {
        let measured = Measured { value, ..Measured::default() };
        Entry { run: "calls-1".to_owned(), system: system.to_owned(), round, measured }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let entries = vec![
            entry("ours", 0, 10.0),
            entry("floor", 0, 5.0),
            entry("ours", 1, 100.0),
            entry("floor", 1, 100.0),
            entry("ours", 2, 9.0),
            entry("floor", 2, 3.0),
            entry("ours", 3, 1.0),
        ];
        let results = Results { entries, ..Results::default() };
        let ratio = results.ratio("calls-1", "ours", "floor").unwrap();
        assert_eq!(ratio, Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert!(results.ratio("calls-1", "ours", "tarpc").is_none());
    }

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of([]), None);
    }
}
