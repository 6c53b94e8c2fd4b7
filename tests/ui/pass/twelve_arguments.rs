//! As many arguments as a method may have, beside the context.

#![deny(warnings)]

use ws_core::service::CallContext;
use ws_core::ws_service;

#[ws_service]
pub trait Wide {
    #[allow(clippy::too_many_arguments)]
    async fn call(
        &self,
        ctx: &CallContext,
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: i8,
        f: i16,
        g: i32,
        h: i64,
        i: f32,
        j: f64,
        k: String,
        l: Vec<u8>,
    ) -> u8;

    #[ws(event)]
    #[allow(clippy::too_many_arguments)]
    async fn event(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8);
}

fn main() {}
