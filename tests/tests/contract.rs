//! What `#[ws_service]` generates, run: every shape of a method reaches its implementation and comes back.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use ws_core::service::CallContext;
use ws_core::{CallError, Limits, ws_service};
use ws_tests::fixture::{connect, until, ways};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Oops {
    Because(String),
}

/// Conditions, names and arguments that would confuse a careless macro.
#[ws_service(name = "shapes/v1", version = 3)]
trait Shapes {
    #[cfg(any())]
    async fn absent(&self) -> DoesNotExist;

    async fn nothing(&self);

    #[ws(name = "renamed")]
    async fn one(&self, value: String) -> String;

    #[cfg(not(any()))]
    async fn two(&self, responder: u8, service: Vec<u8>) -> (Vec<u8>, u8);

    async fn fallible(&self, fail: bool) -> Result<u8, Oops>;

    #[ws(event)]
    #[cfg(any())]
    async fn absent_event(&self);

    async fn context(&self, ctx: &CallContext, value: u8) -> (String, u8);

    #[ws(spawn)]
    async fn spawned(&self, r#type: i64) -> i64;

    async fn inherited(&self, value: u8) -> Option<u8> {
        self.one(value.to_string()).await.parse().ok()
    }

    #[ws(event)]
    async fn note(&self, handle: String);

    #[allow(clippy::too_many_arguments)]
    #[rustfmt::skip]
    async fn wide(&self, a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: bool, j: char, k: String, l: ()) -> String;

    async fn notes(&self) -> Vec<String>;
}

#[derive(Default)]
struct All {
    notes: Mutex<Vec<String>>,
}

impl Shapes for All {
    async fn nothing(&self) {}

    async fn one(&self, value: String) -> String {
        value
    }

    async fn two(&self, responder: u8, service: Vec<u8>) -> (Vec<u8>, u8) {
        (service, responder)
    }

    async fn fallible(&self, fail: bool) -> Result<u8, Oops> {
        if fail { Err(Oops::Because("asked".to_owned())) } else { Ok(7) }
    }

    async fn context(&self, ctx: &CallContext, value: u8) -> (String, u8) {
        (ctx.method().to_owned(), value)
    }

    async fn spawned(&self, r#type: i64) -> i64 {
        -r#type
    }

    async fn note(&self, handle: String) {
        self.notes.lock().expect("not poisoned").push(handle);
    }

    #[rustfmt::skip]
    async fn wide(&self, a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64, i: bool, j: char, k: String, l: ()) -> String {
        format!("{:?}", (a, b, c, d, e, f, g, h, i, j, k, l))
    }

    async fn notes(&self) -> Vec<String> {
        self.notes.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn every_shape_of_a_method_there_and_back() {
    for way in ways() {
        let ends =
            connect(way, &Limits::default(), |()| ShapesProvider::new(All::default()), |_: ShapesRemote| ())
                .await;
        let remote = ends.client.remote();

        assert_eq!(remote.nothing().await, Ok(()));
        assert_eq!(remote.one("text".to_owned()).await.as_deref(), Ok("text"));
        assert_eq!(remote.two(1, vec![2, 3]).await, Ok((vec![2, 3], 1)));
        assert_eq!(remote.fallible(false).await, Ok(7));
        assert_eq!(remote.fallible(true).await, Err(CallError::App(Oops::Because("asked".to_owned()))));
        assert_eq!(remote.context(9).await, Ok(("shapes/v1.context".to_owned(), 9)));
        assert_eq!(remote.spawned(5).await, Ok(-5));
        assert_eq!(remote.inherited(8).await, Ok(Some(8)));
        let wide = remote.wide(1, 2, 3, 4, -5, -6, -7, -8, true, 'x', "k".to_owned(), ()).await;
        assert_eq!(wide.as_deref(), Ok("(1, 2, 3, 4, -5, -6, -7, -8, true, 'x', \"k\", ())"));

        remote.note("first".to_owned()).await.expect("sent");
        remote.note("second".to_owned()).await.expect("sent");
        // Events and calls do not wait for each other.
        until(|| async { remote.notes().await.is_ok_and(|notes| notes.len() == 2) }).await;
        assert_eq!(remote.notes().await, Ok(vec!["first".to_owned(), "second".to_owned()]));
    }
}
