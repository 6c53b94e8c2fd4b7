//! P31: methods and contracts are renamed. The name on the wire is the identity.

use ws_core::{CallError, Connection};

use crate::roles::in_both_roles;

mod old {
    #[ws_core::ws_service]
    pub trait Store {
        async fn get(&self, key: String) -> String;
        async fn put(&self, key: String) -> u32;
    }
}

mod new {
    use ws_core::ws_service;

    #[ws_service]
    pub trait Store {
        async fn fetch(&self, key: String) -> String;
        #[ws(name = "put")]
        async fn store(&self, key: String) -> u32;
    }

    /// The trait is renamed as well, and keeps its name on the wire.
    #[ws_service(name = "Store")]
    pub trait Archive {
        async fn get(&self, key: String) -> String;
    }

    /// And here it does not.
    #[ws_service]
    pub trait Shed {
        async fn get(&self, key: String) -> String;
    }
}

struct Memory;

impl old::Store for Memory {
    async fn get(&self, key: String) -> String {
        key
    }
    async fn put(&self, _: String) -> u32 {
        1
    }
}

impl new::Store for Memory {
    async fn fetch(&self, key: String) -> String {
        key
    }
    async fn store(&self, _: String) -> u32 {
        2
    }
}

impl new::Archive for Memory {
    async fn get(&self, key: String) -> String {
        key
    }
}

impl new::Shed for Memory {
    async fn get(&self, key: String) -> String {
        key
    }
}

#[tokio::test]
async fn p31_a_renamed_method_is_another_one_unless_its_name_is_kept() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::StoreRemote>| {
            assert_eq!((old.mismatches(), new.mismatches()), (vec![], vec![]));
            assert_eq!(old.remote().get("a".into()).await, Err(CallError::UnknownMethod));
            assert_eq!(new.remote().fetch("a".into()).await, Err(CallError::UnknownMethod));
            assert_eq!(old.remote().put("a".into()).await, Ok(2));
            assert_eq!(new.remote().store("a".into()).await, Ok(1));
        },
    )
    .await;
}

#[tokio::test]
async fn p31_a_renamed_contract_keeps_its_methods_by_name() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::ArchiveProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::ArchiveRemote>| {
            assert_eq!(old.remote().get("a".into()).await, Ok("a".into()));
            assert_eq!(new.remote().get("b".into()).await, Ok("b".into()));
        },
    )
    .await;
}

#[tokio::test]
async fn p31_a_renamed_contract_without_its_name_is_another_one() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::ShedProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::ShedRemote>| {
            assert_eq!(old.remote().get("a".into()).await, Err(CallError::UnknownMethod));
            assert_eq!(new.remote().get("b".into()).await, Err(CallError::UnknownMethod));
        },
    )
    .await;
}
