use ws_core::ws_service;

#[ws_service]
pub trait Store {
    async fn text(&self) -> &str;
    async fn all(&self) -> Result<Vec<&'static str>, u8>;
    async fn this(&self) -> Self;
    async fn opaque(&self) -> impl Iterator<Item = u8>;
}

fn main() {}
