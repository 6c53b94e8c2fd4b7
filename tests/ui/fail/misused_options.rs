use ws_core::ws_service;

#[ws_service]
pub trait Chat {
    #[ws(event, timeout = "5s")]
    async fn say(&self, text: String);

    #[ws(concurrent)]
    async fn ask(&self, text: String) -> String;

    #[ws(event, idempotent)]
    async fn tell(&self, text: String);
}

fn main() {}
