//! What counts as a result, and what is a value.

#![deny(warnings)]

use serde::{Deserialize, Serialize};
use ws_core::{Call, ws_service};

#[derive(Debug, Serialize, Deserialize)]
pub struct Oops;

/// An alias with one argument is a value: the whole result travels as such.
pub type Alias<T> = std::result::Result<T, Oops>;

/// So is one that is named `Result`.
pub mod own {
    pub type Result<T> = std::result::Result<T, super::Oops>;
}

#[ws_service]
pub trait Outcomes {
    async fn plain(&self) -> Result<u8, Oops>;
    async fn by_path(&self) -> std::result::Result<(), Vec<Oops>>;
    async fn nested(&self) -> Result<Result<u8, Oops>, Oops>;
    async fn alias(&self) -> Alias<u8>;
    async fn own(&self) -> own::Result<u8>;
    async fn option(&self) -> Option<Result<u8, Oops>>;
    async fn unit(&self) -> ();
}

fn types(remote: &OutcomesRemote) {
    let _: Call<u8, Oops> = remote.plain();
    let _: Call<(), Vec<Oops>> = remote.by_path();
    let _: Call<Result<u8, Oops>, Oops> = remote.nested();
    let _: Call<Alias<u8>> = remote.alias();
    let _: Call<Alias<u8>> = remote.own();
    let _: Call<Option<Result<u8, Oops>>> = remote.option();
    let _: Call<()> = remote.unit();
}

struct All;

impl Outcomes for All {
    async fn plain(&self) -> Result<u8, Oops> {
        Err(Oops)
    }
    async fn by_path(&self) -> std::result::Result<(), Vec<Oops>> {
        Ok(())
    }
    async fn nested(&self) -> Result<Result<u8, Oops>, Oops> {
        Ok(Err(Oops))
    }
    async fn alias(&self) -> Alias<u8> {
        Ok(1)
    }
    async fn own(&self) -> own::Result<u8> {
        Ok(1)
    }
    async fn option(&self) -> Option<Result<u8, Oops>> {
        None
    }
    async fn unit(&self) {}
}

fn main() {
    let _ = OutcomesProvider::new(All);
    let _ = types;
}
