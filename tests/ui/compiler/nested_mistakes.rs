use ws_core::ws_service;

pub trait Plain {
    fn pow(&self) -> u8;
}

#[ws_service]
pub trait Scientific {
    async fn pow(&self, base: f64) -> f64;
}

#[ws_service]
pub trait Other {
    async fn pow(&self, base: f64) -> f64;
}

/// It is no contract.
#[ws_service]
pub trait First {
    #[ws(nested)]
    fn plain(&self) -> &impl Plain;
}

/// The remote is that of another contract.
#[ws_service]
pub trait Second {
    #[ws(nested(remote = OtherRemote))]
    fn scientific(&self) -> &impl Scientific;
}

/// The implementation gives something else.
#[ws_service]
pub trait Third {
    #[ws(nested)]
    fn scientific(&self) -> &impl Scientific;
}

struct Calc;

impl Third for Calc {
    fn scientific(&self) -> &impl Scientific {
        self
    }
}

fn main() {}
