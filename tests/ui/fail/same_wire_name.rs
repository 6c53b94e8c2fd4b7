use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn add(&self);

    #[ws(name = "add")]
    async fn plus(&self);

    async fn r#plus_one(&self);

    #[ws(name = "plus_one")]
    #[cfg(all())]
    async fn increment(&self);

    #[ws(event, name = "next")]
    async fn first(&self);

    #[ws(name = "next")]
    async fn second(&self);
}

fn main() {}
