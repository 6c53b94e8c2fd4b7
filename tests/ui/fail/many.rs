//! All mistakes of one trait are reported together, and nothing else fails for them.

use ws_core::service::{CallContext, Provider, Remote};
use ws_core::ws_service;

#[ws_service(name = "a b", version = 0, rename = "c")]
pub trait Calculator {
    async fn fine(&self, a: i64) -> i64;

    fn add<T>(self, a: &str, (b, c): (i64, i64), reply: impl Copy, last: &CallContext) -> Box<Self>;

    #[ws(event, timeout = "soon", evnet, event)]
    async fn memo(&self, note: Option<&String>) -> Result<(), u8>;

    #[ws(name = "fine")]
    async fn same(&self);

    #[ws(concurrent)]
    async fn with(&mut self);

    const MAX: u8;

    #[ws(busy)]
    async fn later(&self);
}

struct Calc;

impl Calculator for Calc {
    const MAX: u8 = 1;

    async fn fine(&self, a: i64) -> i64 {
        a
    }

    fn add<T>(self, _: &str, _: (i64, i64), _: impl Copy, _: &CallContext) -> Box<Self> {
        Box::new(self)
    }

    async fn memo(&self, _: Option<&String>) -> Result<(), u8> {
        Ok(())
    }

    async fn same(&self) {}

    async fn with(&mut self) {}

    async fn later(&self) {}
}

fn serve(remote: &CalculatorRemote) -> impl Provider {
    let _call: ws_core::Call<i64> = remote.fine(1);
    let _ = CalculatorRemote::methods();
    CalculatorProvider::new(Calc)
}

fn main() {}
