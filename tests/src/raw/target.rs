//! What is attacked: a contract whose methods go wrong in every way that a handler can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize, Serializer};
use ws_core::ws_service;

/// The header of the arena.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// `honest` for the honest ones; tests give others a meaning of their own.
    pub token: String,
}

/// Nests as deep as whoever writes the bytes likes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Tree {
    Leaf,
    Node(Box<Self>),
}

/// Nests by sequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List(pub Vec<Self>);

/// What stands in panics and errors here, and must never reach a peer.
pub const SECRET: &str = "the password is swordfish";

/// Decodes, and never encodes.
#[derive(Debug, Deserialize)]
pub struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(SECRET))
    }
}

/// Decodes, and panics when it is encoded.
#[derive(Debug, Deserialize)]
pub struct PanicsEncoding;

impl Serialize for PanicsEncoding {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("{SECRET}")
    }
}

/// Panics when it is decoded.
#[derive(Debug, Serialize)]
pub struct PanicsDecoding;

impl<'de> Deserialize<'de> for PanicsDecoding {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("{SECRET}")
    }
}

#[ws_service]
pub trait Target {
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Never answers.
    async fn hang(&self, note: String);
    /// As many bytes as asked for.
    async fn blob(&self, size: u32) -> String;
    async fn units(&self, units: Vec<()>) -> u64;
    async fn text(&self, text: String) -> u64;
    async fn tree(&self, tree: Tree) -> bool;
    async fn list(&self, list: List) -> bool;
    async fn grow(&self) -> Tree;
    /// Never answers, in a task of its own.
    #[ws(spawn)]
    async fn hang_in_a_task(&self, note: String);
    async fn panics_at_once(&self);
    async fn panics_later(&self);
    /// Panics while it returns.
    async fn panics_leaving(&self);
    /// Never answers, and panics when it is dropped.
    async fn panics_in_drop(&self);
    async fn unencodable(&self) -> Unencodable;
    async fn panics_encoding(&self) -> PanicsEncoding;
    async fn panics_decoding(&self, what: PanicsDecoding);
    #[ws(spawn)]
    async fn panics_in_a_task(&self);
    /// `wait` waits for ever.
    #[ws(event)]
    async fn note(&self, text: String);
    #[ws(event)]
    async fn panicking_note(&self);
}

/// What happened to the handlers.
#[derive(Debug, Default)]
pub struct Counts {
    started: AtomicUsize,
    live: AtomicUsize,
    notes: AtomicUsize,
}

impl Counts {
    /// Handlers ever started of the methods that count: those that hang, `blob`, a waiting `note`.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    /// Those of them that were not dropped yet.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Notes taken.
    pub fn notes(&self) -> usize {
        self.notes.load(Ordering::SeqCst)
    }

    /// Counts as started, and as live until it is dropped.
    pub fn guard(self: &Arc<Self>) -> Live {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.live.fetch_add(1, Ordering::SeqCst);
        Live(Arc::clone(self))
    }
}

/// Lives as long as the handler.
#[derive(Debug)]
pub struct Live(Arc<Counts>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The implementation.
#[derive(Debug, Default)]
pub struct Victim {
    pub counts: Arc<Counts>,
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        // A second panic during an unwinding would end the process, whoever catches the first.
        if !std::thread::panicking() {
            panic!("{SECRET}");
        }
    }
}

impl Target for Victim {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn hang(&self, _note: String) {
        let _live = self.counts.guard();
        std::future::pending().await
    }

    async fn blob(&self, size: u32) -> String {
        let _live = self.counts.guard();
        "x".repeat(size as usize)
    }

    async fn units(&self, units: Vec<()>) -> u64 {
        units.len() as u64
    }

    async fn text(&self, text: String) -> u64 {
        text.len() as u64
    }

    async fn tree(&self, tree: Tree) -> bool {
        matches!(tree, Tree::Leaf)
    }

    async fn list(&self, list: List) -> bool {
        list.0.is_empty()
    }

    async fn grow(&self) -> Tree {
        Tree::Node(Box::new(Tree::Leaf))
    }

    async fn hang_in_a_task(&self, note: String) {
        self.hang(note).await;
    }

    async fn panics_at_once(&self) {
        panic!("{SECRET}")
    }

    async fn panics_later(&self) {
        tokio::task::yield_now().await;
        panic!("{SECRET}")
    }

    async fn panics_leaving(&self) {
        let _bomb = PanicsInDrop;
    }

    async fn panics_in_drop(&self) {
        let _live = self.counts.guard();
        let _bomb = PanicsInDrop;
        std::future::pending().await
    }

    async fn unencodable(&self) -> Unencodable {
        Unencodable
    }

    async fn panics_encoding(&self) -> PanicsEncoding {
        PanicsEncoding
    }

    async fn panics_decoding(&self, _what: PanicsDecoding) {}

    async fn panics_in_a_task(&self) {
        tokio::task::yield_now().await;
        panic!("{SECRET}")
    }

    async fn note(&self, text: String) {
        if text == "wait" {
            let _live = self.counts.guard();
            std::future::pending::<()>().await;
        }
        self.counts.notes.fetch_add(1, Ordering::SeqCst);
    }

    async fn panicking_note(&self) {
        panic!("{SECRET}")
    }
}
