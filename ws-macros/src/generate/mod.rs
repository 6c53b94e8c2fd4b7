//! From the model to Rust: the trait itself, its provider and its remote.
//!
//! Every path is absolute and every name that nobody reads starts with `__`, so that a user may define a `Result`, a
//! `String` or a `Send` of their own beside the contract, or a unit struct `service`, which no local could be named after. Methods of the runtime are named in full, for a method call could find a
//! user's blanket trait first.

mod broadcast;
mod codec_types;
mod codecs;
mod contract;
mod contract_trait;
mod docs;
mod enums;
mod event_enum;
mod generics;
mod method_enum;
mod names;
mod nested;
mod provider;
mod remote;
mod reply_enum;
mod request_enum;
mod specs;
mod standins;
mod used;

pub(crate) use contract::contract;
