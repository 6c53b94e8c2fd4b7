//! One short message, on the argument's type.

use ws_core::ws_service;

pub struct NotSerde;

#[ws_service]
pub trait Store {
    async fn put(&self, key: String, value: NotSerde) -> bool;
}

fn main() {}
