//! What `#[ws_service]` accepts, and what it says of what it does not.
//!
//! `TRYBUILD=overwrite cargo test -p ws-tests --test ui` writes the expected messages anew; read each of them.

#[test]
fn contracts_that_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

/// The texts are those of one compiler; on others only the macro's own part of them is stable.
#[test]
fn contracts_that_do_not() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
