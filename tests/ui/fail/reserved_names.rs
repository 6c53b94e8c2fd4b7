use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn with(&self);
    async fn peer(&self);
    async fn methods(&self);
    async fn from_peer(&self);
    async fn clone(&self);
    async fn r#METHODS(&self);
    async fn from_handle(&self);
    async fn r#COUNT(&self);
}

fn main() {}
