use ws_core::ws_service;

#[ws_service]
pub trait Store<T: Send> {
    async fn put(&self, value: T);
}

#[ws_service]
pub trait Buffer<'a, const N: usize> {}

struct Memory;

impl Store<u8> for Memory {
    async fn put(&self, _value: u8) {}
}

fn main() {}
