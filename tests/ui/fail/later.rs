use ws_core::ws_service;

pub trait Stream {
    type Item;
}

pub struct Streaming<T>(T);

pub trait Scientific {}

#[ws_service]
pub trait Calculator {
    fn countdown(&self, from: u32) -> impl Stream<Item = u32> + Send;
    async fn count(&self) -> impl Stream<Item = u32>;
    async fn sum(&self, numbers: Streaming<i64>) -> i64;
    #[ws(nested)]
    fn scientific(&self) -> &impl Scientific;
    fn unmarked(&self) -> &impl Scientific;
    #[ws(nested(remote = other::ScientificRemote))]
    fn other(&self) -> &impl Scientific;
    #[ws(serial)]
    async fn one(&self);
    #[ws(busy)]
    async fn two(&self);
    #[ws(latest)]
    async fn three(&self);
}

fn main() {}
