//! serde's attributes: all of them in MessagePack, a clear refusal in bincode.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Point { x: i32, y: i32 },
    Many(Vec<Self>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Empty,
    Point { x: i32, tags: Vec<String> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "content")]
enum Adjacent {
    Empty,
    Pair(u8, String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    id: u32,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, u64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    name: String,
    shape: Internal,
}

#[cfg(feature = "bincode")]
#[test]
fn bincode_says_that_the_type_is_the_problem() {
    let bodies: [&[u8]; 3] = [&[], &[1], &[1, 2, 3, 4]];
    for body in bodies {
        let untagged = Encoding::Bincode.decode::<Untagged>(body, &LIMITS);
        assert!(matches!(untagged, Err(DecodeError::Unsupported(_))));
        let internal = Encoding::Bincode.decode::<Internal>(body, &LIMITS);
        assert!(matches!(internal, Err(DecodeError::Unsupported(_))));
    }
}

#[track_caller]
fn comes_back<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    let body = encoded(Encoding::Msgpack, &value);
    assert_eq!(Encoding::Msgpack.decode(&body, &LIMITS), Ok(value));
}

#[test]
fn enums_of_every_representation() {
    let point = Untagged::Point { x: 1, y: -2 };
    comes_back(Untagged::Many(vec![Untagged::Number(-7), Untagged::Text("seven".into()), point]));
    comes_back(vec![Internal::Empty, Internal::Point { x: 3, tags: vec!["a".into()] }]);
    comes_back(vec![Adjacent::Empty, Adjacent::Pair(1, "one".into())]);
}

#[test]
fn flattened_structs() {
    let inner = Inner { name: "inner".into(), shape: Internal::Point { x: 1, tags: vec![] } };
    comes_back(Flattened { id: 7, inner, rest: BTreeMap::from([("left".into(), 1), ("right".into(), 2)]) });
}

#[test]
fn a_flattened_struct_obeys_the_limit() {
    let inner = Inner { name: "x".repeat(100), shape: Internal::Empty };
    let value = Flattened { id: 7, inner, rest: BTreeMap::new() };
    let error = Encoding::Msgpack.encode(&value, 100).expect_err("it does not fit");
    assert_eq!(error, EncodeError::TooLarge { limit: 100 });
}

#[test]
fn fields_may_come_and_go() {
    #[derive(Serialize)]
    struct Newer {
        added: Vec<u8>,
        id: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        #[serde(rename = "now")]
        renamed: bool,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Older {
        id: u32,
        #[serde(default)]
        skipped: Option<u8>,
        #[serde(default = "seven")]
        dropped: u8,
        #[serde(alias = "now")]
        before: bool,
    }

    const fn seven() -> u8 {
        7
    }

    let newer = Newer { added: vec![1, 2], id: 3, skipped: None, renamed: true };
    let older = Encoding::Msgpack.decode(&encoded(Encoding::Msgpack, &newer), &LIMITS);
    assert_eq!(older, Ok(Older { id: 3, skipped: None, dropped: 7, before: true }));
}
