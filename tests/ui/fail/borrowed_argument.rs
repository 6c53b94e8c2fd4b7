use std::borrow::Cow;

use ws_core::ws_service;

#[ws_service]
pub trait Store {
    async fn text(&self, text: &str);
    async fn bytes(&self, bytes: &'static [u8]);
    async fn unique(&self, list: &mut Vec<u8>);
    async fn inside(&self, text: Option<(u8, &str)>);
    async fn lifetime(&self, text: Cow<'_, str>);
    async fn this(&self, other: Self);
}

fn main() {}
