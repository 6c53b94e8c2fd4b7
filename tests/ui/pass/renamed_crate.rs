//! The runtime by another path.

mod inner {
    pub mod deeper {
        pub use ::ws_core as renamed;
    }
}

use inner::deeper::renamed;

mod ws_core {}

#[renamed::ws_service(crate = renamed)]
pub trait Relative {
    #[ws(timeout = "1s")]
    async fn ask(&self, ctx: &renamed::service::CallContext, question: String) -> Result<bool, u8>;
    #[ws(event)]
    async fn tell(&self, what: String);
}

#[renamed::ws_service(crate = crate::inner::deeper::renamed)]
pub trait Absolute {
    async fn ask(&self) -> bool;
}

fn main() {}
