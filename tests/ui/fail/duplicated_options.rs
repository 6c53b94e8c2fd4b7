use ws_core::ws_service;

#[ws_service(name = "a", name = "b", version = 1, version = 1)]
pub trait Chat {
    #[ws(event, event)]
    async fn say(&self);

    #[ws(name = "x")]
    #[ws(name = "y")]
    async fn ask(&self);
}

fn main() {}
