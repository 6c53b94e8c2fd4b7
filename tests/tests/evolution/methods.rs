//! R5, P34: methods and contracts come and go. One that only one side knows is no mismatch.

use ws_core::{CallError, Fate};
use ws_tests::fixture::until_true;

use crate::roles::in_both_roles;

mod old {
    #[ws_core::ws_service]
    pub trait Store {
        async fn get(&self, key: String) -> String;
        async fn removed(&self) -> u32;
        #[ws(event)]
        async fn removed_event(&self);
    }
}

mod new {
    #[ws_core::ws_service]
    pub trait Store {
        async fn added(&self) -> u32;
        #[ws(event)]
        async fn added_event(&self);
        async fn get(&self, key: String) -> String;
    }

    #[ws_core::ws_service]
    pub trait Clock {
        async fn now(&self) -> u64;
    }
}

struct Memory;

impl old::Store for Memory {
    async fn get(&self, key: String) -> String {
        key
    }
    async fn removed(&self) -> u32 {
        1
    }
    async fn removed_event(&self) {}
}

impl new::Store for Memory {
    async fn added(&self) -> u32 {
        1
    }
    async fn added_event(&self) {}
    async fn get(&self, key: String) -> String {
        key
    }
}

impl new::Clock for Memory {
    async fn now(&self) -> u64 {
        7
    }
}

#[tokio::test]
async fn p34_a_method_that_one_side_lacks_is_unknown_and_no_mismatch() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &ws_core::Connection<old::StoreRemote>, new: &ws_core::Connection<new::StoreRemote>| {
            assert_eq!((old.mismatches(), new.mismatches()), (vec![], vec![]));
            let unknown = old.remote().removed().await.expect_err("the new side has none");
            assert_eq!((&unknown, unknown.fate()), (&CallError::UnknownMethod, Fate::NotSent));
            assert_eq!(new.remote().added().await, Err(CallError::UnknownMethod));
            // What they have in common works, wherever it stands in the trait.
            assert_eq!(old.remote().get("a".into()).await, Ok("a".into()));
            assert_eq!(new.remote().get("b".into()).await, Ok("b".into()));
        },
    )
    .await;
}

#[tokio::test]
async fn p20_an_event_that_the_receiver_lacks_is_counted_there_and_its_sender_learns_nothing() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &ws_core::Connection<old::StoreRemote>, new: &ws_core::Connection<new::StoreRemote>| {
            old.remote().removed_event().await.expect("it leaves");
            new.remote().added_event().await.expect("it leaves");
            until_true(|| (old.stats().events_refused, new.stats().events_refused) == (1, 1)).await;
            assert_eq!(old.remote().get("a".into()).await, Ok("a".into()));
        },
    )
    .await;
}

#[tokio::test]
async fn p34_a_contract_that_one_side_lacks_is_unknown_and_the_others_work() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || (new::StoreProvider::new(Memory), new::ClockProvider::new(Memory)),
        async |old: &ws_core::Connection<old::StoreRemote>,
               new: &ws_core::Connection<(new::StoreRemote, new::ClockRemote)>| {
            assert_eq!((old.mismatches(), new.mismatches()), (vec![], vec![]));
            let (store, clock) = new.remote();
            assert_eq!(clock.now().await, Err(CallError::UnknownMethod));
            assert_eq!(store.get("a".into()).await, Ok("a".into()));
            assert_eq!(old.remote().get("b".into()).await, Ok("b".into()));
        },
    )
    .await;
}
