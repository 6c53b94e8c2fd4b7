//! Values ⇄ bodies in both encodings (P35 to P37).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ws_core::{DecodeLimits, Encoding};

use super::blocks::{Block, blocks, bytes, hex};
use super::contracts::{DivideError, Login};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Metres(f64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line(Point, Point),
    Rect { width: u32, height: u32 },
}

/// A byte string.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = Bytes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Read)
    }
}

const ENCODINGS: [(Encoding, &str); 2] = [(Encoding::Bincode, "bincode"), (Encoding::Msgpack, "msgpack")];

fn check<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(block: &Block, value: &T) {
    for (encoding, key) in ENCODINGS {
        let decoded: T = encoding
            .decode(&block.bytes(key), &DecodeLimits::default())
            .unwrap_or_else(|error| panic!("{} in {key}: {error}", block.name));
        assert_eq!(&decoded, value, "{} in {key}", block.name);
        if !block.is("decode only") {
            let body = encoding.encode(value, 1 << 16).expect("a value that can be encoded");
            assert_eq!(hex(body.payload()), hex(&block.bytes(key)), "{} in {key}", block.name);
        }
    }
}

fn check_refused<T: DeserializeOwned + fmt::Debug>(block: &Block) {
    for (encoding, key) in ENCODINGS {
        if let Some(body) = block.maybe(key).map(bytes) {
            let decoded = encoding.decode::<T>(&body, &DecodeLimits::default());
            assert!(decoded.is_err(), "{} in {key}: {decoded:?}", block.name);
        }
    }
}

/// For types whose value can be read off the vector.
fn check_parsed<T>(block: &Block)
where
    T: std::str::FromStr + Serialize + DeserializeOwned + PartialEq + fmt::Debug,
{
    match block.one("value") {
        "malformed" => check_refused::<T>(block),
        _ => check::<T>(block, &block.number("value")),
    }
}

/// A JSON string; the vectors have none that needs escapes.
fn text(block: &Block) -> String {
    let quoted = block.one("value");
    assert!(!quoted.contains('\\'), "{}: an escape", block.name);
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("a string").to_owned()
}

#[test]
fn values_and_their_bodies() {
    for block in blocks("bodies.txt") {
        match block.one("type") {
            "u8" => check_parsed::<u8>(&block),
            "i8" => check_parsed::<i8>(&block),
            "u16" => check_parsed::<u16>(&block),
            "i16" => check_parsed::<i16>(&block),
            "u32" => check_parsed::<u32>(&block),
            "i32" => check_parsed::<i32>(&block),
            "u64" => check_parsed::<u64>(&block),
            "i64" => check_parsed::<i64>(&block),
            "u128" => check_parsed::<u128>(&block),
            "i128" => check_parsed::<i128>(&block),
            "bool" => check_parsed::<bool>(&block),
            "f32" => check_parsed::<f32>(&block),
            "f64" => check_parsed::<f64>(&block),
            "char" | "String" | "()" if block.one("value") == "malformed" => match block.one("type") {
                "char" => check_refused::<char>(&block),
                "String" => check_refused::<String>(&block),
                _ => check_refused::<()>(&block),
            },
            "char" => check(&block, &text(&block).parse::<char>().expect("one character")),
            "String" => check(&block, &text(&block)),
            "()" => check(&block, &()),
            _ => check_named(&block),
        }
    }
}

fn check_named(block: &Block) {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    match block.name.as_str() {
        "one argument" => check(block, &(5_i64,)),
        "two arguments" => check(block, &(2_i64, 3_i64)),
        "an argument that is a tuple" => check(block, &((2_i64, 3_i64),)),
        "twelve arguments" => {
            check::<(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8)>(
                block,
                &(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
            );
        }
        "arguments of several types" => {
            check(block, &(true, "hi".to_owned(), None::<u32>, strings(&["a", ""]), Shape::Circle(1.5)));
        }
        "bytes, none" => check(block, &Bytes(vec![])),
        "bytes, three" => check(block, &Bytes(vec![0, 128, 255])),
        "vector of u8, none" => check(block, &Vec::<u8>::new()),
        "vector of u8, three" => check(block, &vec![0_u8, 128, 255]),
        "none" => check(block, &None::<i64>),
        "some" => check(block, &Some(-7_i64)),
        "vector empty" => check(block, &Vec::<i32>::new()),
        "vector of three" => check(block, &vec![1_i32, -1, 300]),
        "vector of sixteen" => check(block, &(0..16).collect::<Vec<i32>>()),
        "vector of strings" => check(block, &strings(&["a", "bc"])),
        "vector of vectors" => check(block, &vec![vec![], vec![1_u16], vec![2, 300]]),
        "array" => check(block, &[1_u8, 2, 3, 4]),
        "tuple" => check(block, &(7_u8, "x".to_owned(), false)),
        "map, empty" => check(block, &BTreeMap::<String, u32>::new()),
        "map" => check(block, &BTreeMap::from([("one".to_owned(), 1_u32), ("two".to_owned(), 2000)])),
        "struct" => check(block, &Point { x: 1, y: -2 }),
        "unit struct" => check(block, &Nothing),
        "newtype struct" => check(block, &Metres(1.5)),
        "tuple struct" => check(block, &Pair(9, "nine".to_owned())),
        "variant without content" => check(block, &Shape::Empty),
        "variant with one value" => check(block, &Shape::Circle(1.5)),
        "variant with several values" => {
            check(block, &Shape::Line(Point { x: 0, y: 0 }, Point { x: 3, y: 4 }));
        }
        "variant with fields" => check(block, &Shape::Rect { width: 3, height: 400 }),
        "vector of enums" => check(block, &vec![Shape::Empty, Shape::Circle(0.5)]),
        "result, good" => check(block, &Some(Ok::<u8, String>(1))),
        "result, bad" => check(block, &Some(Err::<u8, String>("no".to_owned()))),
        "declared error without content" => check(block, &DivideError::ByZero),
        "declared error with fields" => check(block, &DivideError::Inexact { remainder: 1 }),
        "header" => check(block, &Login { token: "secret".to_owned() }),
        name => panic!("`{name}` has no value here"),
    }
}
