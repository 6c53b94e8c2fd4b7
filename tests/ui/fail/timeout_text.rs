use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    #[ws(timeout = "5")]
    async fn no_unit(&self);
    #[ws(timeout = "0s")]
    async fn zero(&self);
    #[ws(timeout = "1.5s")]
    async fn fraction(&self);
    #[ws(timeout = "1h")]
    async fn hours(&self);
    #[ws(timeout = "")]
    async fn empty(&self);
    #[ws(timeout = "99999999999999999999ms")]
    async fn too_long(&self);
    #[ws(timeout = 5)]
    async fn number(&self);
    #[ws(timeout)]
    async fn nothing(&self);
}

fn main() {}
