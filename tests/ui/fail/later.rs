use ws_core::ws_service;

pub trait Stream {
    type Item;
}

pub struct Streaming<T>(T);

#[ws_service]
pub trait Calculator {
    fn countdown(&self, from: u32) -> impl Stream<Item = u32> + Send;
    async fn count(&self) -> impl Stream<Item = u32>;
    async fn sum(&self, numbers: Streaming<i64>) -> i64;
}

fn main() {}
