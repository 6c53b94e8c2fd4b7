use ws_core::ws_service;

#[ws_service]
pub trait Store {
    async fn text(&self, text: impl Into<String>);
    async fn list(&self, list: Vec<impl Into<String>>);
}

fn main() {}
