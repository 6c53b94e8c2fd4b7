//! Generated code is as clean as the user's lints ask their own to be.

#![deny(
    missing_docs,
    unused,
    missing_debug_implementations,
    unreachable_pub,
    elided_lifetimes_in_paths,
    deprecated,
    nonstandard_style,
    future_incompatible,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unsafe_code,
    unused_qualifications,
    unused_results
)]

/// A contract in a public module.
pub mod public {
    use ws_core::service::CallContext;
    use ws_core::ws_service;

    /// Adds and forgets.
    #[ws_service]
    pub trait Calculator {
        /// Adds.
        async fn add(&self, a: i64, b: i64) -> i64;

        /// Asks who is asking.
        async fn whoami(&self, ctx: &CallContext) -> Result<String, u8>;

        /// Forgets.
        #[ws(event)]
        async fn forget(&self, _what: String);

        /// Is no longer used.
        #[deprecated(note = "use `add`")]
        async fn plus(&self, a: i64, b: i64) -> i64;

        /// Is done by itself.
        async fn twice(&self, value: i64) -> i64 {
            self.add(value, value).await
        }
    }

    /// Is no longer used as a whole.
    #[ws_service]
    #[deprecated]
    pub trait Old {
        /// Adds.
        async fn add(&self, a: i64, b: i64) -> i64;
    }

    /// A contract with nothing in it.
    #[ws_service]
    pub trait Empty {}
}

mod restricted {
    use ws_core::ws_service;

    #[ws_service]
    pub(crate) trait Shared {
        async fn used(&self);
        async fn unused(&self);
        #[ws(event)]
        async fn unused_event(&self, first: u8, second: u8);
    }

    #[ws_service]
    pub(super) trait Outer {
        async fn unused(&self);
    }
}

mod private {
    use ws_core::ws_service;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Secret;

    #[ws_service]
    trait Hidden {
        async fn keep(&self, secret: Secret) -> Secret;
    }

    struct Keeper;

    impl Hidden for Keeper {
        async fn keep(&self, secret: Secret) -> Secret {
            secret
        }
    }

    pub(crate) fn serve() {
        drop(HiddenProvider::new(Keeper));
    }
}

struct Nothing;

impl restricted::Shared for Nothing {
    async fn used(&self) {}
    async fn unused(&self) {}
    async fn unused_event(&self, _first: u8, _second: u8) {}
}

impl restricted::Outer for Nothing {
    async fn unused(&self) {}
}

fn main() {
    drop(restricted::SharedProvider::new(Nothing));
    drop(restricted::OuterProvider::new(Nothing));
    private::serve();
    let _: Option<fn(&restricted::SharedRemote) -> ws_core::Call<()>> = Some(restricted::SharedRemote::used);
}
