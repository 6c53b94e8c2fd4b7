use ws_core::ws_service;

macro_rules! methods {
    () => {};
}

#[ws_service]
pub trait Calculator {
    const MAX: u8;
    type Number;
    methods!();
    pub async fn public(&self);
}

struct Calc;

impl Calculator for Calc {
    const MAX: u8 = 1;
    type Number = u8;
}

fn main() {}
