//! A contract as the design writes it, implemented and served.

use serde::{Deserialize, Serialize};
use ws_core::service::{CallContext, MethodKind, Provider, Remote};
use ws_core::ws_service;

#[derive(Debug, Serialize, Deserialize)]
pub enum DivideError {
    ByZero,
}

#[ws_service]
pub trait Calculator {
    /// Adds.
    async fn add(&self, a: i64, b: i64) -> i64;

    async fn divide(&self, ctx: &CallContext, dividend: i64, divisor: i64) -> Result<i64, DivideError>;

    async fn whoami(&self, _: &ws_core::service::CallContext) -> String;

    #[ws(event)]
    async fn memo(&self, note: String);

    #[ws(event)]
    async fn tick(&self) -> ();

    async fn reset(&self);
}

struct Calc;

impl Calculator for Calc {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn divide(&self, _ctx: &CallContext, dividend: i64, divisor: i64) -> Result<i64, DivideError> {
        dividend.checked_div(divisor).ok_or(DivideError::ByZero)
    }

    async fn whoami(&self, _ctx: &CallContext) -> String {
        "you".to_owned()
    }

    async fn memo(&self, _note: String) {}

    async fn tick(&self) {}

    async fn reset(&self) {}
}

fn is_provider<P: Provider>(_: &P) -> Vec<(&'static str, MethodKind)> {
    P::methods().specs().iter().map(|spec| (spec.name, spec.kind)).collect()
}

fn uses(remote: &CalculatorRemote) {
    let _: ws_core::Call<i64> = remote.add(2, 3);
    let _: ws_core::Call<i64, DivideError> = remote.divide(1, 0);
    let _: ws_core::Sending = remote.memo("note".to_owned());
    let _: ws_core::Sending = remote.tick();
    let _: ws_core::Call<()> = remote.reset();
    let _: CalculatorRemote = remote.with(ws_core::CallOptions::default());
    let _: &ws_core::Peer = remote.peer();
}

fn main() {
    let provider = CalculatorProvider::new(Calc);
    let names = is_provider(&provider.clone());
    assert_eq!(names[0], ("Calculator.add", MethodKind::Call));
    assert_eq!(names[3], ("Calculator.memo", MethodKind::Event));
    assert_eq!(format!("{provider:?}"), "CalculatorProvider { .. }");
    let _ = CalculatorProvider::from_arc(std::sync::Arc::new(Calc));

    let remote = <CalculatorRemote as Remote>::methods();
    assert_eq!(remote.specs().len(), names.len());
    let _ = uses;
}
