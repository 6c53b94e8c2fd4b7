use ws_core::ws_service;

#[ws_service]
pub trait Scientific {
    async fn pow(&self, base: f64, exponent: f64) -> f64;
}

#[ws_service]
pub trait Calculator {
    #[ws(nested, event)]
    fn event(&self) -> &impl Scientific;
    #[ws(nested, timeout = "5s", serial, spawn)]
    fn options(&self) -> &impl Scientific;
    #[ws(concurrent, nested)]
    fn order(&self) -> &impl Scientific;
    #[ws(nested = "yes")]
    fn value(&self) -> &impl Scientific;
    #[ws(nested(remot = ScientificRemote))]
    fn unknown(&self) -> &impl Scientific;
    #[ws(nested(remote = "ScientificRemote"))]
    fn text(&self) -> &impl Scientific;
    #[ws(nested(remote))]
    fn bare(&self) -> &impl Scientific;
    #[ws(nested(ScientificRemote))]
    fn path(&self) -> &impl Scientific;
    #[ws(nested(remote = ScientificRemote, remote = ScientificRemote))]
    fn twice(&self) -> &impl Scientific;
    #[ws(nested, nested)]
    fn again(&self) -> &impl Scientific;
    #[ws(nested(), name = "not a name")]
    fn named(&self) -> &impl Scientific;
    #[ws(nested, name = "field")]
    fn one_field(&self) -> &impl Scientific;
    #[ws(nested, name = "field")]
    fn other_field(&self) -> &impl Scientific;
}

fn main() {}
