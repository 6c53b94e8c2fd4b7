//! R5, P32, P33: signatures change. The method fails alone, on both sides, and both can name it.

use ws_core::{CallError, Connection, Fate, SendError};

use crate::roles::in_both_roles;

/// The same bytes under two names.
type Key = String;

mod old {
    use super::Key;
    use ws_core::ws_service;

    #[ws_service]
    pub trait Store {
        async fn same(&self, key: String) -> String;
        async fn argument_added(&self, a: u32);
        async fn argument_removed(&self, a: u32, b: u32);
        async fn arguments_swapped(&self, a: u32, b: String);
        async fn argument_widened(&self, a: u32);
        async fn result_changed(&self) -> u32;
        async fn error_added(&self) -> u32;
        async fn error_changed(&self) -> Result<u32, u8>;
        async fn type_respelled(&self, key: String);
        async fn type_renamed(&self, key: String);
        async fn becomes_event(&self);
        #[ws(event)]
        async fn becomes_call(&self);
        #[ws(event)]
        async fn event_changed(&self, a: u32);
        async fn options(&self, a: u32) -> u32;
        async fn alias(&self, key: Key) -> Key;
    }
}

mod new {
    use super::Key;
    use ws_core::{CallContext, ws_service};

    #[ws_service]
    pub trait Store {
        async fn argument_added(&self, a: u32, b: Option<u32>);
        async fn argument_removed(&self, a: u32);
        async fn arguments_swapped(&self, b: String, a: u32);
        async fn argument_widened(&self, a: u64);
        async fn result_changed(&self) -> u64;
        async fn error_added(&self) -> Result<u32, u8>;
        async fn error_changed(&self) -> Result<u32, u16>;
        async fn type_respelled(&self, key: std::string::String);
        async fn type_renamed(&self, key: Key);
        #[ws(event)]
        async fn becomes_event(&self);
        async fn becomes_call(&self);
        #[ws(event)]
        async fn event_changed(&self, a: u32, b: u32);
        /// A context, another name of an argument, a body and every option: none is part of the signature.
        #[ws(timeout = "5s", spawn, idempotent)]
        async fn options(&self, ctx: &CallContext, number: u32) -> u32 {
            number + u32::from(ctx.depth())
        }
        async fn alias(&self, key: Key) -> Key;
        async fn same(&self, key: String) -> String;
    }
}

struct Memory;

impl old::Store for Memory {
    async fn same(&self, key: String) -> String {
        key
    }
    async fn argument_added(&self, _: u32) {}
    async fn argument_removed(&self, _: u32, _: u32) {}
    async fn arguments_swapped(&self, _: u32, _: String) {}
    async fn argument_widened(&self, _: u32) {}
    async fn result_changed(&self) -> u32 {
        1
    }
    async fn error_added(&self) -> u32 {
        1
    }
    async fn error_changed(&self) -> Result<u32, u8> {
        Ok(1)
    }
    async fn type_respelled(&self, _: String) {}
    async fn type_renamed(&self, _: String) {}
    async fn becomes_event(&self) {}
    async fn becomes_call(&self) {}
    async fn event_changed(&self, _: u32) {}
    async fn options(&self, a: u32) -> u32 {
        a
    }
    async fn alias(&self, key: Key) -> Key {
        key
    }
}

impl new::Store for Memory {
    async fn argument_added(&self, _: u32, _: Option<u32>) {}
    async fn argument_removed(&self, _: u32) {}
    async fn arguments_swapped(&self, _: String, _: u32) {}
    async fn argument_widened(&self, _: u64) {}
    async fn result_changed(&self) -> u64 {
        1
    }
    async fn error_added(&self) -> Result<u32, u8> {
        Ok(1)
    }
    async fn error_changed(&self) -> Result<u32, u16> {
        Ok(1)
    }
    async fn type_respelled(&self, _: String) {}
    async fn type_renamed(&self, _: Key) {}
    async fn becomes_event(&self) {}
    async fn becomes_call(&self) {}
    async fn event_changed(&self, _: u32, _: u32) {}
    async fn alias(&self, key: Key) -> Key {
        key
    }
    async fn same(&self, key: String) -> String {
        key
    }
}

const CHANGED: [&str; 12] = [
    "Store.argument_added",
    "Store.argument_removed",
    "Store.argument_widened",
    "Store.arguments_swapped",
    "Store.becomes_call",
    "Store.becomes_event",
    "Store.error_added",
    "Store.error_changed",
    "Store.event_changed",
    "Store.result_changed",
    "Store.type_renamed",
    "Store.type_respelled",
];

fn mismatched<R>(connection: &Connection<R>, served_here: bool) -> Vec<&'static str> {
    let all = connection.mismatches();
    let mut names: Vec<_> = all.iter().filter(|m| m.served_here == served_here).map(|m| m.method).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn r5_a_changed_signature_fails_that_method_alone_and_both_sides_list_it() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::StoreRemote>| {
            for served_here in [true, false] {
                assert_eq!(mismatched(old, served_here), CHANGED);
                assert_eq!(mismatched(new, served_here), CHANGED);
            }
            let (before, after) = (old.remote(), new.remote());
            let refused = Err(CallError::SchemaMismatch);
            assert_eq!(CallError::<()>::SchemaMismatch.fate(), Fate::NotSent);
            assert_eq!(before.argument_added(1).await, refused);
            assert_eq!(before.argument_removed(1, 2).await, refused);
            assert_eq!(before.arguments_swapped(1, "b".into()).await, refused);
            assert_eq!(before.argument_widened(1).await, refused);
            assert_eq!(before.type_respelled("a".into()).await, refused);
            assert_eq!(before.type_renamed("a".into()).await, refused);
            assert_eq!(before.result_changed().await, Err(CallError::SchemaMismatch));
            assert_eq!(before.error_added().await, Err(CallError::SchemaMismatch));
            assert_eq!(before.error_changed().await, Err(CallError::SchemaMismatch));
            assert_eq!(after.argument_added(1, None).await, refused);
            assert_eq!(after.argument_removed(1).await, refused);
            assert_eq!(after.arguments_swapped("b".into(), 1).await, refused);
            assert_eq!(after.argument_widened(1).await, refused);
            assert_eq!(after.type_respelled("a".into()).await, refused);
            assert_eq!(after.type_renamed("a".into()).await, refused);
            assert_eq!(after.result_changed().await, Err(CallError::SchemaMismatch));
            assert_eq!(after.error_added().await, Err(CallError::SchemaMismatch));
            assert_eq!(after.error_changed().await, Err(CallError::SchemaMismatch));
            assert_eq!(before.same("a".into()).await, Ok("a".into()));
            assert_eq!(after.same("b".into()).await, Ok("b".into()));
        },
    )
    .await;
}

/// P32: the kind is part of the hash.
#[tokio::test]
async fn p32_a_call_that_becomes_an_event_and_back_fails_alone() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::StoreRemote>| {
            assert_eq!(old.remote().becomes_event().await, Err(CallError::SchemaMismatch));
            assert_eq!(old.remote().becomes_call().await, Err(SendError::SchemaMismatch));
            assert_eq!(old.remote().event_changed(1).await, Err(SendError::SchemaMismatch));
            assert_eq!(new.remote().becomes_event().await, Err(SendError::SchemaMismatch));
            assert_eq!(new.remote().becomes_call().await, Err(CallError::SchemaMismatch));
            assert_eq!(new.remote().event_changed(1, 2).await, Err(SendError::SchemaMismatch));
            assert_eq!((old.stats().events_refused, new.stats().events_refused), (0, 0), "none was sent");
        },
    )
    .await;
}

#[tokio::test]
async fn p33_options_contexts_bodies_and_names_of_arguments_are_no_part_of_the_signature() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::StoreRemote>| {
            assert_eq!(old.remote().options(7).await, Ok(7));
            assert_eq!(new.remote().options(7).await, Ok(7));
            assert_eq!(old.remote().alias("a".into()).await, Ok("a".into()));
        },
    )
    .await;
}

mod raised {
    use ws_core::ws_service;

    #[ws_service(version = 2)]
    pub trait Store {
        async fn same(&self, key: String) -> String;
        async fn added(&self) -> u32;
        #[ws(event)]
        async fn event_changed(&self, a: u32);
    }

    #[ws_service]
    pub trait Other {
        async fn works(&self) -> bool;
    }
}

impl raised::Store for Memory {
    async fn same(&self, key: String) -> String {
        key
    }
    async fn added(&self) -> u32 {
        1
    }
    async fn event_changed(&self, _: u32) {}
}

impl raised::Other for Memory {
    async fn works(&self) -> bool {
        true
    }
}

/// P32: the version is part of every hash of its contract, and of no other contract's.
#[tokio::test]
async fn p32_a_raised_version_mismatches_every_common_method_of_that_contract() {
    in_both_roles(
        || (old::StoreProvider::new(Memory), raised::OtherProvider::new(Memory)),
        || (raised::StoreProvider::new(Memory), raised::OtherProvider::new(Memory)),
        async |old: &Connection<(old::StoreRemote, raised::OtherRemote)>,
               new: &Connection<(raised::StoreRemote, raised::OtherRemote)>| {
            for served_here in [true, false] {
                assert_eq!(mismatched(old, served_here), ["Store.event_changed", "Store.same"]);
                assert_eq!(mismatched(new, served_here), ["Store.event_changed", "Store.same"]);
            }
            assert_eq!(old.remote().0.same("a".into()).await, Err(CallError::SchemaMismatch));
            assert_eq!(new.remote().0.same("a".into()).await, Err(CallError::SchemaMismatch));
            assert_eq!(new.remote().0.event_changed(1).await, Err(SendError::SchemaMismatch));
            assert_eq!(new.remote().0.added().await, Err(CallError::UnknownMethod));
            assert_eq!(old.remote().1.works().await, Ok(true));
            assert_eq!(new.remote().1.works().await, Ok(true));
        },
    )
    .await;
}
