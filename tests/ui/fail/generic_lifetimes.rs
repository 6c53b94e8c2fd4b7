use ws_core::{Payload, ws_service};

#[ws_service]
pub trait Buffer<'a, const N: usize> {
    async fn fill(&self, value: u8) -> [u8; N];
}

#[ws_service]
pub trait Pair<'a, 'b: 'a, T: Payload> {
    async fn get(&self) -> T;
    async fn wrong(&mut self);
}

struct Memory;

impl<'a> Buffer<'a, 2> for Memory {
    async fn fill(&self, value: u8) -> [u8; 2] {
        [value; 2]
    }
}

fn main() {}
