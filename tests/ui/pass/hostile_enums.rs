//! The enums of a contract stand beside whatever its users call their own things.

#![deny(missing_docs, unused, warnings)]

/// Names that the enums use themselves.
pub mod names {
    use serde::{Deserialize, Serialize};

    macro_rules! hostile {
        ($($name:ident),*) => {$(
            /// Not what it is called.
            #[derive(Serialize, Deserialize)]
            pub struct $name;
        )*};
    }
    hostile!(
        Clone, Debug, PartialEq, Event, Reply, Request, Received, ReplyHandle, Written, EventWriter, RawReply,
        Contract, Message, Formatter, Result, Option, Some, None, Ok, Err, String, Vec, Fn, Self_, Method, Variant
    );

    /// Variants by the names of all sorts of things.
    #[ws_core::ws_service]
    pub trait Hostile {
        /// Arguments by the names that generated code might use.
        async fn self_(&self, self_: u8, r#type: u8, reply_: u8, event: u8, f: u8, inner: u8, other: u8) -> u8;
        /// `None`.
        async fn none(&self, none: None) -> None;
        /// `Some`.
        async fn some(&self, some: Some) -> ::core::option::Option<Some>;
        /// `Ok`.
        async fn ok(&self, ok: Ok) -> ::core::result::Result<Ok, Err>;
        /// `Err`.
        async fn err(&self, err: Err) -> ::core::result::Result<Err, Ok>;
        /// `String`.
        async fn string(&self, string: String) -> String;
        /// Types.
        async fn types(&self, a: Clone, b: Debug, c: PartialEq, d: Event, e: Reply, f: Request) -> Result;
        /// More types.
        async fn debug(&self, a: Received, b: ReplyHandle, c: Written, d: EventWriter, e: RawReply) -> Contract;
        /// And more.
        #[ws(event)]
        async fn event(&self, a: Message, b: Formatter, c: Option, d: Vec, e: Fn, f: Self_, g: Method, h: Variant);
        /// Methods by the names of what the enums can do.
        async fn send(&self, send: u8) -> u8;
        /// The constructor of the loop.
        async fn channel(&self, capacity: u8) -> u8;
        /// What decodes.
        async fn receive(&self, invocation: u8, method: u8) -> u8;
        /// What decodes as well.
        async fn read(&self, method: u8, invocation: u8) -> u8;
        /// What encodes.
        async fn write(&self, writer: u8) -> u8;
        /// How many.
        async fn count(&self, count: u8, methods: u8) -> u8;
        /// Nothing.
        #[ws(event)]
        async fn methods_(&self);
        /// Names with underscores, which variants keep at their ends.
        async fn __(&self, __a0: u8, __f: u8, __other: u8, __writer: u8, __reply: u8, __answer: u8) -> u8;
        /// Raw.
        async fn r#match(&self, r#move: u8, r#struct: u8) -> u8;
    }
}

/// Blanket methods that come before others where they are called by dot.
pub mod blanket {
    /// Has every method.
    pub trait Evil: Sized {
        /// Not what it is called.
        fn clone(self) {}
        /// Not what it is called.
        fn fmt(self) {}
        /// Not what it is called.
        fn eq(self) {}
        /// Not what it is called.
        fn len(self) -> usize {
            0
        }
        /// Not what it is called.
        fn get(self, _: usize) {}
        /// Not what it is called.
        fn map(self) {}
        /// Not what it is called.
        fn message(self) {}
        /// Not what it is called.
        fn nested(self) {}
        /// Not what it is called.
        fn finish(self) {}
        /// Not what it is called.
        fn field(self) {}
        /// Not what it is called.
        fn arguments(self) {}
    }
    impl<T> Evil for T {}

    /// Inside.
    #[ws_core::ws_service]
    pub trait Inner {
        /// Something.
        async fn something(&self, a: u8) -> Result<u8, String>;
    }

    /// Outside.
    #[ws_core::ws_service]
    pub trait Outer {
        /// Something.
        #[ws(event)]
        async fn something(&self, a: Vec<String>, b: Option<u8>);
        /// Another contract.
        #[ws(nested)]
        fn inner(&self) -> &impl Inner;
    }
}

/// Unit structs in lower case: no binding of generated code may be named after one.
pub mod lower_case {
    macro_rules! unit_structs {
        ($($name:ident),*) => {$(
            #[allow(non_camel_case_types, dead_code)]
            struct $name;
        )*};
    }
    unit_structs!(a, b, reply, event, text, f, other, writer, value, answer, inner, handle);

    /// A contract.
    #[ws_core::ws_service]
    pub trait Lower {
        /// A call.
        async fn call(&self, first: u8, second: String) -> Result<u8, String>;
        /// An event.
        #[ws(event)]
        async fn event(&self, third: u8);
    }
}

/// Private types in a private contract, which have nothing but what a payload needs.
mod private {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Argument(u8);

    #[derive(Serialize, Deserialize)]
    struct Value(u8);

    #[derive(Serialize, Deserialize)]
    struct Failure(u8);

    #[ws_core::ws_service]
    trait Secret {
        async fn call(&self, argument: Argument) -> Result<Value, Failure>;
        async fn many(&self, arguments: Vec<Argument>) -> Vec<Value>;
        #[ws(event)]
        async fn event(&self, argument: Option<Argument>);
    }

    struct Keeper;

    impl Secret for Keeper {
        async fn call(&self, argument: Argument) -> Result<Value, Failure> {
            if argument.0 == 0 { Err(Failure(0)) } else { Ok(Value(argument.0)) }
        }
        async fn many(&self, arguments: Vec<Argument>) -> Vec<Value> {
            arguments.into_iter().map(|argument| Value(argument.0)).collect()
        }
        async fn event(&self, argument: Option<Argument>) {
            drop(argument);
        }
    }

    pub fn uses() {
        let _ = SecretProvider::new(Keeper);
        let (_, _) = SecretRequest::channel(1);
        let event = SecretEvent::Call { argument: Argument(1) };
        let reply = SecretReply::Call(Ok(Value(2)));
        if let (SecretEvent::Call { argument }, SecretReply::Call(Ok(value))) = (event, reply) {
            assert_eq!(argument.0 + 1, value.0);
        }
        let _: Option<SecretRemote> = None;
        let _ = SecretReply::Many(Vec::new());
        let _ = SecretEvent::Many { arguments: Vec::new() };
        let _ = SecretEvent::Event { argument: None };
        if let SecretReply::Call(Err(failure)) = SecretReply::Call(Err(Failure(1))) {
            assert_eq!(failure.0, 1);
        }
    }
}

/// Contracts of nothing, of events alone and of calls alone.
pub mod sizes {
    /// Nothing.
    #[ws_core::ws_service]
    pub trait Nothing {}

    /// Events alone.
    #[ws_core::ws_service]
    pub trait Events {
        /// One.
        #[ws(event)]
        async fn one(&self);
    }

    /// A contract within alone.
    #[ws_core::ws_service]
    pub trait Within {
        /// The one within.
        #[ws(nested)]
        fn events(&self) -> &impl Events;
    }
}

/// Deprecated methods keep their mark and disturb nobody else.
pub mod deprecated {
    /// A contract.
    #[ws_core::ws_service]
    pub trait Old {
        /// One that should not be used.
        #[deprecated = "use `new_one`"]
        async fn old_one(&self, a: u8) -> u8;
        /// The one that should.
        async fn new_one(&self, a: u8) -> u8;
    }
}

fn main() {
    private::uses();
    let event = names::HostileEvent::Self_ { self_: 1, r#type: 2, reply_: 3, event: 4, f: 5, inner: 6, other: 7 };
    assert!(matches!(event, names::HostileEvent::Self_ { r#type: 2, other: 7, .. }));
    assert!(matches!(names::HostileReply::Ok(Ok(names::Ok)), names::HostileReply::Ok(Ok(_))));
    let _ = names::HostileRequest::channel(0);
    let _ = lower_case::LowerEvent::Event { third: 1 };
}
