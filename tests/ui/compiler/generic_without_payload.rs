use ws_core::{Payload, ws_service};

#[ws_service]
pub trait Store<T: Send> {
    async fn put(&self, value: T);
}

#[ws_service]
pub trait Unused<T> {
    async fn count(&self) -> u64;
}

#[ws_service]
pub trait Fine<T: Payload> {
    async fn put(&self, value: T);
}

struct NotAPayload;

fn calls(_: FineRemote<NotAPayload>) {}

fn main() {
    let _ = calls;
}
