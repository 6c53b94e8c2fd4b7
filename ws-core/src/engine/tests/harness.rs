//! What the tests of the engine stand on: [`World`], two engines joined by a link that the test delays and cuts, and
//! [`Lone`], one engine whose peer is the test itself, writing frames by hand.

mod check;
mod frames;
mod lone;
mod side;
mod task;
mod world;

pub(crate) use frames::{Seen, batch, binary, read, whole};
pub(crate) use lone::{GENEROUS, Lone, call, event, fail, hello, message, ret, welcome};
pub(crate) use side::{Answer, Kind, Place, Plan};
pub(crate) use task::Alarm;
pub(crate) use world::{CLIENT, Parcel, SERVER, Setup, World};

use std::sync::Arc;
use std::time::Duration;

use crate::limits::Limits;
use crate::service::{MethodSpec, MethodTable, Methods, Streams};

/// What both sides serve. `T.unknown` is called, but served by nobody.
pub(crate) const METHODS: [MethodSpec; 6] = [
    MethodSpec::call("T.call", "()->()", 1),
    MethodSpec::event("T.event", "()", 1),
    MethodSpec::event("T.aside", "()", 1).concurrent(),
    MethodSpec::call("T.down", "()->()", 1).streams(Streams::Down),
    MethodSpec::call("T.up", "()->()", 1).streams(Streams::Up),
    MethodSpec::call("T.both", "()->()", 1).streams(Streams::Both),
];

pub(crate) fn table(specs: &[MethodSpec]) -> Arc<MethodTable> {
    Arc::new(MethodTable::new(Methods::of(specs)).expect("no two names have one hash"))
}

/// Limits that are not in the way; the tests narrow what they are about.
pub(crate) fn limits() -> Limits {
    Limits::default()
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// `PROPTEST_CASES` where it is set, else `cases`: the suite is quick by default and thorough on request.
pub(crate) fn cases(cases: u32) -> proptest::test_runner::Config {
    let mut config = proptest::test_runner::Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.failure_persistence = None;
    config.max_shrink_iters = 20_000;
    config
}
