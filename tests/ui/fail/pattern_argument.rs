use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn pair(&self, (a, b): (i32, i32));
    async fn mutable(&self, mut a: i32);
    async fn unnamed(&self, _: i32);
    async fn with_body(&self, mut a: i32) -> i32 {
        a += 1;
        a
    }
    async fn attribute(&self, #[cfg(all())] a: i32, #[ws(name = "c")] b: i32);
}

fn main() {}
