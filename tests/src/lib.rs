//! Integration tests of ws-service; they live in `tests/`, one file a behaviour.

pub mod fixture;
pub mod raw;

/// Every Rust snippet of the README, compiled and run as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Likewise the page on changing contracts.
#[cfg(doctest)]
#[doc = include_str!("../../docs/evolution.md")]
pub struct Evolution;

/// Likewise the page on users.
#[cfg(doctest)]
#[doc = include_str!("../../docs/users.md")]
pub struct Users;
