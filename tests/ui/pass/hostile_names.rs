//! Users may call their own things as they like.

#![deny(unused, warnings)]
#![allow(dead_code, non_camel_case_types)]

mod contract {
    use serde::{Deserialize, Serialize};
    use ws_core::ws_service;

    macro_rules! hostile {
        ($($name:ident),*) => {$(
            #[derive(Clone, Debug, ::serde::Serialize, ::serde::Deserialize)]
            pub struct $name;
        )*};
    }
    hostile!(
        Option, Some, None, Ok, Err, String, Box, Arc, Future, Send, Sync, Pin, Vec, Payload, Provider, Remote,
        Methods, MethodSpec, RemoteHandle, Invocation, Refusal, Responder, Call, Sending, CallOptions, Peer, S,
        SS, T, E, K, A0, A1, Value, Error, Arguments, Output, Never, Service, usize, u32, CalculatorIndex
    );

    /// A result with one argument is a value like any other.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Result<Value>(Value);

    mod core {}
    mod std {}
    mod alloc {}
    mod ws_core_ {}

    #[ws_service]
    pub trait Calculator {
        async fn strings(&self, value: String, other: Option) -> String;
        async fn results(&self, a: Result<u8>) -> Result<Result<u8>>;
        async fn outcome(&self, a: Ok) -> ::core::result::Result<Some, Err>;
        async fn parameters(&self, a: S, b: SS, c: T, d: E, e: K, f: A0, g: A1, h: Value) -> Error;
        async fn runtime(&self, a: Payload, b: Provider, c: Remote, d: Methods, e: Refusal) -> Responder;
        async fn more(&self, a: Call, b: Sending, c: Peer, d: usize, e: u32) -> CallOptions;
        #[ws(event)]
        async fn events(&self, a: Box, b: Arc, c: Future, d: Send, e: Sync, f: Pin, g: Vec);

        async fn arguments(
            &self,
            service: i64,
            responder: i64,
            invocation: i64,
            handle: i64,
            method: i64,
            value: i64,
            context: i64,
            ctx: i64,
            argument_0: i64,
            index: i64,
            self_: i64,
            f: i64,
        ) -> i64;

        async fn with_body(&self, value: i64, output: i64) -> i64 {
            value - output
        }

        #[ws(event)]
        async fn service(&self, service: u8);
        async fn responder(&self, responder: u8) -> u8;
        async fn invocation(&self, invocation: u8) -> u8;
        async fn call(&self, call: u8) -> u8;
        async fn event(&self, event: u8) -> u8;
        async fn new(&self, new: u8) -> u8;
        async fn start(&self, start: u8) -> u8;
        async fn value(&self, value: u8) -> u8;
        async fn error(&self, error: u8) -> u8;
        async fn nothing(&self);
        async fn context(&self, context: u8) -> u8;
        async fn handle(&self, handle: u8) -> u8;
        async fn fmt(&self, f: u8) -> u8;
        async fn from_arc(&self) -> u8;
        async fn poll(&self) -> u8;
        async fn get(&self) -> u8;
        async fn into(&self) -> u8;
        async fn send(&self) -> u8;
        async fn answer(&self) -> u8;
        async fn arguments_(&self) -> u8;
        async fn drop(&self) -> u8;
    }
}

/// Blanket traits whose methods come before the runtime's own where they are called by dot.
mod blanket {
    use ws_core::ws_service;

    pub trait Evil: Sized {
        fn call(self) {}
        fn event(self) {}
        fn value(self) {}
        fn error(self) {}
        fn nothing(self) {}
        fn arguments(self) {}
        fn responder(self) {}
        fn context(self) {}
        fn get(self, _: usize) {}
        fn clone(self) {}
        fn await_(self) {}
        fn peer(self) {}
        fn with(self) {}
        fn debug_struct(self) {}
        fn finish_non_exhaustive(self) {}
        fn timeout_ms(self) {}
    }
    impl<T> Evil for T {}

    #[ws_service]
    pub trait Chat {
        #[ws(timeout = "1s", spawn)]
        async fn say(&self, text: String) -> Result<(), u8>;
        #[ws(event, concurrent)]
        async fn hear(&self, text: String);
    }
}

/// Unit structs in lower case, as some web frameworks generate them: no local may be named after one.
mod lower_case {
    use ws_core::service::CallContext;
    use ws_core::ws_service;

    macro_rules! unit_structs {
        ($($name:ident),*) => {$(struct $name;)*};
    }
    unit_structs!(
        provider, invocation, responder, argument_0, context, ctx, method, start, handle, arguments, outcome,
        value, error, f, peer, codec, send, answer
    );

    #[ws_service]
    pub trait Handlers {
        async fn call(&self, _: &CallContext, a: u8) -> Result<u8, String>;
        async fn body(&self, a: u8) -> u8 {
            a
        }
        #[ws(event)]
        async fn event(&self, a: u8);
    }
}

/// The contract's own name is a prelude type's.
mod prelude_name {
    #[ws_core::ws_service]
    pub trait Future {
        async fn poll(&self) -> u8;
    }

    #[ws_core::ws_service]
    pub trait Send {
        async fn send(&self) -> u8;
    }

    #[ws_core::ws_service]
    pub trait S {
        async fn s(&self, s: u8) -> u8;
    }
}

fn main() {}
