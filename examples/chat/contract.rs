//! The chat: what its server and its clients agree on. Who is here, and under which name, is no part of it: that is
//! `ws_core::presence`, which is ready made.

use serde::{Deserialize, Serialize};
use ws_core::ws_service;

/// What the server serves, beside `Presence`. A connection is in one room at a time, and has to be linked to a user
/// before it may enter any.
#[ws_service]
pub trait Chat {
    /// Enters a room, and leaves the one before; gives the room's newest lines, at most `last`, the oldest first.
    ///
    /// Whatever is said after the last of them is told by `Member::said`.
    async fn join(&self, room: String, last: u32) -> Result<Vec<Line>, JoinError>;

    /// Leaves the room; false where there was none.
    async fn leave(&self) -> bool;

    /// Says something to everybody in the room, the speaker included; gives the number of the line.
    async fn say(&self, text: String) -> Result<u64, SayError>;

    /// Who is in the room, in alphabetical order.
    async fn names(&self) -> Vec<String>;
}

/// What every client serves, beside `RosterWatcher`: the server tells it what happens in its room, and all in one room
/// are told the same in the same order.
#[ws_service]
pub trait Member {
    /// Somebody said something.
    #[ws(event)]
    async fn said(&self, line: Line);

    /// Somebody came in.
    #[ws(event)]
    async fn entered(&self, room: String, name: String);

    /// Somebody went out. Of who is lost the roster tells.
    #[ws(event)]
    async fn went(&self, room: String, name: String);
}

/// What was said. The numbers of a room count up by one, so that nobody shows a line twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Where.
    pub room: String,
    /// 1 for the first line of the room.
    pub number: u64,
    /// Who said it.
    pub name: String,
    /// What.
    pub text: String,
}

/// Why a room is not entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinError {
    /// The connection has no user.
    Nameless,
    /// Not 2 to 16 letters and digits.
    BadName,
    /// There are as many rooms as there may be.
    TooManyRooms,
}

/// Why a text is not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SayError {
    /// The speaker is in no room, or has no name.
    NoRoom,
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
