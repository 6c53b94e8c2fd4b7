use ws_core::ws_service;

#[ws_service]
pub unsafe trait Calculator {
    async fn add(&self);
}

fn main() {}
