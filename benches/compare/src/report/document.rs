//! Puts tables and plots into the document that explains them, between its markers.

use std::fs;
use std::path::Path;

use harness::{Outcome, Workload};
use ws_core::Limits;

use super::figures::short;
use super::plots::{KINDS, shown};
use super::{table, verdicts};
use crate::results::Results;
use crate::suite::systems;

const DOCUMENT: &str = "performance.md";
const PLOTS: &str = "performance";

/// Fills `folder/performance.md`: what stands between `<!-- name -->` and `<!-- end -->` is replaced.
pub fn fill(results: &Results, folder: &Path) -> Outcome<()> {
    let plots = folder.join(PLOTS);
    fs::create_dir_all(&plots)?;
    let mut drawn = Vec::new();
    for kind in &KINDS {
        if let Some(svg) = kind.draw(results) {
            fs::write(plots.join(kind.file), svg)?;
            drawn.push(kind);
        }
    }
    let path = folder.join(DOCUMENT);
    let mut text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parts = [
        ("machine", format!("{}\n", results.machine)),
        ("aims", verdicts(results)),
        ("systems", names()),
        ("plots", shown(&drawn, PLOTS)),
        ("memory", memory(results)),
    ];
    for (name, part) in parts {
        text = replaced(&text, name, &part)?;
    }
    for (name, of) in SECTIONS {
        let tables: Vec<String> = results
            .runs()
            .into_iter()
            .filter(|run| of(run.workload))
            .map(|run| table(results, run))
            .collect();
        text = replaced(&text, name, &tables.join("\n"))?;
    }
    fs::write(path, text)?;
    Ok(())
}

/// Where the table of a run goes.
type Section = (&'static str, fn(Workload) -> bool);

const SECTIONS: [Section; 8] = [
    ("calls", |workload| matches!(workload, Workload::Calls { .. })),
    ("payloads", |workload| matches!(workload, Workload::Payload { .. })),
    ("events", |workload| matches!(workload, Workload::Events { .. })),
    ("items", |workload| matches!(workload, Workload::Items)),
    ("reverse", |workload| matches!(workload, Workload::Reverse { .. })),
    ("connect", |workload| matches!(workload, Workload::Connect)),
    ("idle", |workload| matches!(workload, Workload::Idle { .. })),
    ("beside", |workload| matches!(workload, Workload::BesideStream | Workload::BesideEvents { .. })),
];

fn names() -> String {
    let lines = systems().map(|(name, what)| format!("| `{name}` | {what} |\n"));
    format!("| name | what it is |\n|---|---|\n{}", lines.collect::<String>())
}

/// What one connection may hold by its limits, beside what it was seen to hold.
fn memory(results: &Results) -> String {
    let bound = Limits::default().worst_case_bytes();
    let seen = |run: &str, name: &str| {
        let figure = results.figure(run, "ours", |measured| measured.more.get(name).copied());
        figure.map_or_else(|| "–".to_owned(), short)
    };
    let run = results.runs().into_iter().find(|run| matches!(run.workload, Workload::Idle { .. }));
    let run = run.map(|run| run.to_string()).unwrap_or_default();
    format!(
        "| one connection, server side | bytes |\n|---|---|\n| at most, by `Limits::worst_case_bytes` of the defaults \
         | {} |\n| measured: idle | {} |\n| after one call | {} |\n| after 64 KiB there and back | {} |\n",
        short(bound as f64),
        results.value(&run, "ours").map_or_else(|| "–".to_owned(), |spread| short(spread.median)),
        seen(&run, "after_call"),
        seen(&run, "after_burst"),
    )
}

fn replaced(text: &str, name: &str, part: &str) -> Outcome<String> {
    let (open, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
    let from = text.find(&open).ok_or_else(|| format!("no {}", open.trim()))? + open.len();
    let to = from + text[from..].find(end).ok_or_else(|| format!("no end of {name}"))?;
    // A comment right behind a table could be read as a row of it.
    Ok(format!("{}\n{}\n\n{}", &text[..from], part.trim_end(), &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::{SECTIONS, replaced};

    #[test]
    fn a_part_is_replaced_as_often_as_one_likes() {
        let text = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\n";
        let once = replaced(text, "one", "new\n").unwrap();
        assert_eq!(once, "a\n<!-- one -->\n\nnew\n\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\n");
        assert_eq!(replaced(&once, "one", "new").unwrap(), once);
        assert!(replaced(text, "three", "").is_err());
    }

    #[test]
    fn the_document_has_every_marker() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");
        let text = std::fs::read_to_string(path).unwrap();
        let parts = ["machine", "aims", "systems", "plots", "memory"].into_iter();
        for name in parts.chain(SECTIONS.map(|(name, _)| name)) {
            assert!(replaced(&text, name, "").is_ok(), "{name}");
        }
    }
}
