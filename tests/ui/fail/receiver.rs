use std::sync::Arc;

use ws_core::ws_service;

#[ws_service]
pub trait Counter {
    async fn by_value(self);
    async fn by_mutable_value(mut self);
    async fn unique(&mut self);
    async fn typed(self: Arc<Self>);
    async fn lifetime(&'static self);
    async fn none(value: u8);
}

fn main() {}
