//! A type with some of everything, and how to make values of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rich {
    numbers: Numbers,
    letter: char,
    text: String,
    blob: Blob,
    maybe: Option<u32>,
    nothing: (),
    unit: Unit,
    pair: (u8, String),
    shapes: Vec<Shape>,
    table: BTreeMap<String, Vec<u16>>,
    index: HashMap<u8, Wrapper>,
    bytes: Vec<u8>,
    boxed: Option<Box<Shape>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    flag: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    i128: i128,
    u16: u16,
    u64: u64,
    u128: u128,
    f32: f32,
    f64: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Shape {
    Empty,
    One(String),
    Two(u8, Option<i64>),
    Named { x: f64, nested: Vec<Self> },
}

/// Bytes that serialize as bytes, as `serde_bytes` does it.
#[derive(Clone, Debug, PartialEq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }

        deserializer.deserialize_byte_buf(Bytes)
    }
}

pub(super) fn rich() -> impl Strategy<Value = Rich> {
    let collections = (
        vec(shape(), 0..4),
        btree_map(any::<String>(), vec(any::<u16>(), 0..4), 0..4),
        hash_map(any::<u8>(), any::<i64>().prop_map(Wrapper), 0..4),
        vec(any::<u8>(), 0..300),
        proptest::option::of(shape().prop_map(Box::new)),
    );
    let leaves = (
        numbers(),
        any::<char>(),
        any::<String>(),
        vec(any::<u8>(), 0..300).prop_map(Blob),
        any::<Option<u32>>(),
        any::<(u8, String)>(),
    );
    (leaves, collections).prop_map(
        |((numbers, letter, text, blob, maybe, pair), (shapes, table, index, bytes, boxed))| Rich {
            numbers,
            letter,
            text,
            blob,
            maybe,
            nothing: (),
            unit: Unit,
            pair,
            shapes,
            table,
            index,
            bytes,
            boxed,
        },
    )
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let signed = any::<(i8, i16, i32, i64, i128)>();
    let unsigned = any::<(bool, u16, u64, u128)>();
    (signed, unsigned, single(), double()).prop_map(
        |((i8, i16, i32, i64, i128), (flag, u16, u64, u128), f32, f64)| Numbers {
            flag,
            i8,
            i16,
            i32,
            i64,
            i128,
            u16,
            u64,
            u128,
            f32,
            f64,
        },
    )
}

/// All but NaN, which is not equal to itself.
fn single() -> impl Strategy<Value = f32> {
    use proptest::num::f32::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
}

fn double() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let flat = prop_oneof![
        Just(Shape::Empty),
        any::<String>().prop_map(Shape::One),
        any::<(u8, Option<i64>)>().prop_map(|(a, b)| Shape::Two(a, b)),
    ];
    flat.prop_recursive(4, 16, 3, |inner| {
        (double(), vec(inner, 0..3)).prop_map(|(x, nested)| Shape::Named { x, nested })
    })
}
