use ws_core::ws_service;

#[ws_service]
pub trait Chat {
    #[ws(event)]
    async fn say(&self, text: String) -> u64;

    #[ws(event)]
    async fn fail(&self) -> Result<(), String>;
}

fn main() {}
