//! Nothing is allocated for a claim: what a type may preallocate by, and what it is given.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::*;

thread_local! {
    static HINT: Cell<Option<usize>> = const { Cell::new(None) };
    static HINTS: RefCell<Vec<Option<usize>>> = const { RefCell::new(Vec::new()) };
}

/// Remembers the size that it could preallocate by, and reads nothing.
#[derive(Debug)]
struct Sequence;
#[derive(Debug)]
struct Map;
#[derive(Debug)]
struct Triple;

struct Recorder<T>(T);

impl<'de, T> Visitor<'de> for Recorder<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a container")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<T, A::Error> {
        HINT.set(elements.size_hint());
        Ok(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        HINT.set(entries.size_hint());
        Ok(self.0)
    }
}

impl<'de> Deserialize<'de> for Sequence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Recorder(Self))
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Recorder(Self))
    }
}

impl<'de> Deserialize<'de> for Triple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(3, Recorder(Self))
    }
}

fn hint<T: DeserializeOwned>(encoding: Encoding, body: &[u8]) -> Option<usize> {
    HINT.set(None);
    // rmp-serde makes an error of what is left unread; the hint was given before.
    drop(encoding.decode::<T>(body, &LIMITS));
    HINT.get()
}

#[cfg(feature = "bincode")]
#[test]
fn hints_in_bincode() {
    // 60,000 elements: fewer than there are to spare, more than the three bytes can be.
    let body = [&[251][..], &60_000_u16.to_le_bytes()].concat();
    assert_eq!(hint::<Sequence>(Encoding::Bincode, &body), Some(3));
    assert_eq!(hint::<Map>(Encoding::Bincode, &body), Some(3));
    assert_eq!(hint::<Sequence>(Encoding::Bincode, &[2, 0, 0]), Some(2));
    assert_eq!(hint::<Triple>(Encoding::Bincode, &[]), Some(3));
}

#[cfg(feature = "msgpack")]
#[test]
fn hints_in_msgpack() {
    assert_eq!(hint::<Sequence>(Encoding::Msgpack, &[0xdc, 0xea, 0x60]), Some(3));
    assert_eq!(hint::<Map>(Encoding::Msgpack, &[0xde, 0xea, 0x60]), Some(3));
    assert_eq!(hint::<Sequence>(Encoding::Msgpack, &[0x92, 0, 0]), Some(2));
    // The body claims how long a tuple is; the type knows better.
    assert_eq!(hint::<Triple>(Encoding::Msgpack, &[0xdc, 0xea, 0x60]), Some(3));
    assert_eq!(hint::<Triple>(Encoding::Msgpack, &[0xde, 0xea, 0x60]), Some(3));
    assert_eq!(hint::<Triple>(Encoding::Msgpack, b"\xdd\xff\xff\xff\xff"), None);
}

/// Nested claims share what may be reserved: 3 of the 5 bytes here, what is left of them, nothing.
#[test]
fn reservations_add_up_to_the_body() {
    /// A sequence of sequences, each opened and left before it has an element.
    struct Nested;

    impl<'de> Deserialize<'de> for Nested {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(Self)
        }
    }

    impl<'de> Visitor<'de> for Nested {
        type Value = Self;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
            HINTS.with_borrow_mut(|hints| hints.push(elements.size_hint()));
            while elements.next_element::<Self>()?.is_some() {}
            Ok(self)
        }
    }

    for &encoding in Encoding::available() {
        let body = match encoding {
            #[cfg(feature = "bincode")]
            Encoding::Bincode => [3, 3, 3, 0, 0],
            #[cfg(feature = "msgpack")]
            Encoding::Msgpack => [0x93, 0x93, 0x93, 0x90, 0x90],
        };
        HINTS.take();
        assert!(encoding.decode::<Nested>(&body, &LIMITS).is_err());
        assert_eq!(HINTS.take(), [3, 2, 0, 0, 0].map(Some));
    }
}

/// A kibibyte in memory, at least 128 bytes on the wire.
#[derive(Debug, Serialize, Deserialize)]
struct Kibibyte([[u64; 16]; 8]);

#[cfg(feature = "bincode")]
#[test]
fn claims_of_large_elements_in_bincode() {
    for claim in [u64::from(u16::MAX), 1 << 20, 1 << 40, u64::MAX] {
        let body = [&[253][..], &claim.to_le_bytes()].concat();
        assert!(Encoding::Bincode.decode::<Vec<Kibibyte>>(&body, &LIMITS).is_err());
        assert!(Encoding::Bincode.decode::<Vec<Vec<Kibibyte>>>(&body.repeat(60), &LIMITS).is_err());
    }
}

#[cfg(feature = "msgpack")]
#[test]
fn claims_of_large_elements_in_msgpack() {
    for claim in [u32::from(u16::MAX), 1 << 20, u32::MAX] {
        let body = [&[0xdd][..], &claim.to_be_bytes()].concat();
        assert!(Encoding::Msgpack.decode::<Vec<Kibibyte>>(&body, &LIMITS).is_err());
        assert!(Encoding::Msgpack.decode::<Vec<Vec<Kibibyte>>>(&body.repeat(60), &LIMITS).is_err());
    }
}

/// Asks for an owned string or byte string and takes only what points into the body.
#[derive(Debug, PartialEq)]
struct Pointer {
    len: usize,
}

impl Pointer {
    fn read<'de, D: Deserializer<'de>>(
        ask: fn(D, Borrowed) -> Result<Self, D::Error>,
        de: D,
    ) -> Result<Self, D::Error> {
        ask(de, Borrowed)
    }
}

struct Borrowed;

impl<'de> Visitor<'de> for Borrowed {
    type Value = Pointer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("something borrowed")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Pointer, E> {
        Ok(Pointer { len: text.len() })
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Pointer, E> {
        Ok(Pointer { len: bytes.len() })
    }
}

#[derive(Debug, PartialEq)]
struct Text(Pointer);
#[derive(Debug, PartialEq)]
struct Bytes(Pointer);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pointer::read(D::deserialize_string, deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pointer::read(D::deserialize_byte_buf, deserializer).map(Self)
    }
}

#[test]
fn owned_strings_are_borrowed_from_the_body_first() {
    for &encoding in Encoding::available() {
        let body = encoded(encoding, "hello");
        assert_eq!(encoding.decode(&body, &LIMITS), Ok(Text(Pointer { len: 5 })));
    }
    #[cfg(feature = "bincode")]
    assert_eq!(Encoding::Bincode.decode(b"\x03abc", &LIMITS), Ok(Bytes(Pointer { len: 3 })));
    #[cfg(feature = "msgpack")]
    assert_eq!(Encoding::Msgpack.decode(b"\xc4\x03abc", &LIMITS), Ok(Bytes(Pointer { len: 3 })));
}

/// The first claim is within bincode's own limit, so that it alone would allocate for it.
#[cfg(feature = "bincode")]
#[test]
fn a_string_that_is_not_there() {
    for (claim, reason) in [(1_u64 << 29, "the body ends early"), (1 << 40, "a length beyond any body")] {
        let body = [&[253][..], &claim.to_le_bytes(), b"text"].concat();
        let refused = DecodeError::Malformed(reason.to_owned());
        assert_eq!(Encoding::Bincode.decode::<String>(&body, &LIMITS), Err(refused.clone()));
        assert_eq!(Encoding::Bincode.decode::<Text>(&body, &LIMITS), Err(refused.clone()));
        assert_eq!(Encoding::Bincode.decode::<Bytes>(&body, &LIMITS), Err(refused));
    }
}

#[cfg(feature = "msgpack")]
#[test]
fn a_string_that_is_not_there_in_msgpack() {
    let refused = DecodeError::Malformed("the body ends early".to_owned());
    for marker in [0xdb, 0xc6] {
        let body = [&[marker][..], &u32::MAX.to_be_bytes(), b"text"].concat();
        assert_eq!(Encoding::Msgpack.decode::<String>(&body, &LIMITS), Err(refused.clone()));
        assert_eq!(Encoding::Msgpack.decode::<Bytes>(&body, &LIMITS), Err(refused.clone()));
    }
}
