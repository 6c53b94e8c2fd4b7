//! From the model to Rust: the trait itself, its provider and its remote.
//!
//! Every path is absolute and every hidden name starts with `__`, so that a user may define a `Result`, a `String` or a
//! `Send` of their own beside the contract. Methods of the runtime are named in full, for a method call could find a
//! user's blanket trait first.

mod codecs;
mod contract;
mod contract_trait;
mod docs;
mod index;
mod names;
mod provider;
mod remote;
mod specs;

pub(crate) use contract::contract;
