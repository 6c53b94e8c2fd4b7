//! What is not a service cannot be provided, and a service's futures are `Send`.

use std::rc::Rc;

use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
}

struct Nothing;

struct Incomplete;

impl Calculator for Incomplete {}

struct NotSend;

impl Calculator for NotSend {
    async fn add(&self, a: i64, b: i64) -> i64 {
        let sum = Rc::new(a + b);
        std::future::ready(()).await;
        *sum
    }
}

struct NotSync(std::cell::Cell<i64>);

impl Calculator for NotSync {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

struct WrongType;

impl Calculator for WrongType {
    async fn add(&self, _a: i64, _b: i64) -> u8 {
        0
    }
}

fn main() {
    CalculatorProvider::new(Nothing);
}
