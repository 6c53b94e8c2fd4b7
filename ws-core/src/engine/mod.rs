//! One side of a connection as a pure state machine: ids, pending and running calls, lanes, credits, deadlines.
//!
//! Bytes and the time go in; bytes, wake-ups and handlers to start come out (as [`Effects`]). Nothing here awaits,
//! reads a clock, locks or runs user code, so that every race can be played through in a test.

mod admit;
mod budget;
mod content;
mod credit;
mod deadlines;
mod early;
mod effects;
mod entry;
mod flows;
mod foreign;
mod gathered;
mod handshake;
mod heartbeat;
mod held;
mod lane;
mod outbox;
mod pending;
mod post;
mod queues;
mod reading;
mod receive;
mod run;
mod running;
mod schema;
mod send;
mod serve;
mod slots;
mod state;
mod stats;
mod undecided;
mod usage;
mod writing;

pub(crate) use budget::Budget;
pub(crate) use content::{Content, SharedFrame};
pub(crate) use effects::{Arrived, Effects, Failed, Start, Told};
pub(crate) use entry::{Answered, Kind as Sends, Outcome, Refused, Slow};
pub(crate) use flows::StreamEnd;
pub(crate) use foreign::{NextText, SentText};
pub(crate) use gathered::Gathered;
pub(crate) use handshake::Activation;
pub(crate) use held::Held;
pub(crate) use outbox::Batch;
pub use post::LatestKey;
pub(crate) use post::{Post, Posted};
pub(crate) use reading::Read;
pub(crate) use receive::DYNAMIC;
pub(crate) use run::Run;
pub use schema::SchemaMismatch;
pub(crate) use send::{Begun, Outgoing};
pub(crate) use serve::Verdict;
pub(crate) use slots::Key;
pub(crate) use state::{Config, Engine, Role};
pub use stats::Stats;
pub(crate) use undecided::{EarlyNext, EarlyTaken};
pub(crate) use writing::Put;

#[cfg(test)]
mod tests;
