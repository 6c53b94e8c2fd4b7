//! One short message for each, on the item's type.

use futures::Stream;
use ws_core::ws_service;

pub struct NotSerde;

#[ws_service]
pub trait Store {
    fn items(&self) -> impl Stream<Item = NotSerde>;
}

#[ws_service]
pub trait Failing {
    fn items(&self) -> impl Stream<Item = Result<u8, NotSerde>>;
}

#[ws_service]
pub trait Opening {
    async fn items(&self) -> Result<impl Stream<Item = u8>, NotSerde>;
}

fn main() {}
