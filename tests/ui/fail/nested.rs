use ws_core::ws_service;

#[ws_service]
pub trait Scientific {
    async fn pow(&self, base: f64, exponent: f64) -> f64;
}

pub struct Precise;

#[ws_service]
pub trait Calculator {
    #[ws(nested)]
    async fn awaited(&self) -> &impl Scientific;
    #[ws(nested)]
    fn with_arguments(&self, digits: u8, base: u8) -> &impl Scientific;
    #[ws(nested)]
    fn concrete(&self) -> &Precise;
    #[ws(nested)]
    fn owned(&self) -> impl Scientific;
    #[ws(nested)]
    fn nothing(&self);
    #[ws(nested)]
    fn exclusive(&self) -> &mut impl Scientific;
    #[ws(nested)]
    fn lasting(&self) -> &'static impl Scientific;
    #[ws(nested)]
    fn two(&self) -> &(impl Scientific + Send);
    #[ws(nested)]
    fn outliving(&self) -> &(impl Scientific + 'static);
    #[ws(nested)]
    fn exclusively(&mut self) -> &impl Scientific;
    #[ws(nested)]
    fn generic<T>(&self) -> &impl Scientific;
    #[ws(nested)]
    fn peer(&self) -> &impl Scientific;
    fn unmarked(&self) -> &impl Scientific;
    async fn unmarked_and_awaited(&self) -> &impl Scientific;
    #[ws(event)]
    fn marked_otherwise(&self) -> &impl Scientific;
}

fn main() {}
