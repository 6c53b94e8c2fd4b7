use ws_core::ws_service;

#[ws_service]
pub trait Chat {
    async fn answer(&self, question: u64, reply: String);
}

fn main() {}
