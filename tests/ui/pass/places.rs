//! Traits in functions, in macros, and of every visibility.

#![deny(warnings)]
#![allow(dead_code)]

use ws_core::ws_service;

macro_rules! contract {
    ($name:ident, $method:ident, $argument:ident: $ty:ty, $output:ty) => {
        #[ws_service]
        pub trait $name {
            async fn $method(&self, $argument: $ty, own: $ty) -> $output;
            async fn constant(&self, own: u8) -> Result<u8, $ty> {
                let value = own;
                Ok(value)
            }
            #[ws(event)]
            async fn tell(&self, own: $ty);
        }
    };
}
contract!(Numbers, add, own_too: i64, Result<i64, String>);

mod module {
    use ws_core::ws_service;

    #[ws_service]
    pub(in crate::module) trait InPath {
        async fn run(&self);
    }

    #[ws_service]
    pub(self) trait ToSelf {
        async fn run(&self);
    }
}

fn in_a_function() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Local(u8);

    #[ws_service]
    trait Inner {
        async fn local(&self, local: Local) -> Local;
        #[ws(event)]
        async fn tell(&self, local: Local);
    }

    struct Here;

    impl Inner for Here {
        async fn local(&self, local: Local) -> Local {
            local
        }
        async fn tell(&self, _local: Local) {}
    }

    let _ = InnerProvider::new(Here);
}

fn main() {
    in_a_function();
}
