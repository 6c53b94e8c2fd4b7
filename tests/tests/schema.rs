//! R5: the two sides know a method with different signatures. That method fails alone, before any argument is decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use ws_core::{CallError, Fate, Limits, SendError};
use ws_tests::fixture::{connect, ways};

/// Counts how often it is decoded.
#[derive(Serialize)]
pub struct Probe(u32);

static DECODED: AtomicU32 = AtomicU32::new(0);

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::SeqCst);
        u32::deserialize(deserializer).map(Self)
    }
}

mod old {
    use super::Probe;
    use ws_core::ws_service;

    #[ws_service]
    pub trait Store {
        async fn get(&self, key: String) -> Option<String>;
        async fn put(&self, probe: Probe) -> u32;
        async fn gone(&self) -> u32;
        #[ws(event)]
        async fn touch(&self, probe: Probe);
    }
}

mod new {
    use super::Probe;
    use ws_core::ws_service;

    #[ws_service]
    pub trait Store {
        async fn get(&self, key: String) -> Option<String>;
        async fn put(&self, probe: Probe, overwrite: bool) -> u32;
        async fn added(&self) -> u32;
        #[ws(event)]
        async fn touch(&self, probe: Probe, times: u8);
    }
}

struct Memory;

impl new::Store for Memory {
    async fn get(&self, key: String) -> Option<String> {
        Some(key)
    }
    async fn put(&self, probe: Probe, _overwrite: bool) -> u32 {
        probe.0
    }
    async fn added(&self) -> u32 {
        1
    }
    async fn touch(&self, _probe: Probe, _times: u8) {}
}

impl old::Store for Memory {
    async fn get(&self, key: String) -> Option<String> {
        Some(key)
    }
    async fn put(&self, probe: Probe) -> u32 {
        probe.0
    }
    async fn gone(&self) -> u32 {
        1
    }
    async fn touch(&self, _probe: Probe) {}
}

#[tokio::test]
async fn r5_a_changed_method_fails_alone_in_both_directions() {
    for way in ways() {
        // Old client against new server, and the server calls the client by the new contract as well.
        let ends = connect(
            way,
            &Limits::default(),
            |_: new::StoreRemote| new::StoreProvider::new(Memory),
            |_: old::StoreRemote| old::StoreProvider::new(Memory),
        )
        .await;
        let old = ends.client.remote();
        assert_eq!(old.get("a".into()).await, Ok(Some("a".into())));
        let error = old.put(Probe(1)).await.expect_err("its signature differs");
        assert_eq!((&error, error.fate()), (&CallError::SchemaMismatch, Fate::NotSent));
        assert_eq!(old.touch(Probe(1)).await, Err(SendError::SchemaMismatch));
        assert_eq!(old.gone().await, Err(CallError::UnknownMethod));

        let new = ends.serving.remote();
        assert_eq!(new.get("b".into()).await, Ok(Some("b".into())));
        assert_eq!(new.put(Probe(1), true).await, Err(CallError::SchemaMismatch));
        assert_eq!(new.added().await, Err(CallError::UnknownMethod));
        assert_eq!(DECODED.load(Ordering::SeqCst), 0, "no argument was decoded");

        for connection in [ends.client.mismatches(), ends.serving.mismatches()] {
            let mut names: Vec<_> = connection.iter().map(|m| (m.method, m.served_here)).collect();
            names.sort_unstable();
            let expected =
                [("Store.put", false), ("Store.put", true), ("Store.touch", false), ("Store.touch", true)];
            assert_eq!(names, expected);
            assert!(connection.iter().all(|mismatch| mismatch.ours != mismatch.theirs));
        }
        let (here, there) = (ends.client.mismatches(), ends.serving.mismatches());
        for mismatch in here {
            let other =
                there.iter().find(|m| m.method == mismatch.method && m.served_here != mismatch.served_here);
            let other = other.expect("both sides know it");
            assert_eq!((mismatch.ours, mismatch.theirs), (other.theirs, other.ours));
        }
    }
}

mod second {
    use ws_core::ws_service;

    #[ws_service(version = 2)]
    pub trait Store {
        async fn get(&self, key: String) -> Option<String>;
    }
}

struct Second;

impl second::Store for Second {
    async fn get(&self, key: String) -> Option<String> {
        Some(key)
    }
}

#[tokio::test]
async fn r5_a_raised_version_mismatches_every_method() {
    for way in ways() {
        let provider = Arc::new(Second);
        let ends = connect(
            way,
            &Limits::default(),
            move |(): ()| second::StoreProvider::from_arc(Arc::clone(&provider)),
            |_: old::StoreRemote| (),
        )
        .await;
        assert_eq!(ends.client.remote().get("a".into()).await, Err(CallError::SchemaMismatch));
    }
}

#[tokio::test]
async fn a_side_that_serves_nothing_says_so() {
    for way in ways() {
        let ends = connect(way, &Limits::default(), |(): ()| (), |_: old::StoreRemote| ()).await;
        assert_eq!(ends.client.remote().get("a".into()).await, Err(CallError::NoProvider));
    }
}
