use ws_core::ws_service;

#[ws_service(rename = "a", namespace = "b")]
#[ws(event)]
pub trait Chat {
    #[ws(evnet)]
    async fn say(&self);

    #[ws(deadline = "5s", retry(3))]
    async fn ask(&self);

    #[ws]
    async fn tell(&self);

    #[ws()]
    async fn hear(&self);

    #[cfg_attr(all(), ws(event))]
    async fn see(&self);
}

fn main() {}
