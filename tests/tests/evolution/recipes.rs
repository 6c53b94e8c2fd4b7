//! The recipes of `docs/evolution.md`, as programs.

use ws_client::{ConnectError, WebSocketConnector};
use ws_core::{CallError, Connection, Encoding, Limits};
use ws_server::{Acceptor, WebSocketServer};
use ws_tests::fixture::{connect, ways};

use self::old::{StoreProvider, StoreRemote};
use crate::roles::in_both_roles;

mod old {
    #[ws_core::ws_service]
    pub trait Store {
        async fn put(&self, key: String) -> u32;
    }
}

mod new {
    use ws_core::ws_service;

    #[ws_service]
    pub trait Store {
        /// Served for those who do not know `put_with` yet.
        async fn put(&self, key: String) -> u32 {
            self.put_with(key, false).await
        }
        /// The method's next form, under a name of its own.
        async fn put_with(&self, key: String, overwrite: bool) -> u32;
    }

    /// A whole contract's next form, beside the old one.
    #[ws_service(name = "Store.2")]
    pub trait Store2 {
        async fn put(&self, key: Vec<u8>) -> u64;
    }
}

struct Memory;

impl old::Store for Memory {
    async fn put(&self, key: String) -> u32 {
        key.len() as u32
    }
}

impl new::Store for Memory {
    async fn put_with(&self, key: String, overwrite: bool) -> u32 {
        key.len() as u32 + 100 * u32::from(overwrite)
    }
}

impl new::Store2 for Memory {
    async fn put(&self, key: Vec<u8>) -> u64 {
        key.len() as u64
    }
}

/// A new caller, with those who are not upgraded yet.
async fn put(store: &new::StoreRemote, key: String) -> Result<u32, CallError> {
    match store.put_with(key.clone(), true).await {
        // It certainly did not run, so that asking in the old way cannot do it twice.
        Err(CallError::UnknownMethod) => store.put(key).await,
        done => done,
    }
}

#[tokio::test]
async fn recipe_a_method_changes_by_a_second_one_and_a_fallback() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, new: &Connection<new::StoreRemote>| {
            assert_eq!(old.remote().put("abc".into()).await, Ok(3), "the old one is still served");
            assert_eq!(put(new.remote(), "abc".into()).await, Ok(3), "an old callee");
        },
    )
    .await;
    in_both_roles(
        || new::StoreProvider::new(Memory),
        || new::StoreProvider::new(Memory),
        async |one: &Connection<new::StoreRemote>, other: &Connection<new::StoreRemote>| {
            assert_eq!(put(one.remote(), "abc".into()).await, Ok(103), "a new callee");
            assert_eq!(put(other.remote(), "abc".into()).await, Ok(103));
        },
    )
    .await;
}

#[tokio::test]
async fn recipe_two_versions_of_a_contract_are_served_side_by_side() {
    let both = || (old::StoreProvider::new(Memory), new::Store2Provider::new(Memory));
    for way in ways() {
        let ends = connect(way, &Limits::default(), move |(): ()| both(), |_: old::StoreRemote| ()).await;
        assert_eq!(ends.client.remote().put("abc".into()).await, Ok(3));
        let ends = connect(way, &Limits::default(), move |(): ()| both(), |_: new::Store2Remote| ()).await;
        assert_eq!(ends.client.remote().put(b"abc".to_vec()).await, Ok(3));
    }
}

mod changed {
    #[ws_core::ws_service]
    pub trait Store {
        async fn put(&self, key: String, overwrite: bool) -> u32;
    }
}

impl changed::Store for Memory {
    async fn put(&self, key: String, _: bool) -> u32 {
        key.len() as u32
    }
}

/// What either side may do as soon as it is connected, before it calls anything.
#[tokio::test]
async fn recipe_both_sides_can_ask_for_mismatches_when_they_connect() {
    in_both_roles(
        || old::StoreProvider::new(Memory),
        || changed::StoreProvider::new(Memory),
        async |old: &Connection<old::StoreRemote>, changed: &Connection<changed::StoreRemote>| {
            for mismatches in [old.mismatches(), changed.mismatches()] {
                assert!(mismatches.iter().any(|m| m.method == "Store.put" && !m.served_here));
            }
        },
    )
    .await;
}

/// P1: the client's order decides among those that the server knows.
#[tokio::test]
async fn recipe_an_encoding_is_changed_by_a_server_that_takes_both() {
    let accept = |acceptor: Acceptor<(), StoreProvider<Memory>, ()>| async move {
        acceptor.accept(StoreProvider::new(Memory)).await?;
        Ok(())
    };
    let client = |encodings: &[Encoding]| {
        let builder = WebSocketConnector::<(), (), StoreRemote>::builder(()).encodings(encodings);
        builder.build().expect("good limits")
    };
    let both = WebSocketServer::<(), StoreProvider<Memory>, ()>::new();
    let address = both.open("127.0.0.1:0", accept).await.expect("a free port");
    for encodings in [&[Encoding::Bincode][..], &[Encoding::Msgpack], &[Encoding::Msgpack, Encoding::Bincode]]
    {
        let connection = client(encodings).connect(format!("ws://{address}"), ()).await.expect("accepted");
        assert_eq!(connection.remote().put("abc".into()).await, Ok(3));
    }
    // What comes of it where nobody waited for the last client to move.
    let moved = WebSocketServer::<(), StoreProvider<Memory>, ()>::builder().encodings([Encoding::Msgpack]);
    let moved = moved.build().expect("good limits");
    let address = moved.open("127.0.0.1:0", accept).await.expect("a free port");
    let error = client(&[Encoding::Bincode]).connect(format!("ws://{address}"), ()).await;
    assert!(matches!(error, Err(ConnectError::Status { status: 400 })), "{error:?}");
}
