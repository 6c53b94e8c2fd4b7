use std::future::Future;

use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    fn add(&self, a: i64, b: i64) -> i64;

    fn by_hand(&self) -> impl Future<Output = i64> + Send;

    #[ws(event)]
    fn memo(&self, note: String);
}

fn main() {}
