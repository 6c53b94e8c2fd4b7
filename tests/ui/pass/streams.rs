//! Streams under strict lints, whatever the user's names, with conditions and with bodies.

#![deny(
    missing_docs,
    unused,
    warnings,
    missing_debug_implementations,
    unreachable_pub,
    elided_lifetimes_in_paths,
    nonstandard_style,
    future_incompatible,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    unsafe_code,
    unused_qualifications,
    unused_results
)]

/// A public contract, documented.
pub mod documented {
    use futures::Stream;
    use ws_core::{CallContext, Streaming, ws_service};

    /// Streams.
    #[ws_service]
    pub trait Feed {
        /// At hand.
        fn at_hand(&self) -> impl Stream<Item = u32>;
        /// Said to be sent.
        fn sent(&self) -> impl Stream<Item = u32> + Send;
        /// Send first.
        fn first(&self) -> impl Send + Stream<Item = u32>;
        /// With more.
        fn more(&self, ctx: &CallContext) -> impl Stream<Item = u32> + Sync + Unpin + 'static;
        /// Fails.
        fn fails(&self) -> ::core::result::Result<impl Stream<Item = u32>, String>;
        /// Awaited.
        async fn awaited(&self) -> Result<impl Stream<Item = Result<u32, String>>, String>;
        /// Uploads.
        async fn uploads(&self, numbers: Streaming<u32>);
        /// Both.
        #[deprecated(note = "use the others")]
        fn both(&self, _before: u8, numbers: Streaming<u32>, _after: u8) -> impl Stream<Item = u32>;
        /// With options.
        #[ws(name = "other", timeout = "2s", serial, spawn)]
        fn options(&self) -> impl Stream<Item = u32>;
        /// Kept.
        #[ws(latest, idempotent)]
        async fn latest(&self, numbers: Streaming<u32>) -> u32;
    }
}

/// Nothing imported.
pub mod by_paths {
    /// Streams.
    #[ws_core::ws_service]
    pub trait Feed {
        /// By the path that most know.
        fn by_path(&self) -> impl futures::stream::Stream<Item = u32>;
        /// By the path that the toolkit takes.
        fn by_the_toolkit(&self) -> impl ws_core::service::Stream<Item = Vec<(u8, String)>>;
        /// Uploads.
        async fn uploads(&self, numbers: ws_core::Streaming<u32>) -> Result<u32, String>;
    }
}

/// Whatever a user calls their own.
mod hostile {
    #![allow(missing_docs, dead_code, unreachable_pub, non_camel_case_types, missing_debug_implementations)]

    macro_rules! hostile {
        ($($name:ident),*) => {$(
            #[derive(Clone, Debug, ::serde::Serialize, ::serde::Deserialize)]
            pub struct $name;
        )*};
    }
    hostile!(
        Item, Value, Error, Upload, Arguments, Opening, StreamReply, ItemSink, SendItem, StreamExt, Result, Ok,
        Err, Send, Option, Box, Future, Invocation, Argument0, usize
    );

    /// Not the one that is meant.
    pub trait Streamed {
        type Item;
    }

    mod core {}
    mod std {}
    mod futures {}

    use ::futures::Stream;
    use ws_core::Streaming;

    #[ws_core::ws_service]
    pub trait Names {
        fn items(&self, stream: Item, sink: Value, upload: Error) -> impl Stream<Item = Upload>;
        fn failing(&self) -> impl Stream<Item = ::core::result::Result<Ok, Err>>;
        fn one(&self, item: Opening) -> impl Stream<Item = Result>;
        async fn stream(&self, stream: Streaming<Item>) -> StreamReply;
        async fn sink(&self, sink: Streaming<Option>, stream: Box, upload: Future) -> SendItem;
        fn upload(&self, upload: Streaming<Send>, items: Invocation) -> impl Stream<Item = ItemSink>;
        fn numbers(&self, value: Streaming<usize>) -> impl Stream<Item = Argument0>;
        fn answer(&self, invocation: Streaming<u8>, service: u8, context: u8) -> impl Stream<Item = u8>;
        fn put(&self, handle: Streaming<u8>, method: u8, self_: u8) -> impl Stream<Item = u8>;
        fn fail(&self, arguments: Streaming<u8>) -> impl Stream<Item = u8>;
        async fn open(&self, open: Streaming<u8>) -> u8;
        async fn drain(&self, f: Streaming<u8>) -> u8;
    }

    /// A contract by the name of what it streams.
    pub mod shadowing {
        #[ws_core::ws_service]
        pub trait Stream {
            fn stream(&self) -> impl ::futures::Stream<Item = u8>;
        }
        #[ws_core::ws_service]
        pub trait Streaming {
            async fn streaming(&self, streaming: ws_core::Streaming<u8>) -> u8;
        }
        #[ws_core::ws_service]
        pub trait Opening {
            fn opening(&self) -> impl ::futures::Stream<Item = u8>;
        }
    }

    /// Locals of generated code are named after none of these.
    pub mod lower_case {
        macro_rules! unit_structs {
            ($($name:ident),*) => {$(struct $name;)*};
        }
        unit_structs!(
            stream, sink, upload, items, item, put, fail, drain, reply, answer, error, numbers, arguments
        );

        #[ws_core::ws_service]
        pub trait Lower {
            fn both(&self, numbers_: ws_core::Streaming<u8>) -> impl ::futures::Stream<Item = Result<u8, String>>;
            async fn opens(&self) -> Result<impl ::futures::Stream<Item = u8>, String>;
            async fn takes(&self, a: u8, numbers_: ws_core::Streaming<u8>) -> Result<u8, String>;
        }
    }
}

/// Methods that are there, and methods that are not.
mod conditional {
    #![allow(missing_docs, unreachable_pub, dead_code, unexpected_cfgs)]
    use futures::{Stream, stream};
    use ws_core::{Payload, Streaming, ws_service};

    #[ws_service]
    pub trait Conditional<T: Payload> {
        #[cfg(all())]
        fn there(&self) -> impl Stream<Item = Result<T, String>>;
        #[cfg(any())]
        fn gone(&self) -> impl Stream<Item = Nowhere>;
        #[cfg(any())]
        async fn gone_upload(&self, items: Streaming<Nowhere>) -> Nothing;
        #[cfg(all())]
        async fn upload(&self, items: Streaming<T>) -> Result<u8, String>;
        #[cfg(all())]
        fn either(&self) -> impl Stream<Item = u8>;
        #[cfg(any())]
        async fn either(&self, items: Streaming<Nowhere>) -> u8;
        #[cfg_attr(all(), cfg(all()))]
        fn both(&self, items: Streaming<T>) -> impl Stream<Item = T>;
    }

    pub struct Service;

    impl<T: Payload> Conditional<T> for Service {
        fn there(&self) -> impl Stream<Item = Result<T, String>> {
            stream::empty()
        }
        async fn upload(&self, _: Streaming<T>) -> Result<u8, String> {
            Ok(1)
        }
        fn either(&self) -> impl Stream<Item = u8> {
            stream::empty()
        }
        fn both(&self, _: Streaming<T>) -> impl Stream<Item = T> {
            stream::empty()
        }
    }

    pub(crate) fn serve() {
        drop(ConditionalProvider::<_, u8>::new(Service));
        drop(ConditionalRequest::<u8>::channel(1));
    }
}

/// What implementations inherit.
mod bodies {
    #![allow(missing_docs, unreachable_pub)]
    use futures::{Stream, StreamExt, stream};
    use ws_core::{CallContext, Streaming, ws_service};

    #[ws_service]
    pub trait Bodies {
        async fn base(&self) -> u32;
        fn at_hand(&self, to: u32) -> impl Stream<Item = u32> {
            stream::iter(0..to)
        }
        fn of_self(&self) -> impl Stream<Item = u32> {
            stream::once(self.base())
        }
        fn of_context(&self, ctx: &CallContext) -> impl Stream<Item = String> {
            stream::iter(["a", "b"]).map(|text| format!("{text} {}", ctx.method()))
        }
        fn checked(&self, to: u32) -> Result<impl Stream<Item = u32>, String> {
            if to == 0 {
                return Err("nothing".into());
            }
            Ok(self.at_hand(to))
        }
        fn failing(&self) -> impl Stream<Item = Result<u32, String>> {
            self.at_hand(3).map(|n| if n == 2 { Err("two".to_owned()) } else { Ok(n) })
        }
        async fn awaited(&self) -> impl Stream<Item = u32> {
            let base = self.base().await;
            self.at_hand(base)
        }
        async fn awaited_both(&self, to: u32) -> Result<impl Stream<Item = Result<u32, String>>, String> {
            if to == 0 {
                return Err("nothing".into());
            }
            let base = self.base().await;
            Ok(self.at_hand(base).map(Ok))
        }
        async fn sum(&self, numbers: Streaming<u32>) -> Result<u32, String> {
            let mut numbers = numbers;
            let mut sum = self.base().await;
            while let Some(number) = numbers.next().await {
                sum += number.map_err(|error| error.to_string())?;
            }
            Ok(sum)
        }
        fn doubled(&self, numbers: Streaming<u32>) -> impl Stream<Item = u32> {
            numbers.filter_map(|number| async move { Some(number.ok()? * 2) })
        }
    }

    pub struct Base;
    impl Bodies for Base {
        async fn base(&self) -> u32 {
            3
        }
    }
}

fn main() {
    conditional::serve();
    drop(bodies::BodiesProvider::new(bodies::Base));
}
