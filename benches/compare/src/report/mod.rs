//! Tables, verdicts and plots of results, on the terminal and in `docs/performance.md`.

mod aims;
mod document;
mod figures;
mod plot;
mod plots;
mod tables;

use std::path::{Path, PathBuf};

use harness::Outcome;

pub use aims::verdicts;
pub use tables::table;

use crate::arguments::USAGE;
use crate::results::Results;

/// What stands behind `compare report`.
pub fn run(words: &[String]) -> Outcome<()> {
    let (file, docs) = match words {
        [file] => (file, None),
        [file, option, folder] if option == "--docs" => (file, Some(PathBuf::from(folder))),
        _ => return Err(USAGE.into()),
    };
    let results = Results::read(Path::new(file))?;
    match docs {
        Some(folder) => document::fill(&results, &folder),
        None => {
            println!("{}\n", results.machine);
            for run in results.runs() {
                println!("{}", table(&results, run));
            }
            print!("{}", verdicts(&results));
            Ok(())
        }
    }
}
