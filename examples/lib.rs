//! Programs that show one thing each; run them with `cargo run --example NAME`.
//!
//! What two programs have in common is here: in a project of its own, a crate that both depend on.

#[path = "chat/contract.rs"]
pub mod chat;
