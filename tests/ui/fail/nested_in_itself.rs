use ws_core::{Payload, ws_service};

#[ws_service]
pub trait Node {
    async fn value(&self) -> u32;
    #[ws(nested)]
    fn child(&self) -> &impl Node;
}

#[ws_service]
pub trait List<T: Payload> {
    #[ws(nested)]
    fn tail(&self) -> &impl List<T>;
}

fn main() {}
