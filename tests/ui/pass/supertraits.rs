//! Super-traits of the user's own stay.

#![deny(warnings)]

use std::fmt::Debug;

use ws_core::ws_service;

pub trait Named {
    fn name(&self) -> String;
}

#[ws_service]
pub trait Greeter: Named + Debug
where
    Self: Clone,
{
    async fn greet(&self) -> String {
        format!("I am {}", self.name())
    }
}

#[ws_service]
pub trait Redundant: Send + Sync + 'static {
    async fn run(&self);
}

#[derive(Clone, Debug)]
struct Person;

impl Named for Person {
    fn name(&self) -> String {
        "Ann".to_owned()
    }
}

impl Greeter for Person {}

fn main() {
    let provider = GreeterProvider::new(Person);
    let _ = provider.clone();
}
