//! A contract in two versions whose type `Thing` differs inside, where no fingerprint sees it (P34).

use std::fmt::Debug;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use ws_core::service::{HandlerFuture, Invocation, Methods, Refusal};
use ws_core::{CallError, Encoding, Fate, Limits, MessageIds, Peer, Provider, SendError};
use ws_tests::fixture::{Carrier, connect, until_true, ways};

/// What one side makes of a value that the other side wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    As(String),
    Refused,
}

pub fn reads(text: &str) -> Read {
    Read::As(text.to_owned())
}

pub fn refuses() -> Read {
    Read::Refused
}

/// One version of the contract; `version!` makes them.
pub trait Version: 'static {
    type Thing: Clone + Debug + Send + Sync + 'static;

    fn methods() -> Methods;
    fn serve(thing: Self::Thing, tossed: mpsc::UnboundedSender<String>) -> Served;
    fn put(peer: Peer, thing: Self::Thing) -> BoxFuture<'static, Result<String, CallError>>;
    fn get(peer: Peer) -> BoxFuture<'static, Result<Self::Thing, CallError>>;
    fn fail(peer: Peer) -> BoxFuture<'static, Result<(), CallError<Self::Thing>>>;
    fn toss(peer: Peer, thing: Self::Thing) -> BoxFuture<'static, Result<MessageIds, SendError>>;
}

/// Any version's provider. The methods of all versions are the same to the protocol, and one type for all of them
/// means that server and client are compiled once instead of once a pair.
pub struct Served(pub Box<dyn Provider>);

impl Provider for Served {
    fn methods() -> Methods {
        any::Contract::methods()
    }
    fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
        self.0.start(method, invocation)
    }
}

/// Likewise a remote for all of them; what is called is made of the connection's peer.
pub use any::ShelfRemote as Called;

/// P32, P33: the fingerprint of each method, in order.
fn fingerprints(methods: &Methods) -> Vec<(&'static str, u64)> {
    methods.specs().iter().map(|spec| (spec.name, spec.signature)).collect()
}

/// `version!(old { pub struct Thing { … } })`: the contract `Shelf` with this `Thing`, in a module `old`.
macro_rules! version {
    ($name:ident { $($types:item)* }) => {
        #[allow(unused_imports, dead_code)]
        mod $name {
            use futures::future::{BoxFuture, FutureExt};
            use serde::{Deserialize, Serialize};
            use tokio::sync::mpsc;
            use ws_core::service::Methods;
            use ws_core::{CallError, MessageIds, Peer, Remote, SendError};

            $(#[derive(Clone, Debug, Serialize, Deserialize)] $types)*

            #[ws_core::ws_service]
            pub trait Shelf {
                async fn put(&self, thing: Thing) -> String;
                async fn get(&self) -> Thing;
                async fn fail(&self) -> Result<(), Thing>;
                #[ws(event)]
                async fn toss(&self, thing: Thing);
            }

            pub struct Keeper {
                thing: Thing,
                tossed: mpsc::UnboundedSender<String>,
            }

            impl Shelf for Keeper {
                async fn put(&self, thing: Thing) -> String {
                    format!("{thing:?}")
                }
                async fn get(&self) -> Thing {
                    self.thing.clone()
                }
                async fn fail(&self) -> Result<(), Thing> {
                    Err(self.thing.clone())
                }
                async fn toss(&self, thing: Thing) {
                    self.tossed.send(format!("{thing:?}")).expect("the test waits for it");
                }
            }

            pub struct Contract;

            impl crate::shelf::Version for Contract {
                type Thing = Thing;

                fn methods() -> Methods {
                    ShelfRemote::methods()
                }
                fn serve(thing: Thing, tossed: mpsc::UnboundedSender<String>) -> crate::shelf::Served {
                    crate::shelf::Served(Box::new(ShelfProvider::new(Keeper { thing, tossed })))
                }
                fn put(peer: Peer, thing: Thing) -> BoxFuture<'static, Result<String, CallError>> {
                    ShelfRemote::from_peer(peer).put(thing).boxed()
                }
                fn get(peer: Peer) -> BoxFuture<'static, Result<Thing, CallError>> {
                    ShelfRemote::from_peer(peer).get().boxed()
                }
                fn fail(peer: Peer) -> BoxFuture<'static, Result<(), CallError<Thing>>> {
                    ShelfRemote::from_peer(peer).fail().boxed()
                }
                fn toss(peer: Peer, thing: Thing) -> BoxFuture<'static, Result<MessageIds, SendError>> {
                    ShelfRemote::from_peer(peer).toss(thing).boxed()
                }
            }
        }
    };
}

version!(any { pub struct Thing; });

/// For each encoding: what the new side makes of the old value, and the old side of the new value.
#[derive(Debug)]
pub struct Outcome {
    bincode: (Read, Read),
    msgpack: (Read, Read),
}

impl Outcome {
    #[track_caller]
    pub fn bincode(&self, old_to_new: Read, new_to_old: Read) -> &Self {
        assert_eq!(self.bincode, (old_to_new, new_to_old), "bincode: (old → new, new → old)");
        self
    }

    #[track_caller]
    pub fn msgpack(&self, old_to_new: Read, new_to_old: Read) -> &Self {
        assert_eq!(self.msgpack, (old_to_new, new_to_old), "msgpack: (old → new, new → old)");
        self
    }

    #[track_caller]
    pub fn both(&self, old_to_new: Read, new_to_old: Read) -> &Self {
        self.bincode(old_to_new.clone(), new_to_old.clone()).msgpack(old_to_new, new_to_old)
    }
}

/// Sends each value to the other version: as an argument, as a result, as a declared error and as an event, from the
/// client and from the server, each version being the client once. All of these have to end alike.
pub async fn exchange<Old: Version, New: Version>(old: Old::Thing, new: New::Thing) -> Outcome {
    let mut found = Vec::new();
    for way in ways() {
        let (old_to_new, new_to_old) = meet::<Old, New>(way, &old, &new).await;
        let (back, forth) = meet::<New, Old>(way, &new, &old).await;
        assert_eq!((&old_to_new, &new_to_old), (&forth, &back), "{way:?}: whoever is the client");
        found.push((way.1, (old_to_new, new_to_old)));
    }
    let of = |wanted: Encoding| {
        let mut all = found.iter().filter(|(encoding, _)| *encoding == wanted).map(|(_, read)| read.clone());
        let first = all.next().expect("the encoding is compiled in");
        assert!(all.all(|other| other == first), "{wanted:?}: whatever carries it");
        first
    };
    Outcome { bincode: of(Encoding::Bincode), msgpack: of(Encoding::Msgpack) }
}

/// What the server makes of the client's value, and the client of the server's.
async fn meet<C: Version, S: Version>(
    way: (Carrier, Encoding),
    client_has: &C::Thing,
    server_has: &S::Thing,
) -> (Read, Read) {
    let one = fingerprints(&any::Contract::methods());
    assert_eq!((&fingerprints(&C::methods()), &fingerprints(&S::methods())), (&one, &one), "nothing is seen");
    let (to_server, mut at_server) = mpsc::unbounded_channel();
    let (to_client, mut at_client) = mpsc::unbounded_channel();
    let served = server_has.clone();
    let ends = connect(
        way,
        &Limits::default(),
        move |_: Called| S::serve(served.clone(), to_server.clone()),
        |_: Called| C::serve(client_has.clone(), to_client),
    )
    .await;
    let (client, serving) = (ends.client.peer(), ends.serving.peer());

    let put = argument(C::put(client.clone(), client_has.clone()).await);
    let got = result(S::get(serving.clone()).await);
    let failed = declared(S::fail(serving.clone()).await);
    C::toss(client.clone(), client_has.clone()).await.expect("it leaves");
    let tossed = event(&mut at_server, || ends.serving.stats().events_refused).await;
    let from_client = agreed([put, got, failed], tossed);

    let put = argument(S::put(serving.clone(), server_has.clone()).await);
    let got = result(C::get(client.clone()).await);
    let failed = declared(C::fail(client).await);
    S::toss(serving, server_has.clone()).await.expect("it leaves");
    let tossed = event(&mut at_client, || ends.client.stats().events_refused).await;
    let from_server = agreed([put, got, failed], tossed);

    assert!(ends.client.is_open() && ends.serving.is_open(), "a value that is refused ends its call alone");
    (from_client, from_server)
}

fn argument(outcome: Result<String, CallError>) -> Read {
    match outcome {
        Ok(seen) => Read::As(seen),
        Err(CallError::InvalidArguments) => {
            assert_eq!(CallError::<()>::InvalidArguments.fate(), Fate::NotSent);
            Read::Refused
        }
        Err(error) => panic!("an argument ended {error:?}"),
    }
}

fn result<T: Debug>(outcome: Result<T, CallError>) -> Read {
    match outcome {
        Ok(thing) => Read::As(format!("{thing:?}")),
        Err(CallError::InvalidReply) => {
            assert_eq!(CallError::<()>::InvalidReply.fate(), Fate::Unknown, "it ran");
            Read::Refused
        }
        Err(error) => panic!("a result ended {error:?}"),
    }
}

fn declared<T: Debug>(outcome: Result<(), CallError<T>>) -> Read {
    match outcome {
        Err(CallError::App(thing)) => Read::As(format!("{thing:?}")),
        Err(CallError::InvalidReply) => Read::Refused,
        other => panic!("a declared error ended {other:?}"),
    }
}

/// An event that does not decode is counted by its receiver; its sender learns nothing.
async fn event(seen: &mut mpsc::UnboundedReceiver<String>, refused: impl Fn() -> u64) -> Read {
    let mut read = None;
    until_true(|| {
        read = seen.try_recv().ok().map(Read::As).or_else(|| (refused() == 1).then_some(Read::Refused));
        read.is_some()
    })
    .await;
    read.expect("seen or refused")
}

#[track_caller]
fn agreed(read: [Read; 3], event: Read) -> Read {
    assert!(read.iter().all(|read| *read == event), "(argument, result, error) {read:?}, event {event:?}");
    event
}
