//! The stub for an audience: whatever the methods and the arguments are called, whatever is left out.

#![deny(
    warnings,
    missing_docs,
    unused,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications
)]

use std::sync::Arc;

use futures::Stream;
use ws_core::broadcast::BroadcastHandle;
use ws_core::{Broadcast, Casting, Gathering, Remote, Streaming};

/// Methods that are called as the stub's own fields, and as what it is made of.
pub mod hostile {
    use ws_core::ws_service;

    /// A contract.
    #[ws_service]
    pub trait Hostile {
        /// As a field.
        #[ws(event)]
        async fn handle(&self, handle: u8, types: u8, options: u8);
        /// As a field.
        async fn types(&self, types: u8) -> u8;
        /// As what the stub is made of.
        async fn cast(&self, cast: u8, method: u8) -> Result<u8, String>;
        /// Likewise.
        #[ws(event)]
        async fn from_handles(&self, handle: u8);
        /// Likewise.
        #[ws(event)]
        async fn slow(&self, slow: u8, latest: u8, recipients: u8);
        /// Likewise.
        async fn latest_by(&self, key: u8);
        /// Likewise.
        #[ws(event)]
        async fn event(&self, event: u8, arguments: u8);
        /// Likewise.
        async fn call(&self, call: u8, peers: u8) -> Option<u8>;
        /// Likewise.
        async fn nested(&self);
        /// Likewise.
        #[ws(event)]
        async fn renamed(&self);
        /// Likewise.
        #[ws(event)]
        async fn send(&self);
        /// Raw.
        #[ws(event)]
        async fn r#type(&self, r#match: u8);
    }
}

/// The names of the toolkit's own types, taken by somebody else's.
pub mod shadowed {
    use ws_core::ws_service;

    macro_rules! shadows {
        ($($name:ident),*) => {$(
            #[doc = "Somebody's."]
            #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
            pub struct $name;
        )*};
    }
    shadows!(
        Broadcast,
        BroadcastHandle,
        Casting,
        Gathering,
        Gather,
        Delivery,
        SlowConsumer,
        CallOptions,
        PhantomData,
        Clone,
        Debug,
        Result,
        Arc,
        LatestKey,
        Named
    );

    /// A contract.
    #[ws_service]
    pub trait Shadowed {
        /// An event.
        #[ws(event)]
        async fn tell(&self, a: Broadcast, b: Casting, c: Delivery, d: PhantomData);
        /// A call.
        async fn ask(&self, a: Gathering, b: SlowConsumer, c: Clone, d: Debug, e: LatestKey) -> Result;
    }
}

/// Of other visibilities.
pub mod restricted {
    use ws_core::ws_service;

    #[ws_service]
    pub(crate) trait Shared {
        #[ws(event)]
        async fn used(&self);
        async fn unused(&self) -> u8;
    }

    #[ws_service]
    trait Private {
        #[ws(event)]
        async fn unused(&self);
    }

    struct Nobody;
    impl Private for Nobody {
        async fn unused(&self) {}
    }

    pub(crate) fn provider() -> impl Sized {
        PrivateProvider::new(Nobody)
    }
}

/// A contract with parameters and conditions.
#[ws_core::ws_service]
pub trait Store<K: ws_core::Payload, V: ws_core::Payload = String, const N: usize = 3>
where
    K: Ord,
{
    /// An event.
    #[ws(event)]
    async fn put(&self, key: K, value: V);
    /// A call.
    async fn get(&self, key: K) -> Result<V, K>;
    /// Another's.
    #[ws(nested)]
    fn inner(&self) -> &impl Inner<K>;
}

/// Inside another.
#[ws_core::ws_service]
pub trait Inner<T: ws_core::Payload> {
    /// An event.
    #[ws(event)]
    async fn mark(&self, what: T);
}

/// Some of it is left out.
#[ws_core::ws_service]
pub trait Conditional {
    /// Never.
    #[cfg(any())]
    #[ws(event)]
    async fn never(&self, missing: DoesNotExist);
    /// Never.
    #[cfg(any())]
    #[ws(nested)]
    fn nowhere(&self) -> &impl DoesNotExist;
    /// One of two.
    #[cfg(all())]
    async fn either(&self, text: String) -> u8;
    /// The other.
    #[cfg(any())]
    async fn either(&self, missing: DoesNotExist) -> u8;
    /// Old.
    #[deprecated]
    #[ws(event)]
    async fn old(&self);
}

/// What streams is not for many.
#[ws_core::ws_service]
pub trait Streams {
    /// Down.
    fn down(&self) -> impl Stream<Item = u8> + Send;
    /// Up.
    async fn up(&self, items: Streaming<u8>) -> u8;
    /// A call.
    async fn plain(&self) -> u8;
}

/// Has what `Streams` leaves out in the stub, by the same names: they would be ambiguous if they were there.
pub trait LeftOut {
    /// As `Streams::down`.
    fn down(&self) -> &'static str {
        "down"
    }
    /// As `Streams::up`.
    fn up(&self) -> &'static str {
        "up"
    }
}
impl LeftOut for StreamsBroadcast {}

/// Nothing at all.
#[ws_core::ws_service]
pub trait Empty {}

fn nobody() -> BroadcastHandle {
    BroadcastHandle::new(Arc::new(Vec::new))
}

fn stub<R: Remote>() -> R::Broadcast {
    R::Broadcast::from_handle(nobody())
}

fn main() {
    let hostile = stub::<hostile::HostileRemote>();
    let _: [Casting; 6] = [
        hostile.handle(1, 2, 3),
        hostile.from_handles(1),
        hostile.slow(1, 2, 3),
        hostile.event(1, 2),
        hostile.renamed(),
        hostile.r#type(1),
    ];
    let _: Gathering<u8, String> = hostile.cast(1, 2);
    let _: Gathering<Option<u8>> = hostile.call(1, 2);
    let _ = (hostile.types(1), hostile.latest_by(1), hostile.nested());
    assert_eq!(hostile.send().now().audience(), 0);

    let shadowed = stub::<shadowed::ShadowedRemote>();
    let _ = shadowed
        .tell(shadowed::Broadcast, shadowed::Casting, shadowed::Delivery, shadowed::PhantomData)
        .now();
    let _: Gathering<shadowed::Result> = shadowed.ask(
        shadowed::Gathering,
        shadowed::SlowConsumer,
        shadowed::Clone,
        shadowed::Debug,
        shadowed::LatestKey,
    );

    let _ = stub::<restricted::SharedRemote>().used().now();
    let _ = restricted::provider();

    let store: StoreBroadcast<u8> = stub::<StoreRemote<u8>>();
    let _ = store.put(1, "one".into()).now();
    let _: Gathering<String, u8> = store.get(1);
    let _ = store.inner().mark(2).now();
    let _ = store.with(ws_core::CallOptions::new()).inner().mark(2).now();

    let _: Gathering<u8> = stub::<ConditionalRemote>().either("text".into());
    let streams = stub::<StreamsRemote>();
    assert_eq!((streams.down(), streams.up()), ("down", "up"));
    let _: Gathering<u8> = streams.plain();
    let _: EmptyBroadcast = stub::<EmptyRemote>();
    stub::<()>();
    let _: (EmptyBroadcast, StreamsBroadcast) = stub::<(EmptyRemote, StreamsRemote)>();
}
