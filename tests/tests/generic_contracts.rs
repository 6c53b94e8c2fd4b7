//! Generic contracts: one trait, many contracts, told apart by what their parameters stand for.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Display};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use ws_core::service::{MethodTable, Provider};
use ws_core::{CallError, ContractError, ContractName, Limits, Named, Payload, Remote, ws_service};
use ws_tests::fixture::{connect, until_true, ways};

#[ws_service]
pub trait Store<T: Payload + Clone> {
    async fn put(&self, key: String, value: T) -> Option<T>;
    async fn get(&self, key: String) -> Result<T, String>;
    async fn all(&self) -> BTreeMap<String, Vec<T>>;
    #[ws(event)]
    async fn forget(&self, key: String);
    async fn first(&self) -> Option<T> {
        self.all().await.into_values().flatten().next()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point<T> {
    pub x: T,
    pub y: T,
}

pub struct Memory<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Payload + Clone> Store<T> for Memory<T> {
    async fn put(&self, key: String, value: T) -> Option<T> {
        self.0.lock().expect("unpoisoned").insert(key, value)
    }
    async fn get(&self, key: String) -> Result<T, String> {
        self.0.lock().expect("unpoisoned").get(&key).cloned().ok_or(key)
    }
    async fn all(&self) -> BTreeMap<String, Vec<T>> {
        let values = self.0.lock().expect("unpoisoned");
        values.iter().map(|(key, value)| (key.clone(), vec![value.clone()])).collect()
    }
    async fn forget(&self, key: String) {
        self.0.lock().expect("unpoisoned").remove(&key);
    }
}

async fn works<T: Payload + Clone + PartialEq + Debug + Sync>(one: T, two: T) {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| StoreProvider::new(Memory::<T>::default()),
            |_: StoreRemote<T>| (),
        )
        .await;
        let store = ends.client.remote();
        assert_eq!(store.put("a".into(), one.clone()).await, Ok(None));
        assert_eq!(store.put("a".into(), two.clone()).await, Ok(Some(one.clone())));
        assert_eq!(store.get("a".into()).await, Ok(two.clone()));
        assert_eq!(store.get("b".into()).await, Err(CallError::App("b".into())));
        assert_eq!(store.first().await, Ok(Some(two.clone())));
        store.forget("a".into()).await.expect("credit");
        until_true(|| ends.serving.running() == 0 && ends.serving.stats().events_received == 1).await;
        assert_eq!(store.first().await, Ok(None));
        assert!(ends.client.mismatches().is_empty());
    }
}

#[tokio::test]
async fn one_contract_with_several_arguments() {
    works(1_u8, 2).await;
    works("one".to_owned(), "two".to_owned()).await;
    works(Point { x: 1.5, y: 2.5 }, Point { x: 0.0, y: -1.0 }).await;
    works(vec![Some(Point { x: (1, 'a'), y: (2, 'b') })], vec![None]).await;
    works([[1_u16; 3]; 2], [[4; 3]; 2]).await;
    works((1_u8, Some(false)), (2, None)).await;
}

#[tokio::test]
async fn r5_the_same_contract_with_other_arguments_is_a_schema_mismatch() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| StoreProvider::new(Memory::<u32>::default()),
            |_: StoreRemote<u64>| (),
        )
        .await;
        let store = ends.client.remote();
        assert_eq!(store.put("a".into(), 1).await, Err(CallError::SchemaMismatch));
        assert_eq!(store.get("a".into()).await, Err(CallError::SchemaMismatch));
        let (client, serving) = (ends.client.mismatches(), ends.serving.mismatches());
        assert_eq!((client.len(), serving.len()), (4, 4), "{client:?} {serving:?}");
        assert!(store.forget("a".into()).await.is_ok(), "what mentions no parameter is the same");
    }
}

#[test]
fn r5_fingerprints_follow_the_arguments_and_not_the_modules_they_are_in() {
    mod elsewhere {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        pub struct Point<T> {
            pub x: T,
        }
    }
    fn prints<R: Remote>() -> Vec<u64> {
        R::methods().specs().iter().map(|spec| spec.signature).collect()
    }
    let all = [
        prints::<StoreRemote<u8>>(),
        prints::<StoreRemote<i8>>(),
        prints::<StoreRemote<Vec<u8>>>(),
        prints::<StoreRemote<[u8; 3]>>(),
        prints::<StoreRemote<[u8; 4]>>(),
        prints::<StoreRemote<(u8,)>>(),
        prints::<StoreRemote<Point<u8>>>(),
        prints::<StoreRemote<Point<u16>>>(),
        prints::<StoreRemote<Option<Point<u8>>>>(),
    ];
    for (position, one) in all.iter().enumerate() {
        for other in &all[..position] {
            let same: Vec<_> = (0..one.len()).filter(|method| one[*method] == other[*method]).collect();
            assert_eq!(same, [3], "{position}: only `forget` mentions no parameter");
        }
    }
    assert_eq!(prints::<StoreRemote<Point<u8>>>(), prints::<StoreRemote<elsewhere::Point<u8>>>());
}

/// Every kind of parameter, and bounds in both places.
/// A type that a constant is part of.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Tile<const WIDTH: usize>(Vec<u8>);

#[ws_service(name = "grid")]
pub trait Grid<Cell, Key: Payload + Display, const WIDTH: usize = 2, const FLAG: bool = false>
where
    Cell: Payload + Clone + Default + Sync,
    Vec<Cell>: Clone,
    Self: Sized,
{
    async fn row(&self, key: Key) -> Vec<Cell>;
    async fn width(&self) -> usize {
        if FLAG { WIDTH * 1000 } else { WIDTH }
    }
    async fn swap(&self, cells: [Cell; 3], key: Key) -> Result<[Cell; 3], Key>;
    async fn tile(&self, of: Tile<WIDTH>) -> usize {
        of.0.len()
    }
}

struct Blank;

impl<C, K, const W: usize, const F: bool> Grid<C, K, W, F> for Blank
where
    C: Payload + Clone + Default + Sync,
    K: Payload + Display,
{
    async fn row(&self, key: K) -> Vec<C> {
        vec![C::default(); W + key.to_string().len()]
    }
    async fn swap(&self, [a, b, c]: [C; 3], key: K) -> Result<[C; 3], K> {
        if key.to_string().is_empty() { Err(key) } else { Ok([c, b, a]) }
    }
}

#[tokio::test]
async fn bounds_conditions_and_constants() {
    type Grids = (Named<Small, GridRemote<u8, String>>, Named<Large, GridRemote<u8, String, 7, true>>);
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| {
                (
                    Named::<Small, _>::new(GridProvider::<_, u8, String>::new(Blank)),
                    Named::<Large, _>::new(GridProvider::<_, u8, String, 7, true>::new(Blank)),
                )
            },
            |_: Grids| (),
        )
        .await;
        let (small, large) = ends.client.remote();
        assert_eq!((small.width().await, large.width().await), (Ok(2), Ok(7000)));
        assert_eq!(small.row("abc".into()).await, Ok(vec![0; 5]));
        assert_eq!(large.row("abc".into()).await, Ok(vec![0; 10]));
        assert_eq!(small.swap([1, 2, 3], "k".into()).await, Ok([3, 2, 1]));
        assert_eq!(large.swap([1, 2, 3], String::new()).await, Err(CallError::App(String::new())));
        assert!(ends.client.mismatches().is_empty());
    }
}

#[tokio::test]
async fn r5_other_constants_are_another_signature() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| GridProvider::<_, u8, String, 2>::new(Blank),
            |_: GridRemote<u8, String, 3>| (),
        )
        .await;
        let grid = ends.client.remote();
        assert_eq!(grid.tile(Tile(Vec::new())).await, Err(CallError::SchemaMismatch));
        assert_eq!(grid.width().await, Ok(2), "its signature mentions no constant");
    }
}

struct Small;
impl ContractName for Small {
    const NAME: &'static str = "small";
}

struct Large;
impl ContractName for Large {
    const NAME: &'static str = "large";
}

#[tokio::test]
async fn one_generic_contract_with_two_arguments_under_two_names() {
    type Remotes = (Named<Small, StoreRemote<u8>>, Named<Large, StoreRemote<String>>);
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| {
                let (small, large) = (Memory::<u8>::default(), Memory::<String>::default());
                (
                    Named::<Small, _>::new(StoreProvider::new(small)),
                    Named::<Large, _>::new(StoreProvider::new(large)),
                )
            },
            |_: Remotes| (),
        )
        .await;
        let (small, large) = ends.client.remote();
        assert_eq!(small.put("a".into(), 1).await, Ok(None));
        assert_eq!(large.put("a".into(), "one".into()).await, Ok(None));
        assert_eq!((small.get("a".into()).await, large.get("a".into()).await), (Ok(1), Ok("one".into())));
    }
}

#[test]
fn two_arguments_under_one_name_collide() {
    type Both = (StoreRemote<u8>, StoreRemote<String>);
    let error = MethodTable::new(Both::methods()).expect_err("one name twice");
    assert_eq!(error, ContractError::Collision { first: "Store.put", second: "Store.put" });
}

/// A generic contract inside a generic one, and one inside a plain one.
#[ws_service]
pub trait Shelf<T: Payload + Clone> {
    #[ws(nested)]
    fn things(&self) -> &impl Store<T>;
    #[ws(nested)]
    fn pairs(&self) -> &impl Store<(T, T)>;
    #[ws(nested)]
    fn labels(&self) -> &impl Store<String>;
    async fn label(&self, thing: T) -> (T, String);
}

#[ws_service]
pub trait House {
    #[ws(nested)]
    fn books(&self) -> &impl Shelf<u32>;
    #[ws(nested(remote = ShelfRemote<Point<u8>>))]
    fn maps(&self) -> &impl Shelf<Point<u8>>;
}

struct Wooden<T> {
    things: Memory<T>,
    pairs: Memory<(T, T)>,
    labels: Memory<String>,
}

impl<T> Default for Wooden<T> {
    fn default() -> Self {
        Self { things: Memory::default(), pairs: Memory::default(), labels: Memory::default() }
    }
}

impl<T: Payload + Clone> Shelf<T> for Wooden<T> {
    fn things(&self) -> &impl Store<T> {
        &self.things
    }
    fn pairs(&self) -> &impl Store<(T, T)> {
        &self.pairs
    }
    fn labels(&self) -> &impl Store<String> {
        &self.labels
    }
    async fn label(&self, thing: T) -> (T, String) {
        (thing, "label".into())
    }
}

#[derive(Default)]
struct Home {
    books: Wooden<u32>,
    maps: Wooden<Point<u8>>,
}

impl House for Home {
    fn books(&self) -> &impl Shelf<u32> {
        &self.books
    }
    fn maps(&self) -> &impl Shelf<Point<u8>> {
        &self.maps
    }
}

#[tokio::test]
async fn generic_in_nested_in_generic_in_nested() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| HouseProvider::new(Home::default()),
            |_: HouseRemote| (),
        )
        .await;
        let house = ends.client.remote();
        let (here, there) = (Point { x: 1, y: 2 }, Point { x: 3, y: 4 });
        assert_eq!(house.books().things().put("a".into(), 7).await, Ok(None));
        assert_eq!(house.maps().things().put("a".into(), here.clone()).await, Ok(None));
        let pair = (here.clone(), there);
        assert_eq!(house.maps().pairs().put("a".into(), pair.clone()).await, Ok(None));
        assert_eq!(house.maps().labels().put("a".into(), "label".into()).await, Ok(None));
        assert_eq!(house.books().things().get("a".into()).await, Ok(7));
        assert_eq!(house.books().pairs().get("a".into()).await, Err(CallError::App("a".into())));
        assert_eq!(house.maps().pairs().get("a".into()).await, Ok(pair));
        assert_eq!(house.maps().label(here.clone()).await, Ok((here, "label".into())));
        assert!(ends.client.mismatches().is_empty());
    }
    let table = MethodTable::new(<HouseProvider<Home>>::methods()).expect("distinct");
    assert_eq!(table.specs().len(), 2 * (1 + 3 * 5));
    assert_eq!(table.specs()[1].name, "House.books.things.put");
}

#[tokio::test]
async fn r5_a_nested_contract_differs_by_its_own_arguments_alone() {
    for way in ways() {
        let ends = connect(
            way,
            &Limits::default(),
            |(): ()| ShelfProvider::new(Wooden::<u8>::default()),
            |_: ShelfRemote<u16>| (),
        )
        .await;
        let shelf = ends.client.remote();
        assert_eq!(shelf.label(1).await, Err(CallError::SchemaMismatch));
        assert_eq!(shelf.things().put("a".into(), 1).await, Err(CallError::SchemaMismatch));
        assert_eq!(shelf.pairs().put("a".into(), (1, 1)).await, Err(CallError::SchemaMismatch));
        assert_eq!(
            shelf.labels().put("a".into(), "b".into()).await,
            Ok(None),
            "it is a `Store<String>` on both sides"
        );
    }
}
