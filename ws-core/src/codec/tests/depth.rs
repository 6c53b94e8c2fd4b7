//! Nesting ends at the limit, whatever the nesting is made of, long before the stack does.

use serde::{Deserialize, Serialize};

use super::*;

const HOSTILE: usize = 100_000;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Box<Self>),
    Pair(u8, Box<Self>),
    Named { below: Box<Self> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List {
    next: Vec<Self>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Self>>);

/// No value of it exists; in bincode every body, even the empty one, begins one.
#[derive(Debug, Deserialize)]
struct Bottomless(#[expect(dead_code, reason = "no value exists")] Box<Self>);

fn node(below: Tree) -> Tree {
    Tree::Node(Box::new(below))
}

fn pair(below: Tree) -> Tree {
    Tree::Pair(1, Box::new(below))
}

fn named(below: Tree) -> Tree {
    Tree::Named { below: Box::new(below) }
}

fn nested(levels: usize, wrap: fn(Tree) -> Tree) -> Tree {
    (0..levels).fold(Tree::Leaf, |tree, _| wrap(tree))
}

fn too_deep<T: serde::de::DeserializeOwned + std::fmt::Debug>(encoding: Encoding, body: &[u8]) {
    let error = encoding.decode::<T>(body, &LIMITS).expect_err("it is too deep");
    assert_eq!(error, DecodeError::TooDeep { limit: 64 }, "{encoding:?}");
}

#[test]
fn the_limit_is_allowed_and_one_more_is_not() {
    for &encoding in Encoding::available() {
        for wrap in [node, pair, named] {
            let body = encoded(encoding, &nested(64, wrap));
            assert_eq!(encoding.decode(&body, &LIMITS), Ok(nested(64, wrap)));
            too_deep::<Tree>(encoding, &encoded(encoding, &nested(65, wrap)));
        }
        // A struct and a sequence each turn; the last of the structs has an empty sequence.
        let list = |turns| (1..turns).fold(List { next: vec![] }, |list, _| List { next: vec![list] });
        assert_eq!(encoding.decode(&encoded(encoding, &list(32)), &LIMITS), Ok(list(32)));
        too_deep::<List>(encoding, &encoded(encoding, &list(33)));
    }
}

/// MessagePack has one byte for no option, however deep: these would come back as the first.
#[cfg(feature = "bincode")]
#[test]
fn options_and_newtypes_are_levels() {
    // One of each a turn; the last newtype holds no option that nests.
    let chain = |turns| (1..turns).fold(Chain(None), |chain, _| Chain(Some(Box::new(chain))));
    let body = encoded(Encoding::Bincode, &chain(32));
    assert_eq!(Encoding::Bincode.decode(&body, &LIMITS), Ok(chain(32)));
    too_deep::<Chain>(Encoding::Bincode, &encoded(Encoding::Bincode, &chain(33)));
}

#[test]
fn a_value_without_levels_needs_none() {
    let limits = DecodeLimits { depth: 0, ..LIMITS };
    for &encoding in Encoding::available() {
        assert_eq!(encoding.decode(&encoded(encoding, &7_u8), &limits), Ok(7_u8));
        assert_eq!(encoding.decode(&encoded(encoding, &Tree::Leaf), &limits), Ok(Tree::Leaf));
        let error = encoding.decode::<(u8,)>(&encoded(encoding, &(7_u8,)), &limits);
        assert_eq!(error, Err(DecodeError::TooDeep { limit: 0 }));
    }
}

#[cfg(feature = "bincode")]
#[test]
fn hostile_nesting_in_bincode() {
    for variant in [&[1][..], &[2, 0], &[3]] {
        too_deep::<Tree>(Encoding::Bincode, &variant.repeat(HOSTILE));
    }
    too_deep::<List>(Encoding::Bincode, &[1].repeat(HOSTILE));
    too_deep::<Chain>(Encoding::Bincode, &[1].repeat(HOSTILE));
    too_deep::<Bottomless>(Encoding::Bincode, &[]);
}

#[cfg(feature = "msgpack")]
#[test]
fn hostile_nesting_in_msgpack() {
    for variant in [&b"\x81\xa4Node"[..], b"\x81\xa4Pair\x92\x01", b"\x81\xa5Named\x81\xa5below"] {
        too_deep::<Tree>(Encoding::Msgpack, &variant.repeat(HOSTILE));
    }
    too_deep::<List>(Encoding::Msgpack, &b"\x81\xa4next\x91".repeat(HOSTILE));
    // One byte that is not nil is some option, again and again, and is never consumed.
    too_deep::<Chain>(Encoding::Msgpack, &[1]);
    too_deep::<Bottomless>(Encoding::Msgpack, &[1]);
}

/// What nobody asked for is skipped, recursively.
#[cfg(feature = "msgpack")]
#[test]
fn hostile_nesting_in_an_unknown_field() {
    #[derive(Debug, Deserialize)]
    struct Known {}

    let arrays = [b"\x81\xa1z".to_vec(), [0x91].repeat(HOSTILE)].concat();
    let keys = [b"\x81\xa1z".to_vec(), [0x81].repeat(HOSTILE)].concat();
    let extensions = [b"\x81\xa1z".to_vec(), [0xc7].repeat(HOSTILE)].concat();
    too_deep::<Known>(Encoding::Msgpack, &arrays);
    too_deep::<Known>(Encoding::Msgpack, &keys);
    too_deep::<serde::de::IgnoredAny>(Encoding::Msgpack, &keys[3..]);
    assert!(Encoding::Msgpack.decode::<Known>(&extensions, &LIMITS).is_err());
}

#[cfg(feature = "msgpack")]
#[test]
fn hostile_nesting_where_a_value_is_buffered() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only decoded")]
    enum Json {
        Number(f64),
        List(Vec<Self>),
    }

    too_deep::<Json>(Encoding::Msgpack, &[0x91].repeat(HOSTILE));
    let deepest = [[0x91].repeat(64), vec![0x01]].concat();
    assert!(Encoding::Msgpack.decode::<Json>(&deepest, &LIMITS).is_ok());
}

/// The allowed depth fits into half of the stack that a thread has, in builds that are not optimized too.
#[test]
fn the_allowed_depth_is_no_risk_for_the_stack() {
    for &encoding in Encoding::available() {
        for wrap in [node, pair, named] {
            let body = encoded(encoding, &nested(64, wrap));
            let decode = move || encoding.decode::<Tree>(&body, &LIMITS).is_ok();
            let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(decode);
            assert!(thread.expect("a thread").join().expect("it does not panic"));
        }
    }
}

/// A type that makes the best of errors must not turn a refusal into success, nor go on for ever.
#[cfg(feature = "bincode")]
#[test]
fn a_swallowed_refusal_is_still_one() {
    struct Lenient;

    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Fork::deserialize(deserializer).map_or(Self, |_| Self))
        }
    }

    /// Two of them take no byte, so that 2^64 of them would be visited.
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Fork(Box<Lenient>, Box<Lenient>);

    let outcome = Encoding::Bincode.decode::<Lenient>(&[], &LIMITS);
    assert_eq!(outcome.err(), Some(DecodeError::TooDeep { limit: 64 }));
}
