//! Integration tests of ws-service; they live in `tests/`, one file a behaviour.

pub mod fixture;
