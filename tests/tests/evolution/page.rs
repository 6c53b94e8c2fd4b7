//! `docs/evolution.md` names a test for every claim; each is there.

const PAGE: &str = include_str!("../../../docs/evolution.md");

const SOURCES: [(&str, &str); 8] = [
    ("blind", include_str!("blind.rs")),
    ("enums", include_str!("enums.rs")),
    ("fields", include_str!("fields.rs")),
    ("headers", include_str!("headers.rs")),
    ("methods", include_str!("methods.rs")),
    ("names", include_str!("names.rs")),
    ("numbers", include_str!("numbers.rs")),
    ("signatures", include_str!("signatures.rs")),
];

const RECIPES: &str = include_str!("recipes.rs");

/// What stands between backticks as `file::beginning_of_a_test`.
fn named(file: &str) -> Vec<&'static str> {
    let spans = PAGE.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.strip_prefix(file)?.strip_prefix("::")).collect()
}

fn tests(source: &str) -> Vec<&str> {
    let marked = source.split("#[tokio::test]\nasync fn ").skip(1);
    marked.filter_map(|test| test.split('(').next()).collect()
}

#[test]
fn every_test_that_the_page_names_is_there_and_every_test_is_named() {
    for (file, source) in SOURCES.into_iter().chain([("recipes", RECIPES)]) {
        let (named, tests) = (named(file), tests(source));
        for name in &named {
            assert!(tests.iter().any(|test| test.starts_with(name)), "{file}.rs has no test {name}…");
        }
        for test in tests {
            assert!(named.iter().any(|name| test.starts_with(name)), "the page does not name {file}::{test}");
        }
    }
}
