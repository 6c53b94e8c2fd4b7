//! Every option of the trait and of its methods.

use std::time::Duration;

use ws_core::service::{MethodKind, MethodSpec, Remote};
use ws_core::ws_service;

#[ws_service(name = "calc/v2", version = 2, crate = ::ws_core)]
pub trait Calculator {
    #[ws(name = "plus", timeout = "250ms")]
    async fn add(&self, a: i64, b: i64) -> i64;

    #[ws(timeout = "5s", idempotent, spawn)]
    async fn slow(&self);

    #[ws(timeout = "2m")]
    #[ws(spawn)]
    async fn slower(&self);

    #[ws(event, concurrent, spawn, name = "note:memo-1.2")]
    async fn memo(&self, note: String);

    #[ws(event,)]
    async fn tick(
        &self,
        all: Vec<
            std::collections::HashMap<String, (u8, u8)>,
        >,
    );
}

fn main() {
    let methods = CalculatorRemote::methods();
    let [add, slow, slower, memo, tick] = methods.specs() else { panic!("five methods") };

    assert_eq!(*add, MethodSpec::call("calc/v2.plus", "(i64,i64)->i64", 2).timeout_ms(250));
    assert_eq!(*slow, MethodSpec::call("calc/v2.slow", "()->()", 2).timeout_ms(5_000).spawn());
    assert_eq!(slower.timeout, Some(Duration::from_secs(120)));
    assert!(slower.spawn);
    assert_eq!(*memo, MethodSpec::event("calc/v2.note:memo-1.2", "(String)", 2).concurrent().spawn());
    assert_eq!(tick.kind, MethodKind::Event);
    let signature = "(Vec<std::collections::HashMap<String,(u8,u8)>>)";
    assert_eq!(tick.signature, MethodSpec::event("", signature, 2).signature);
}
