use ws_core::ws_service;

#[ws_service(name = "", version = 0)]
pub trait A {
    #[ws(name = "")]
    async fn empty(&self);
    #[ws(name = "with space")]
    async fn space(&self);
    #[ws(name = "sum+difference")]
    async fn plus(&self);
}

#[ws_service(name = "calc#2", version = 4294967296)]
pub trait B {}

#[ws_service(version = "one")]
pub trait C {}

fn main() {}
