use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async unsafe fn dangerous(&self);
    async extern "C" fn foreign(&self);
    const fn constant(&self);
    async fn variadic(&self, values: ...);
}

fn main() {}
