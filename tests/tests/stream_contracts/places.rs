//! Streaming methods wherever a contract may be: nested, generic, named, beside others, guarded.

use std::fmt::Debug;

use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use ws_core::{
    CallContext, CallError, ContractName, Denied, FailureKind, Guard, Guarded, Limits, Named, Payload,
    Remote, StreamError, Streaming, ws_service,
};
use ws_tests::fixture::{connect, until_true, ways};
use ws_tests::raw::in_time;

use super::fixture::{Feed, FeedMethod, FeedProvider, FeedRemote, Source, join, read};

#[ws_service]
pub trait Shelf<T: Payload + Clone + Sync, const N: usize> {
    fn all(&self) -> impl Stream<Item = T>;
    async fn chunks(&self) -> Result<impl Stream<Item = Result<Vec<T>, T>>, T>;
    async fn put(&self, items: Streaming<T>) -> Result<Vec<T>, String>;
    fn swap(&self, count: u32, items: Streaming<T>) -> impl Stream<Item = (T, T)>;
    /// What its implementations inherit.
    fn twice(&self) -> impl Stream<Item = T> {
        self.all().chain(self.all())
    }
    async fn counted(&self, items: Streaming<T>) -> usize {
        items.count().await
    }
    #[ws(nested)]
    fn feed(&self) -> &impl Feed;
}

pub struct Board<T>(Vec<T>, Source);

impl<T: Payload + Clone + Sync, const N: usize> Shelf<T, N> for Board<T> {
    fn all(&self) -> impl Stream<Item = T> {
        stream::iter(self.0.iter().cloned())
    }
    async fn chunks(&self) -> Result<impl Stream<Item = Result<Vec<T>, T>>, T> {
        let chunks = stream::iter(self.0.chunks(N).map(|chunk| Ok(chunk.to_vec())));
        Ok(chunks.chain(stream::iter(self.0.last().cloned().map(Err))))
    }
    async fn put(&self, mut items: Streaming<T>) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        while let Some(item) = items.next().await {
            all.push(item.map_err(|error| error.to_string())?);
        }
        Ok(all)
    }
    fn swap(&self, count: u32, items: Streaming<T>) -> impl Stream<Item = (T, T)> {
        let taken = items.take(count as usize).filter_map(|item| std::future::ready(item.ok()));
        stream::iter(self.0.iter().cloned()).zip(taken)
    }
    fn feed(&self) -> &impl Feed {
        &self.1
    }
}

#[ws_service]
pub trait House {
    #[ws(nested)]
    fn upper(&self) -> &impl Shelf<String, 2>;
    #[ws(nested)]
    fn lower(&self) -> &impl Shelf<Point<u8>, 3>;
    async fn doors(&self) -> u8;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point<T> {
    pub x: T,
}

pub struct Cottage(Board<String>, Board<Point<u8>>);

impl House for Cottage {
    fn upper(&self) -> &impl Shelf<String, 2> {
        &self.0
    }
    fn lower(&self) -> &impl Shelf<Point<u8>, 3> {
        &self.1
    }
    async fn doors(&self) -> u8 {
        1
    }
}

async fn works<T: Payload + Clone + Sync + PartialEq + Debug, const N: usize>(
    shelf: &ShelfRemote<T, N>,
    items: Vec<T>,
) {
    assert_eq!(read(shelf.all().await.expect("it opens")).await, (items.clone(), None));
    let twice = [items.clone(), items.clone()].concat();
    assert_eq!(read(shelf.twice().await.expect("it opens")).await, (twice.clone(), None));
    let chunks = read(shelf.chunks().await.expect("it opens")).await;
    let expected: Vec<_> = items.chunks(N).map(<[T]>::to_vec).collect();
    assert_eq!(chunks, (expected, items.last().cloned().map(StreamError::App)));
    assert_eq!(shelf.put(stream::iter(twice.clone())).await, Ok(twice.clone()));
    assert_eq!(shelf.counted(stream::iter(twice.clone())).await, Ok(twice.len()));
    let pairs = read(shelf.swap(2, stream::iter(twice)).await.expect("it opens")).await;
    assert_eq!(pairs, (items.iter().cloned().zip(items.iter().cloned()).take(2).collect(), None));
    let feed = shelf.feed();
    assert_eq!(read(feed.count(0, 300).await.expect("it opens")).await, ((0..300).collect(), None));
    assert!(matches!(feed.both(11).await, Err(CallError::App(_))));
    assert_eq!(feed.sum(1, stream::iter([2, 3]), 4).await, Ok(10));
    let doubled = feed.doubled(stream::iter([1, 2])).await.expect("it opens");
    assert_eq!(read(doubled).await, (vec![2, 4], None));
    drop(feed.silent("silent".into()).await.expect("it opens"));
}

fn texts() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn r26_generic_contracts_stream_whatever_they_are_of() {
    for way in ways() {
        let (source, mut told) = Source::new();
        let serves = {
            let source = source.clone();
            move || ShelfProvider::<_, String, 2>::new(Board(texts(), source.clone()))
        };
        let ends = join::<_, (), _, ShelfRemote<String, 2>>(way, Limits::default(), serves, ()).await;
        works(ends.client.remote(), texts()).await;
        told.until("silent is gone").await;
        let none = ends.client.remote().put(stream::empty()).await;
        assert_eq!(none, Ok(vec![]), "{way:?}");
        ends.at_rest().await;
    }
}

#[tokio::test]
async fn r26_nested_contracts_stream_by_their_own_paths() {
    for way in ways() {
        let (source, mut told) = Source::new();
        let points: Vec<_> = (0..7).map(|x| Point { x }).collect();
        let serves = {
            let (source, points) = (source.clone(), points.clone());
            move || {
                let shelves = (Board(texts(), source.clone()), Board(points.clone(), source.clone()));
                HouseProvider::new(Cottage(shelves.0, shelves.1))
            }
        };
        let ends = join::<_, (), _, HouseRemote>(way, Limits::default(), serves, ()).await;
        let house = ends.client.remote();
        works(&house.upper(), texts()).await;
        told.until("silent is gone").await;
        works(&house.lower(), points).await;
        told.until("silent is gone").await;
        let items = house.lower().feed().opening(1).await.expect("it opens");
        assert_eq!(read(items).await, (vec!["House.lower.feed.opening 0".into()], None), "{way:?}");
        assert_eq!(house.doors().await, Ok(1));
        ends.at_rest().await;
        until_true(|| source.live() == 0).await;
    }
}

/// A nested stream keeps the outer service alive, and lets it go.
#[tokio::test]
async fn r3_a_service_lives_as_long_as_its_streams() {
    for way in ways() {
        let (source, mut told) = Source::new();
        let alive = std::sync::Mutex::new(Some(source.alive("service")));
        struct Holder(Source, #[expect(dead_code, reason = "its drop tells")] Option<super::fixture::Alive>);
        impl Roof for Holder {
            fn feed(&self) -> &impl Feed {
                &self.0
            }
        }
        let here = source.clone();
        let serves =
            move |(): ()| RoofProvider::new(Holder(here.clone(), alive.lock().expect("unpoisoned").take()));
        let ends = connect(way, &Limits::default(), serves, |_: RoofRemote| ()).await;
        let silent = ends.client.remote().feed().silent("silent".into()).await.expect("it opens");
        ends.client.close().await;
        ends.serving.closed().await;
        let mut gone = [told.next().await, told.next().await, told.next().await];
        gone.sort();
        assert_eq!(gone, ["service is gone", "silent", "silent is gone"], "{way:?}");
        assert!(matches!(read(silent).await.1, Some(StreamError::Closed(_))));
    }
}

#[ws_service]
pub trait Roof {
    #[ws(nested)]
    fn feed(&self) -> &impl Feed;
}

#[derive(Debug)]
struct Left;
impl ContractName for Left {
    const NAME: &'static str = "left";
}

#[derive(Debug)]
struct Right;
impl ContractName for Right {
    const NAME: &'static str = "right";
}

type Three<A, B> = (Named<Left, A>, B, Named<Right, A>);

#[tokio::test]
async fn r26_streams_of_several_and_of_named_contracts() {
    for way in ways() {
        let source = Source::new().0;
        let serves = {
            let source = source.clone();
            move || -> Three<FeedProvider<Source>, ShelfProvider<Board<u8>, u8, 1>> {
                let feed = FeedProvider::new(source.clone());
                let shelf = ShelfProvider::new(Board(vec![1, 2, 3], source.clone()));
                (Named::new(feed.clone()), shelf, Named::new(feed))
            }
        };
        type Remotes = Three<FeedRemote, ShelfRemote<u8, 1>>;
        let ends = join::<_, (), _, Remotes>(way, Limits::default(), serves, ()).await;
        let (left, shelf, right) = ends.client.remote();
        for (feed, name) in [(&**left, "left.opening 0"), (&**right, "right.opening 0")] {
            assert_eq!(read(feed.opening(1).await.expect("it opens")).await, (vec![name.to_owned()], None));
            assert_eq!(feed.sum(0, stream::iter(0..100), 1).await, Ok(4951), "{way:?}");
            let doubled = feed.doubled(stream::iter(0..3)).await.expect("it opens");
            assert_eq!(read(doubled).await, (vec![0, 2, 4], None));
        }
        works(shelf, vec![1, 2, 3]).await;
        ends.at_rest().await;
    }
}

fn no(_: &CallContext) -> Result<(), Denied> {
    Err(Denied::new("a secret of the guard"))
}

/// Says yes, but not at once.
struct Slowly;

impl Guard for Slowly {
    async fn check(&self, _: &CallContext) -> Result<(), Denied> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Neither the producer nor the upload begins before the guard has said yes.
#[tokio::test]
async fn guards_stand_before_streams() {
    for way in ways() {
        let (source, mut told) = Source::new();
        let serves = {
            let source = source.clone();
            move || {
                Guarded::new(FeedProvider::new(source.clone()))
                    .guard_all(Slowly)
                    .guard(FeedMethod::Silent, no)
                    .and_then(|guarded| guarded.guard(FeedMethod::EndOf, no))
                    .and_then(|guarded| guarded.guard(FeedMethod::Doubled, no))
                    .expect("there are such methods")
            }
        };
        let ends = join::<_, (), _, FeedRemote>(way, Limits::default(), serves, ()).await;
        let feed = ends.client.remote();
        assert_eq!(feed.silent("silent".into()).await.err(), Some(CallError::Denied), "{way:?}");
        assert_eq!(ends.at_server.one().await.1, FailureKind::Denied);
        let alive = source.alive("upload");
        let upload = stream::iter(0..).map(move |item: i64| {
            let _alive = &alive;
            item
        });
        assert_eq!(feed.end_of(upload).await.err(), Some(CallError::Denied));
        assert_eq!(told.next().await, "upload is gone", "the handler never began");
        assert_eq!(feed.doubled(stream::iter(0..9)).await.err(), Some(CallError::Denied));
        // Those that may.
        assert_eq!(read(feed.count(0, 100).await.expect("it opens")).await, ((0..100).collect(), None));
        assert_eq!(feed.sum(0, stream::iter(0..100), 0).await, Ok(4950));
        let named = feed.named("<".into(), stream::iter([1]), ">".into()).await.expect("it opens");
        assert_eq!(read(named).await, (vec!["<1> nobody".into()], None));
        ends.at_rest().await;
    }
}

/// The same is streamed, whatever the form of the method that makes it.
#[test]
fn a_fingerprint_knows_what_is_streamed_and_not_how_it_is_made() {
    let methods = FeedRemote::methods();
    let signature = |name: &str| {
        let spec = methods.specs().iter().find(|spec| spec.name == name);
        spec.unwrap_or_else(|| panic!("{name}")).signature
    };
    for same in ["Feed.both", "Feed.awaited_failing", "Feed.awaited_both", "Feed.awaited_opening"] {
        assert_eq!(signature(same), signature("Feed.failing"));
    }
    assert_eq!(signature("Feed.spawned"), signature("Feed.awaited"));
    let apart =
        ["Feed.count", "Feed.awaited", "Feed.failing", "Feed.sum", "Feed.first", "Feed.doubled", "Feed.echo"];
    for (position, one) in apart.iter().enumerate() {
        assert!(apart[position + 1..].iter().all(|other| signature(one) != signature(other)), "{one}");
    }
}

/// R11 for turns: a stream that waits for its own method, through the other side, is told so.
#[tokio::test]
async fn r11_a_serial_stream_does_not_wait_for_itself() {
    for way in ways() {
        let serves = |remote: LoopRemote| LoopProvider::new(Looped(remote));
        let ends =
            connect(way, &Limits::default(), serves, |remote: LoopRemote| LoopProvider::new(Looped(remote)))
                .await;
        let items = ends.client.remote().asks().await.expect("it opens");
        let items = in_time("the answer of the nested call", items.collect::<Vec<_>>()).await;
        assert_eq!(items, [Ok(false)], "{way:?}: the nested one is refused, not kept waiting");
    }
}

struct Looped(LoopRemote);

#[ws_service]
trait Loop {
    #[ws(serial)]
    fn asks(&self) -> impl Stream<Item = bool>;
    /// Whether the other side's `asks` could be opened.
    async fn back(&self) -> bool;
    #[ws(serial)]
    fn reads(&self) -> impl Stream<Item = bool>;
    /// Whether the other side's `reads` could be opened, once this is open.
    fn back_later(&self) -> impl Stream<Item = bool>;
    /// The first item.
    #[ws(serial)]
    async fn takes(&self, items: Streaming<bool>) -> bool;
}

impl Loop for Looped {
    fn asks(&self) -> impl Stream<Item = bool> {
        stream::once(async { self.0.back().await.unwrap_or(false) })
    }
    async fn back(&self) -> bool {
        match self.0.asks().await {
            Ok(_) => true,
            Err(CallError::Overloaded) => false,
            Err(other) => panic!("{other}"),
        }
    }
    fn reads(&self) -> impl Stream<Item = bool> {
        stream::once(self.0.back_later())
            .filter_map(|items| std::future::ready(items.ok()))
            .flatten()
            .map(|item| item.unwrap_or(true))
    }
    fn back_later(&self) -> impl Stream<Item = bool> {
        stream::once(async {
            tokio::task::yield_now().await;
            !matches!(self.0.reads().await, Err(CallError::Overloaded))
        })
    }
    async fn takes(&self, mut items: Streaming<bool>) -> bool {
        matches!(items.next().await, Some(Ok(true)))
    }
}

/// The same where it waits for items of the other side's, not for its opening.
#[tokio::test]
async fn r11_a_serial_stream_of_a_stream_does_not_wait_for_itself() {
    for way in ways() {
        let serves = |remote: LoopRemote| LoopProvider::new(Looped(remote));
        let ends =
            connect(way, &Limits::default(), serves, |remote: LoopRemote| LoopProvider::new(Looped(remote)))
                .await;
        let items = ends.client.remote().reads().await.expect("it opens");
        let items = in_time("the answer of the nested call", items.collect::<Vec<_>>()).await;
        assert_eq!(items, [Ok(false)], "{way:?}");
    }
}

#[tokio::test]
async fn r11_a_serial_call_does_not_wait_for_what_its_upload_waits_for() {
    for way in ways() {
        let serves = |remote: LoopRemote| LoopProvider::new(Looped(remote));
        let ends =
            connect(way, &Limits::default(), serves, |remote: LoopRemote| LoopProvider::new(Looped(remote)))
                .await;
        let remote = ends.client.remote().clone();
        let nested = remote.clone();
        let items =
            stream::once(
                async move { matches!(nested.takes(stream::empty()).await, Err(CallError::Overloaded)) },
            );
        let refused = in_time("the answer of the nested call", remote.takes(items)).await;
        assert_eq!(refused, Ok(true), "{way:?}: the nested one is refused, not kept waiting");
    }
}

mod before {
    #[ws_core::ws_service(name = "Feed")]
    pub trait Feed {
        async fn numbers(&self) -> u32;
        async fn total(&self, numbers: Vec<u32>) -> u32;
        async fn same(&self) -> u8;
    }
}

mod after {
    use futures::{Stream, StreamExt, stream};
    use ws_core::Streaming;

    #[ws_core::ws_service(name = "Feed")]
    pub trait Feed {
        fn numbers(&self) -> impl Stream<Item = u32>;
        async fn total(&self, numbers: Streaming<u32>) -> u32;
        async fn same(&self) -> u8;
    }

    pub struct Two;

    impl Feed for Two {
        fn numbers(&self) -> impl Stream<Item = u32> {
            stream::iter([1, 2])
        }
        async fn total(&self, numbers: Streaming<u32>) -> u32 {
            numbers
                .filter_map(|number| std::future::ready(number.ok()))
                .fold(0, |a, b| async move { a + b })
                .await
        }
        async fn same(&self) -> u8 {
            2
        }
    }
}

#[tokio::test]
async fn r5_a_value_that_becomes_a_stream_is_another_signature() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| after::FeedProvider::new(after::Two),
            |_: before::FeedRemote| (),
        )
        .await;
        let feed = ends.client.remote();
        assert_eq!(feed.numbers().await, Err(CallError::SchemaMismatch), "{way:?}");
        assert_eq!(feed.total(vec![1]).await, Err(CallError::SchemaMismatch), "{way:?}");
        assert_eq!(feed.same().await, Ok(2), "{way:?}");
    }
}
