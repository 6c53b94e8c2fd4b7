//! A mistake in a body is reported in the body.

use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn early(&self, a: i64) -> i64 {
        if a > 0 {
            return "one";
        }
        a
    }

    async fn end(&self) -> String {
        1
    }

    async fn locals(&self) -> i64 {
        value
    }
}

fn main() {}
