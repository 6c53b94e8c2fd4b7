use ws_core::ws_service;

#[ws_service]
pub trait Printer {
    #[ws(serial, busy)]
    async fn two(&self);
    #[ws(latest)]
    #[ws(serial)]
    async fn in_two_attributes(&self);
    #[ws(serial, busy, latest)]
    async fn three(&self);
    #[ws(serial, serial)]
    async fn twice(&self);
    #[ws(serial = true)]
    async fn value(&self);
    #[ws(busy(1))]
    async fn list(&self);
    #[ws(event, serial)]
    async fn serial_event(&self);
    #[ws(busy, event)]
    async fn busy_event(&self);
    #[ws(event, latest)]
    async fn latest_event(&self);
    #[ws(seriall)]
    async fn misspelt(&self);
}

fn main() {}
