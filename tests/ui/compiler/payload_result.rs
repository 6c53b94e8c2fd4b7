//! One short message for each type, on the type.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use ws_core::ws_service;

pub struct NotSerde;

#[derive(Serialize)]
pub struct OnlySerialize;

#[derive(Serialize, Deserialize)]
pub struct Borrowed<'a>(&'a str);

#[ws_service]
pub trait Store {
    async fn value(&self) -> NotSerde;
    async fn error(&self) -> Result<u8, OnlySerialize>;
    async fn inside(&self) -> Result<Vec<OnlySerialize>, u8>;
    #[ws(event)]
    async fn event(&self, value: Rc<u8>);
    async fn borrowed(&self, value: Borrowed<'static>);
}

fn main() {}
