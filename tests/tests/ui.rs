//! What `#[ws_service]` accepts, and what it says of what it does not.
//!
//! `TRYBUILD=overwrite cargo test -p ws-tests --test ui` writes the expected messages anew; read each of them.

use std::process::Command;

/// The compiler whose words `ui/compiler` holds.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn contracts_that_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

/// Mistakes that the macro reports, in its own words.
#[test]
fn contracts_that_do_not() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

/// Mistakes that only the compiler sees: the macro's part is where it points to, and how little else it says.
#[test]
fn mistakes_that_the_compiler_reports() {
    let output = Command::new("rustc").arg("--version").output().expect("the compiler that built this");
    let version = String::from_utf8_lossy(&output.stdout);
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("ui/compiler/*.rs");
    } else {
        eprintln!("skipped: the texts are those of {RECORDED_WITH}x, this is {version}");
    }
}
