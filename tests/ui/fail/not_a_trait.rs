use ws_core::ws_service;

#[ws_service]
pub struct Calculator;

#[ws_service]
impl Calculator {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

#[ws_service]
pub async unsafe fn add() {}

/// Documented.
#[ws_service]
#[derive(Clone)]
pub(crate) enum Operation {
    Add,
}

fn main() {
    let _ = Calculator.add(1, 2);
    let _ = Operation::Add.clone();
}
