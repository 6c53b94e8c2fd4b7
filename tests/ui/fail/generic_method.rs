use ws_core::ws_service;

#[ws_service]
pub trait Store {
    async fn put<T>(&self, value: T);
    async fn bytes<const N: usize>(&self, value: [u8; N]);
    async fn borrow<'a>(&self, value: u8);
    #[rustfmt::skip]
    async fn bound(&self, value: u8) where u8: Copy;
}

fn main() {}
