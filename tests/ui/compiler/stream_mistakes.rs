//! Implementations that are not what their trait asks for.

use std::rc::Rc;

use futures::{Stream, stream};
use ws_core::{Streaming, ws_service};

#[ws_service]
pub trait Numbers {
    fn numbers(&self) -> impl Stream<Item = u32>;
}

/// Another item.
struct Texts;

impl Numbers for Texts {
    fn numbers(&self) -> impl Stream<Item = &'static str> {
        stream::iter(["one"])
    }
}

/// Not `Send`.
struct Local;

impl Numbers for Local {
    fn numbers(&self) -> impl Stream<Item = u32> {
        let one = Rc::new(1);
        stream::iter([2]).map(move |two| two + *one)
    }
}

/// No stream at all.
struct Plain;

impl Numbers for Plain {
    fn numbers(&self) -> Vec<u32> {
        vec![1]
    }
}

#[ws_service]
pub trait Defaults {
    fn numbers(&self) -> impl Stream<Item = u32> {
        stream::iter(["one"])
    }
}

/// What is uploaded is the caller's, and of the item's type.
async fn call(remote: &TakesRemote, texts: Vec<String>) {
    let _ = remote.takes(texts).await;
    let _ = remote.takes(stream::iter(texts)).await;
}

#[ws_service]
pub trait Takes {
    async fn takes(&self, numbers: Streaming<u32>) -> u32;
}

use futures::StreamExt;

fn main() {}
