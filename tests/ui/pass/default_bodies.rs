//! A method with a body need not be implemented.

#![deny(warnings)]

use ws_core::service::CallContext;
use ws_core::ws_service;

#[ws_service]
pub trait Greeter {
    async fn name(&self) -> String;

    /// Waits inside.
    async fn greet(&self, greeting: String) -> String {
        let name = self.name().await;
        format!("{greeting}, {name}!")
    }

    /// Returns early, and uses `?`.
    async fn parse(&self, text: String) -> Result<u8, String> {
        if text.is_empty() {
            return Ok(0);
        }
        let value: u8 = text.parse().map_err(|_| "no number")?;
        Ok(value)
    }

    /// Infers its type from the signature.
    async fn collect(&self, up_to: u8) -> Vec<u8> {
        if up_to == 0 {
            return Default::default();
        }
        (0..up_to).collect()
    }

    /// Never comes back.
    async fn fail(&self) -> u8 {
        unimplemented!()
    }

    async fn with_context(&self, ctx: &CallContext, value: u8) -> u8 {
        let _ = ctx;
        value
    }

    async fn nothing(&self) {}

    #[ws(event)]
    async fn event(&self, text: String) {
        if text.is_empty() {
            return;
        }
        drop(text);
    }
}

struct World;

impl Greeter for World {
    async fn name(&self) -> String {
        "world".to_owned()
    }
}

struct Overriding;

impl Greeter for Overriding {
    async fn name(&self) -> String {
        String::new()
    }

    async fn greet(&self, greeting: String) -> String {
        greeting
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(World.greet("Hello".to_owned()).await, "Hello, world!");
    assert_eq!(Overriding.greet("Hello".to_owned()).await, "Hello");
    assert_eq!(World.parse("x".to_owned()).await, Err("no number".to_owned()));
    assert_eq!(World.parse("7".to_owned()).await, Ok(7));
    assert_eq!(World.collect(3).await, [0, 1, 2]);
    let _ = GreeterProvider::new(World);
}
