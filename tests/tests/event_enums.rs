//! A contract's messages, results and requests as plain data: what the enums can do, and where they can not.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use ws_core::service::{Contract, Event, Payload, Request};
use ws_core::{CallError, Encoding, Fate, Limits, SendError, ws_service};
use ws_tests::fixture::{Carrier, connect, until_true, ways};

const MEMORY: (Carrier, Encoding) = (Carrier::Memory, Encoding::Bincode);

/// Whether a type has a trait, as a value: the inherent constant hides that of the trait where its bound holds.
macro_rules! has {
    ($ty:ty: $of:path) => {{
        #[allow(dead_code)]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for T {}
        struct Has<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $of> Has<T> {
            const HAS: bool = true;
        }
        <Has<$ty>>::HAS
    }};
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Good(pub u8);

#[derive(Serialize, Deserialize)]
pub struct Bare(pub u8);

#[derive(Clone, Serialize, Deserialize)]
pub struct Cloned(pub u8);

#[derive(Debug, Serialize, Deserialize)]
pub struct Shown(pub u8);

#[derive(PartialEq, Serialize, Deserialize)]
pub struct Equal(pub u8);

#[ws_service]
pub trait AllGood {
    async fn f(&self, a: Good, b: f64) -> Bare;
}

#[ws_service]
pub trait AllBare {
    async fn f(&self, a: Good, b: Bare) -> Good;
}

#[ws_service]
pub trait OneCloned {
    #[ws(event)]
    async fn f(&self, a: Cloned);
    #[ws(event)]
    async fn g(&self, a: Good);
}

#[ws_service]
pub trait OneShown {
    #[ws(event)]
    async fn f(&self, a: Vec<Shown>);
}

#[ws_service]
pub trait OneEqual {
    #[ws(event)]
    async fn f(&self, a: Option<Equal>);
}

#[ws_service]
pub trait Outer {
    async fn own(&self, a: Good) -> Good;
    #[ws(nested)]
    fn inner(&self) -> &impl OneShown;
    #[ws(nested)]
    fn other(&self) -> &impl AllGood;
}

#[test]
fn the_enums_are_clone_debug_and_partial_eq_where_all_in_them_is() {
    macro_rules! all {
        ($ty:ty) => {
            (has!($ty: Clone), has!($ty: Debug), has!($ty: PartialEq))
        };
    }
    assert_eq!(all!(AllGoodEvent), (true, true, true));
    assert_eq!(all!(AllGoodReply), (false, false, false), "its result has none of them");
    assert_eq!(all!(AllGoodRequest), (false, true, false));
    assert_eq!(all!(AllBareEvent), (false, false, false));
    assert_eq!(all!(AllBareReply), (true, true, true), "arguments do not count in results");
    assert_eq!(all!(AllBareRequest), (false, false, false));
    assert_eq!(all!(OneClonedEvent), (true, false, false));
    assert_eq!(all!(OneShownEvent), (false, true, false));
    assert_eq!(all!(OneShownRequest), (false, true, false));
    assert_eq!(all!(OneEqualEvent), (false, false, true));
    assert_eq!(all!(OneEqualReply), (true, true, true), "it has no variants");
    assert_eq!(all!(OuterEvent), (false, true, false), "as what is nested in it");
    assert_eq!(all!(OuterReply), (false, false, false));
    assert_eq!(all!(OuterMethod), (true, true, true));
    assert!(has!(AllBareEvent: Event), "a message needs none of them");
    assert!(has!(AllBareRequest: Request));
}

#[test]
fn the_enums_clone_show_and_compare_as_derived_ones() {
    let event = AllGoodEvent::F { a: Good(1), b: 0.5 };
    assert_eq!(format!("{event:?}"), "F { a: Good(1), b: 0.5 }");
    assert_eq!(format!("{event:#?}"), "F {\n    a: Good(\n        1,\n    ),\n    b: 0.5,\n}");
    assert_eq!(event.clone(), event);
    assert_ne!(event, AllGoodEvent::F { a: Good(2), b: 0.5 });
    let not_a_number = AllGoodEvent::F { a: Good(1), b: f64::NAN };
    assert_ne!(not_a_number, not_a_number.clone());
    let nested = OuterEvent::Other(event.clone());
    assert_eq!(format!("{nested:?}"), "Other(F { a: Good(1), b: 0.5 })");
    assert_eq!(format!("{:?}", TravelEvent::Rest {}), "Rest");
    assert_ne!(TravelEvent::Rest {}, TravelEvent::Walk { steps: 1 });
    assert_eq!(AllBareReply::F(Good(3)).clone(), AllBareReply::F(Good(3)));
}

#[ws_service]
pub trait Travel {
    async fn walk(&self, steps: u32) -> u32;
    async fn rest(&self) -> Result<(), Tired>;
    async fn far(&self, a: u8, b: String) -> Result<Vec<String>, Tired>;
    #[ws(event)]
    async fn arrive(&self, place: String);
    #[ws(nested)]
    fn train(&self) -> &impl Train;
    #[cfg(any())]
    async fn never(&self, what: DoesNotExist) -> NeitherDoesThis;
    #[cfg(not(any()))]
    async fn always(&self) -> u8;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tired(pub u8);

#[ws_service]
pub trait Train {
    async fn ride(&self, stations: u32) -> u32;
    #[ws(event)]
    async fn whistle(&self);
    #[ws(nested)]
    fn bar(&self) -> &impl Bar;
}

#[ws_service]
pub trait Bar {
    #[ws(name = "drink/coffee")]
    async fn coffee(&self, cups: u8) -> Result<String, Tired>;
}

#[derive(Default)]
struct Traveller {
    places: std::sync::Mutex<Vec<String>>,
    carriage: Carriage,
}

#[derive(Default)]
struct Carriage {
    whistles: std::sync::atomic::AtomicU32,
    bar: Counter,
}

#[derive(Default)]
struct Counter;

impl Travel for Traveller {
    async fn walk(&self, steps: u32) -> u32 {
        self.places.lock().expect("unpoisoned").push(format!("walk {steps}"));
        steps + 1
    }
    async fn rest(&self) -> Result<(), Tired> {
        Err(Tired(3))
    }
    async fn far(&self, a: u8, b: String) -> Result<Vec<String>, Tired> {
        Ok(vec![b; a.into()])
    }
    async fn arrive(&self, place: String) {
        self.places.lock().expect("unpoisoned").push(place);
    }
    fn train(&self) -> &impl Train {
        &self.carriage
    }
    async fn always(&self) -> u8 {
        9
    }
}

impl Train for Carriage {
    async fn ride(&self, stations: u32) -> u32 {
        stations * 10
    }
    async fn whistle(&self) {
        self.whistles.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
    fn bar(&self) -> &impl Bar {
        &self.bar
    }
}

impl Bar for Counter {
    async fn coffee(&self, cups: u8) -> Result<String, Tired> {
        if cups > 3 { Err(Tired(cups)) } else { Ok("coffee".repeat(cups.into())) }
    }
}

#[tokio::test]
async fn calls_as_data_have_results_as_data() {
    for way in ways() {
        let serves = |(): ()| TravelProvider::new(Traveller::default());
        let ends = connect(way, &Limits::default(), serves, |_: TravelRemote| ()).await;
        let peer = ends.client.peer();
        let coffee = |cups| TravelEvent::Train(TrainEvent::Bar(BarEvent::Coffee { cups }));
        let poured = |outcome| TravelReply::Train(TrainReply::Bar(BarReply::Coffee(outcome)));
        for (event, expected) in [
            (TravelEvent::Walk { steps: 1 }, TravelReply::Walk(2)),
            (TravelEvent::Rest {}, TravelReply::Rest(Err(Tired(3)))),
            (TravelEvent::Far { a: 2, b: "x".into() }, TravelReply::Far(Ok(vec!["x".into(); 2]))),
            (TravelEvent::Always {}, TravelReply::Always(9)),
            (TravelEvent::Train(TrainEvent::Ride { stations: 4 }), TravelReply::Train(TrainReply::Ride(40))),
            (coffee(2), poured(Ok("coffeecoffee".into()))),
            (coffee(4), poured(Err(Tired(4)))),
        ] {
            let what = format!("{event:?}");
            assert_eq!(peer.call::<TravelRemote>(event).await, Ok(expected), "{what}");
        }
        // Events are sent, not called: the other side says so, and does nothing.
        for event in
            [TravelEvent::Arrive { place: "home".into() }, TravelEvent::Train(TrainEvent::Whistle {})]
        {
            assert_eq!(peer.call::<TravelRemote>(event).await, Err(CallError::SchemaMismatch));
        }
        // A nested contract by itself is another contract, which nobody serves here.
        assert_eq!(
            peer.call::<TrainRemote>(TrainEvent::Ride { stations: 1 }).await,
            Err(CallError::UnknownMethod)
        );
        assert_eq!((peer.pending(), ends.serving.running()), (0, 0));
    }
}

#[tokio::test]
async fn a_call_that_is_sent_runs_and_nobody_hears_its_result() {
    for way in ways() {
        let service = std::sync::Arc::new(Traveller::default());
        let shared = std::sync::Arc::clone(&service);
        let serves = move |(): ()| TravelProvider::from_arc(std::sync::Arc::clone(&shared));
        let ends = connect(way, &Limits::default(), serves, |_: TravelRemote| ()).await;
        let peer = ends.client.peer();
        for event in [
            TravelEvent::Walk { steps: 7 },
            TravelEvent::Rest {},
            TravelEvent::Arrive { place: "there".into() },
            TravelEvent::Train(TrainEvent::Whistle {}),
        ] {
            let ids = peer.send(event).await.expect("credit");
            assert_eq!((ids.event_id % 2, ids.reply_to), (1, None));
        }
        until_true(|| service.carriage.whistles.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
        assert_eq!(
            *service.places.lock().expect("unpoisoned"),
            ["walk 7", "there"],
            "in the order of sending"
        );
        assert_eq!(ends.client.stats().stray_replies, 0, "no result was sent");
    }
}

/// A contract whose parameters stand in arguments, in results, and in neither but a bound.
#[ws_service]
pub trait Store<K: Payload + Clone, V: Payload, E: Payload, const N: usize>
where
    V: Clone,
    K: PartialEq,
{
    async fn get(&self, key: K) -> Result<V, E>;
    async fn many(&self, keys: Vec<K>) -> Vec<Option<V>>;
    #[ws(event)]
    async fn forget(&self, key: K);
    async fn size(&self) -> u64;
}

struct Fixed;

impl Store<u32, String, Tired, 3> for Fixed {
    async fn get(&self, key: u32) -> Result<String, Tired> {
        if key == 0 { Err(Tired(0)) } else { Ok(key.to_string()) }
    }
    async fn many(&self, keys: Vec<u32>) -> Vec<Option<String>> {
        keys.into_iter().map(|key| (key > 0).then(|| key.to_string())).collect()
    }
    async fn forget(&self, _key: u32) {}
    async fn size(&self) -> u64 {
        3
    }
}

#[tokio::test]
async fn the_enums_of_a_generic_contract_take_the_parameters_that_they_use() {
    type Remote = StoreRemote<u32, String, Tired, 3>;
    let one: StoreEvent<u32> = StoreEvent::Get { key: 1 };
    let result: StoreReply<String, Tired> = StoreReply::Get(Ok("1".into()));
    fn same<R: Contract<Event = StoreEvent<u32>, Reply = StoreReply<String, Tired>>>() {}
    same::<Remote>();
    assert_eq!(one.clone(), one);
    for way in ways() {
        let serves = |(): ()| StoreProvider::new(Fixed);
        let ends = connect(way, &Limits::default(), serves, |_: Remote| ()).await;
        let peer = ends.client.peer();
        assert_eq!(peer.call::<Remote>(one.clone()).await.as_ref(), Ok(&result));
        assert_eq!(
            peer.call::<Remote>(StoreEvent::Many { keys: vec![0, 2] }).await,
            Ok(StoreReply::Many(vec![None, Some("2".into())]))
        );
        assert_eq!(peer.call::<Remote>(StoreEvent::Size {}).await, Ok(StoreReply::Size(3)));
        peer.send(StoreEvent::Forget { key: 1_u32 }).await.expect("credit");
    }
}

/// Decodes, and encodes never.
#[derive(Clone, Debug, Deserialize)]
pub struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("never"))
    }
}

#[ws_service]
pub trait Difficult {
    async fn odd(&self, what: Unencodable) -> u8;
    async fn long(&self, text: String) -> u8;
}

#[tokio::test]
async fn what_cannot_be_sent_fails_at_once_however_it_is_sent() {
    let limits = Limits::default().max_message(4096);
    let ends = connect(MEMORY, &limits, |(): ()| (), |_: DifficultRemote| ()).await;
    let peer = ends.client.peer();
    let odd = || DifficultEvent::Odd { what: Unencodable };
    assert_eq!(peer.send(odd()).await, Err(SendError::InvalidArguments));
    assert_eq!(peer.send(odd()).start(), Err(SendError::InvalidArguments));
    assert_eq!(peer.ask(odd()).await.map(drop), Err(CallError::InvalidArguments));
    assert_eq!(peer.call::<DifficultRemote>(odd()).await.map(drop), Err(CallError::InvalidArguments));
    let long = || DifficultEvent::Long { text: "x".repeat(5000) };
    assert_eq!(peer.send(long()).await, Err(SendError::TooLarge));
    assert_eq!(peer.send(long()).start(), Err(SendError::TooLarge));
    assert_eq!(peer.ask(long()).await.map(drop), Err(CallError::TooLarge(Fate::NotSent)));
    assert_eq!(peer.call::<DifficultRemote>(long()).await.map(drop), Err(CallError::TooLarge(Fate::NotSent)));
    assert_eq!(peer.pending(), 0);
}
