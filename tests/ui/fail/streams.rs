//! What cannot be streamed, or not like this.

use futures::Stream;
use ws_core::{Streaming, ws_service};

#[ws_service]
pub trait Returned {
    fn of_nothing(&self) -> impl Stream + Send;
    fn borrowed(&self) -> impl Stream<Item = &str>;
    fn borrowed_error(&self) -> impl Stream<Item = Result<u32, &'static str>>;
    async fn lifetime(&self) -> impl Stream<Item = Cow<'_, str>>;
    fn opaque(&self) -> impl Stream<Item = impl Copy>;
    fn two_errors(&self) -> Result<impl Stream<Item = Result<u32, String>>, u8>;
    fn in_a_vec(&self) -> Vec<impl Stream<Item = u32>>;
    async fn in_a_result(&self) -> Result<Vec<impl Stream<Item = u32>>, String>;
    async fn in_an_option(&self) -> Option<impl Stream<Item = u32>>;
    async fn of_streams(&self) -> impl Stream<Item = Streaming<u32>>;
    async fn a_reader(&self) -> Streaming<u32>;
    async fn a_readers_result(&self) -> Result<Streaming<u32>, String>;
}

#[ws_service]
pub trait Uploaded {
    async fn twice(&self, first: Streaming<u32>, second: Streaming<u32>);
    async fn failing(&self, numbers: Streaming<u32, String>);
    async fn in_a_vec(&self, numbers: Vec<Streaming<u32>>);
    async fn in_an_option(&self, numbers: Option<ws_core::Streaming<u32>>);
    async fn of_streams(&self, numbers: Streaming<Streaming<u32>>);
    async fn borrowed(&self, texts: Streaming<&str>);
    async fn by_reference(&self, numbers: &mut Streaming<u32>);
    async fn opaque(&self, numbers: impl Stream<Item = u32>);
    async fn pattern(&self, mut numbers: Streaming<u32>);
    async fn reply(&self, reply: Streaming<u32>);
}

#[ws_service]
pub trait Events {
    #[ws(event)]
    fn streams(&self) -> impl Stream<Item = u32>;
    #[ws(event)]
    async fn takes(&self, numbers: Streaming<u32>);
    #[ws(event)]
    async fn both(&self, numbers: Streaming<u32>) -> impl Stream<Item = u32>;
}

#[ws_service]
pub trait Crowded {
    async fn thirteen(
        &self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8,
        numbers: Streaming<u8>,
    );
}

fn main() {}
