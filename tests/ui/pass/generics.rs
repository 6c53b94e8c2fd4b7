//! Generic contracts whose parameters are called as they like.

#![deny(unused, warnings, missing_docs)]
#![allow(non_camel_case_types)]

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use ws_core::service::{MethodTable, Provider};
use ws_core::{CallContext, Payload, Remote, ws_service};

/// Everything at once.
#[ws_service(name = "everything", version = 7)]
pub trait Store<K: Payload + Hash + Eq, V = String, const N: usize = 3, const LETTER: char = 'x'>: Display
where
    V: Payload + Clone,
    HashMap<K, V>: Send,
    for<'a> &'a V: Into<Vec<u8>>,
{
    /// Gives.
    async fn get(&self, ctx: &CallContext, key: K) -> Result<V, K>;
    /// Takes.
    #[ws(event)]
    async fn put(&self, entries: HashMap<K, V>, more: [V; 2]);
    /// Is not here.
    #[cfg(any())]
    async fn never(&self, value: DoesNotExist<K>);
    /// Is here.
    #[cfg(all())]
    async fn always(&self, key: K) -> (K, Option<V>) {
        (key, None)
    }
    /// Counts.
    #[ws(serial, timeout = "1s")]
    async fn count(&self) -> usize {
        N + LETTER as usize
    }
}

/// Parameters that nothing mentions.
#[ws_service]
pub trait Tagged<Tag: Payload, Other: 'static> {
    /// Nothing.
    async fn nothing(&self);
}

mod hostile {
    #![allow(missing_docs, dead_code)]

    use ws_core::ws_service;

    #[ws_service]
    pub trait Parameters<
        S: ws_core::Payload,
        Result: ws_core::Payload,
        Option: ws_core::Payload,
        Send: ws_core::Payload,
        String: ws_core::Payload,
        SS: ws_core::Payload,
        T: ws_core::Payload,
        E: ws_core::Payload,
        F: ws_core::Payload,
        Self_: ws_core::Payload,
        Box: ws_core::Payload,
        Value: ws_core::Payload,
        Error: ws_core::Payload,
        Arguments: ws_core::Payload,
        Argument0: ws_core::Payload,
        Vec: ws_core::Payload,
        Sync: ws_core::Payload,
        u32: ws_core::Payload,
        usize: ws_core::Payload,
        const SERVICE: u8,
    >
    {
        async fn all(&self, a: S, b: Result, c: Option, d: Send, e: String, f: SS, g: T, h: E) -> F;
        async fn more(&self, a: Self_, b: Box, c: Value, d: Error, e: Arguments) -> ::core::result::Result<Vec, Sync>;
        #[ws(event)]
        async fn event(&self, a: Argument0, b: u32, c: usize);
        async fn unit(&self);
        async fn body(&self, value: S) -> S {
            value
        }
    }

    /// Methods and nested contracts named like what is generated.
    #[ws_service]
    pub trait Names {
        async fn self_(&self, self_: u8) -> u8;
        async fn r#type(&self, r#type: u8) -> u8;
        async fn r#async(&self, r#match: u8) -> u8;
        async fn service(&self, service: u8) -> u8;
        async fn types(&self, types: u8) -> u8;
        async fn handle(&self, handle: u8) -> u8;
        async fn preparation(&self, preparation: u8) -> u8;
        async fn prepare(&self, prepare: u8) -> u8;
        async fn prepared(&self, prepared: u8) -> u8;
        async fn new(&self, new: u8) -> u8;
        async fn from_arc(&self) -> u8;
        async fn count(&self, count: u8) -> u8;
        async fn start(&self) -> u8;
        async fn starts(&self) -> u8;
        async fn name(&self) -> u8;
        async fn nested(&self) -> u8;
        async fn renamed(&self) -> u8;
        async fn and(&self) -> u8;
        async fn of(&self) -> u8;
        async fn runs(&self) -> u8;
        async fn take(&self) -> u8;
        async fn answer(&self) -> u8;
        async fn clone_(&self) -> u8;
        async fn hash(&self) -> u8;
        async fn eq(&self) -> u8;
        #[ws(event)]
        async fn options(&self, options: u8);
    }

    #[ws_service]
    pub trait Outer {
        #[ws(nested)]
        fn service(&self) -> &impl Names;
        #[ws(nested)]
        fn types(&self) -> &impl Names;
        #[ws(nested)]
        fn handle(&self) -> &impl Names;
        #[ws(nested)]
        fn preparation(&self) -> &impl Names;
        #[ws(nested)]
        fn prepare(&self) -> &impl Names;
        #[ws(nested)]
        fn new(&self) -> &impl Names;
        #[ws(nested)]
        fn count(&self) -> &impl Names;
        #[ws(nested)]
        fn r#type(&self) -> &impl Names;
        #[ws(nested)]
        fn self_(&self) -> &impl Names;
        #[ws(nested)]
        fn start(&self) -> &impl Names;
        #[ws(nested)]
        fn r#loop(&self) -> &impl r#Names;
    }
}

/// A contract is named as its argument's type is.
mod same_name {
    #![allow(dead_code)]

    mod data {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub struct Calculator(pub u8);
        #[derive(serde::Serialize, serde::Deserialize)]
        pub struct CalculatorRemote(pub u8);
    }

    #[ws_core::ws_service]
    trait Calculator {
        async fn add(&self, a: data::Calculator) -> data::CalculatorRemote;
    }

    #[ws_core::ws_service]
    trait Generic<Generic_: ws_core::Payload> {
        async fn add(&self, a: Generic_, b: data::Calculator) -> Generic_;
    }
}

/// Unit structs in lower case: no local may be named after one.
mod lower_case {
    #![allow(dead_code)]

    macro_rules! unit_structs {
        ($($name:ident),*) => {$(struct $name;)*};
    }
    unit_structs!(handle, types, preparation, method, count, inner, decoded);

    #[ws_core::ws_service]
    trait Inner<T: ws_core::Payload> {
        async fn call(&self, a: T) -> T;
    }

    #[ws_core::ws_service]
    trait Outer {
        #[ws(nested)]
        fn field(&self) -> &impl Inner<u8>;
        async fn own(&self);
    }
}

struct Memory;

impl Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("memory")
    }
}

impl<K, V, const N: usize, const LETTER: char> Store<K, V, N, LETTER> for Memory
where
    K: Payload + Hash + Eq,
    V: Payload + Clone,
    for<'a> &'a V: Into<Vec<u8>>,
{
    async fn get(&self, _: &CallContext, key: K) -> Result<V, K> {
        Err(key)
    }
    async fn put(&self, _: HashMap<K, V>, _: [V; 2]) {}
}

impl<A: Payload, B: 'static> Tagged<A, B> for Memory {
    async fn nothing(&self) {}
}

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Bytes(Vec<u8>);

impl From<&Bytes> for Vec<u8> {
    fn from(bytes: &Bytes) -> Self {
        bytes.0.clone()
    }
}

fn main() {
    type Remotes = (StoreRemote<u8, Bytes>, TaggedRemote<u8, std::rc::Rc<u8>>);
    assert!(MethodTable::new(Remotes::methods()).is_ok());
    let provider = StoreProvider::<_, u8, Bytes, 5, 'y'>::new(Memory);
    let _ = provider.clone();
    assert_eq!(<StoreProvider<Memory, u8, Bytes>>::count(), 4);
    let _ = TaggedProvider::<_, u8, std::rc::Rc<u8>>::new(Memory);
    assert_eq!(format!("{:?}", StoreMethod::Always), "Always");
    let _: fn(&StoreRemote<u8, Bytes>, u8) -> ws_core::Call<(u8, Option<Bytes>)> = StoreRemote::always;
    let _ = hostile::NamesMethod::Self_;
}
