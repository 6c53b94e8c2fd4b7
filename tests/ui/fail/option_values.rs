use ws_core::ws_service;

#[ws_service(version = "2", name = calc, crate = "ws_core", 7)]
pub trait Chat {
    #[ws(event = true)]
    async fn say(&self);

    #[ws(spawn(yes))]
    async fn ask(&self);

    #[ws(name)]
    async fn tell(&self);

    #[ws(name =)]
    async fn hear(&self);

    #[ws(name "x")]
    async fn see(&self);
}

fn main() {}
