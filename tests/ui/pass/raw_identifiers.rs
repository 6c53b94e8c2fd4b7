//! Names that are keywords.

#![deny(warnings)]
#![allow(non_camel_case_types)]

use ws_core::service::Remote;
use ws_core::ws_service;

#[ws_service]
pub trait r#match {
    async fn r#type(&self, r#fn: u8, r#async: String) -> u8;
    #[ws(event)]
    async fn r#loop(&self, r#struct: u8);
    async fn r#await(&self) -> u8 {
        self.r#type(1, String::new()).await
    }
}

fn main() {
    let names: Vec<_> = matchRemote::methods().specs().iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["match.type", "match.loop", "match.await"]);
}
