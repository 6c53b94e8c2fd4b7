//! An old and a new contract on one connection, each side being the client once.

use ws_core::{Connection, Limits, Provider, Remote};
use ws_tests::fixture::{connect, ways};

/// Runs `check` with the old side's connection and the new side's, in every way. Each side serves its contract and
/// calls the other's by it.
pub async fn in_both_roles<OP: Provider, OR: Remote, NP: Provider, NR: Remote>(
    old: fn() -> OP,
    new: fn() -> NP,
    check: impl AsyncFn(&Connection<OR>, &Connection<NR>),
) {
    for way in ways() {
        let ends = connect(way, &Limits::default(), move |_: NR| new(), |_: OR| old()).await;
        check(&ends.client, &ends.serving).await;
        let ends = connect(way, &Limits::default(), move |_: OR| old(), |_: NR| new()).await;
        check(&ends.serving, &ends.client).await;
    }
}
