//! The chat: what its server and its clients agree on.

use serde::{Deserialize, Serialize};
use ws_core::ws_service;

/// What the server serves.
#[ws_service]
pub trait Chat {
    /// Says something to everybody in the room, the speaker included; gives the number of the line.
    async fn say(&self, text: String) -> Result<u64, SayError>;

    /// The newest lines, at most `last` of them, the oldest first.
    async fn history(&self, last: u32) -> Vec<Line>;

    /// Who is in the room, in alphabetical order.
    async fn names(&self) -> Vec<String>;
}

/// What every client serves: the server tells it what happens in the room.
#[ws_service]
pub trait Member {
    /// Somebody said something.
    #[ws(event)]
    async fn said(&self, line: Line);

    /// Somebody came in.
    #[ws(event)]
    async fn joined(&self, name: String);

    /// Somebody went, or was lost.
    #[ws(event)]
    async fn left(&self, name: String);
}

/// The header: what a client sends before anything else, and what the server decides by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Join {
    /// Who wants to come in.
    pub name: String,
}

/// What was said. The numbers count up by one, so that nobody shows a line twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1 for the first line of the room.
    pub number: u64,
    /// Who said it.
    pub name: String,
    /// What.
    pub text: String,
}

/// Why a text is not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SayError {
    /// There is nothing in it.
    Empty,
    /// It has more than so many bytes.
    TooLong {
        /// The most.
        bytes: u32,
    },
    /// It holds what moves a cursor or rings a bell.
    Unprintable,
}

/// Close codes of this application. By their range they tell the client that it may come again (4100–4499).
pub mod code {
    /// Somebody of that name is in the room.
    pub const NAME_TAKEN: u16 = 4100;
    /// The client does not read as fast as the others talk.
    pub const TOO_SLOW: u16 = 4101;
}
