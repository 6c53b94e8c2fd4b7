//! Elements are paid for by the bytes of the body, and some more.

use std::collections::HashMap;
#[cfg(feature = "bincode")]
use std::collections::{BTreeMap, LinkedList};

use serde::de::DeserializeOwned;

use super::*;

const SPARE: DecodeLimits = DecodeLimits { depth: 64, spare_elements: 10 };

fn outcome<T: DeserializeOwned>(encoding: Encoding, body: &[u8]) -> Result<T, DecodeError> {
    encoding.decode(body, &SPARE)
}

#[cfg(feature = "bincode")]
#[test]
fn the_limit_is_allowed_and_one_more_is_not() {
    // One byte of body and ten to spare.
    let refused = DecodeError::TooManyElements { limit: 11 };
    assert_eq!(outcome::<Vec<()>>(Encoding::Bincode, &[11]).map(|units| units.len()), Ok(11));
    assert_eq!(outcome::<Vec<()>>(Encoding::Bincode, &[12]), Err(refused.clone()));
    assert_eq!(outcome::<BTreeMap<(), ()>>(Encoding::Bincode, &[11]).map(|map| map.len()), Ok(1));
    assert_eq!(outcome::<BTreeMap<(), ()>>(Encoding::Bincode, &[12]), Err(refused));
}

#[cfg(feature = "bincode")]
#[test]
fn all_containers_together_have_one_budget() {
    // 3 bytes and 10 to spare: 2 + 6 + 5 elements are all of it.
    assert!(outcome::<Vec<Vec<()>>>(Encoding::Bincode, &[2, 6, 5]).is_ok());
    let error = outcome::<Vec<Vec<()>>>(Encoding::Bincode, &[2, 6, 6]).expect_err("one too many");
    assert_eq!(error, DecodeError::TooManyElements { limit: 13 });
    assert_eq!(error.to_string(), "more than 13 elements");
}

/// Every element takes a byte in MessagePack, so that only claims can exceed the budget.
#[cfg(feature = "msgpack")]
#[test]
fn a_claim_is_refused_before_it_is_followed() {
    let early = DecodeError::Malformed("the body ends early".to_owned());
    let refused = DecodeError::TooManyElements { limit: 13 };
    assert_eq!(outcome::<Vec<u8>>(Encoding::Msgpack, &[0xdc, 0, 13]), Err(early.clone()));
    assert_eq!(outcome::<Vec<u8>>(Encoding::Msgpack, &[0xdc, 0, 14]), Err(refused.clone()));
    assert_eq!(outcome::<HashMap<u8, u8>>(Encoding::Msgpack, &[0xde, 0, 13]), Err(early));
    assert_eq!(outcome::<HashMap<u8, u8>>(Encoding::Msgpack, &[0xde, 0, 14]), Err(refused));
}

#[test]
fn elements_that_take_no_bytes_may_be_as_many_as_there_are_to_spare() {
    let units = vec![(); 65_536];
    for &encoding in Encoding::available() {
        let body = encoded(encoding, &units);
        assert_eq!(encoding.decode(&body, &LIMITS), Ok(units.clone()));
    }
}

/// One byte can be the content of many nested structs; only what the body multiplies is counted.
#[test]
fn fields_are_not_elements() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Wrapped<T> {
        field: T,
    }

    type Item = Wrapped<Wrapped<(Wrapped<bool>, ())>>;
    let item = || Wrapped { field: Wrapped { field: (Wrapped { field: true }, ()) } };
    let items: Vec<Item> = (0..10_000).map(|_| item()).collect();
    let limits = DecodeLimits { spare_elements: 0, ..LIMITS };
    for &encoding in Encoding::available() {
        let body = encoded(encoding, &items);
        assert_eq!(encoding.decode::<Vec<Item>>(&body, &limits).map(|items| items.len()), Ok(10_000));
    }
}

/// The fields of the type are free, what the body claims beyond them is not.
#[cfg(feature = "msgpack")]
#[test]
fn unknown_fields_are_elements() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Empty {}

    let early = DecodeError::Malformed("the body ends early".to_owned());
    let refused = DecodeError::TooManyElements { limit: 13 };
    assert_eq!(outcome::<Empty>(Encoding::Msgpack, &[0xde, 0, 13]), Err(early.clone()));
    assert_eq!(outcome::<Empty>(Encoding::Msgpack, &[0xde, 0, 14]), Err(refused.clone()));
    assert_eq!(outcome::<(u8, u8, u8)>(Encoding::Msgpack, &[0xdc, 0, 16]), Err(early));
    assert_eq!(outcome::<(u8, u8, u8)>(Encoding::Msgpack, &[0xdc, 0, 17]), Err(refused));
}

/// A marker that takes nothing of the body, as only a `Deserialize` written by hand can: an extension, of which nobody
/// knows how many elements it has, would yield them for ever.
#[cfg(feature = "msgpack")]
#[test]
fn elements_that_are_never_consumed_come_to_an_end() {
    struct Marker;

    impl<'de> serde::Deserialize<'de> for Marker {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }

    struct Markers;

    impl<'de> serde::Deserialize<'de> for Markers {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_newtype_struct("Markers", Self)
        }
    }

    impl<'de> serde::de::Visitor<'de> for Markers {
        type Value = Self;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("markers")
        }

        fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, content: D) -> Result<Self, D::Error> {
            content.deserialize_any(self)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
            while elements.next_element::<Marker>()?.is_some() {}
            Ok(self)
        }
    }

    let error = outcome::<Markers>(Encoding::Msgpack, &[0xd4, 1, 2]).err();
    assert_eq!(error, Some(DecodeError::TooManyElements { limit: 13 }));
}

/// Each of them costs three elements, itself and its two parts, and has three bytes.
#[cfg(feature = "msgpack")]
#[test]
fn extensions_are_honest() {
    let limits = DecodeLimits { spare_elements: 0, ..LIMITS };
    let extensions = [[0xdc, 0x03, 0xe8].to_vec(), [0xd4, 1, 2].repeat(1000)].concat();
    assert!(Encoding::Msgpack.decode::<serde::de::IgnoredAny>(&extensions, &limits).is_ok());
}

#[cfg(feature = "bincode")]
#[test]
fn a_claim_of_a_quintillion_ends_promptly() {
    // 2^60 as bincode writes a 64-bit integer.
    let body = [&[253][..], &(1_u64 << 60).to_le_bytes()].concat();
    let limit = body.len() + LIMITS.spare_elements;
    let refused = DecodeError::TooManyElements { limit };
    assert_eq!(Encoding::Bincode.decode::<Vec<()>>(&body, &LIMITS), Err(refused.clone()));
    assert_eq!(Encoding::Bincode.decode::<LinkedList<()>>(&body, &LIMITS), Err(refused.clone()));
    assert_eq!(Encoding::Bincode.decode::<Vec<String>>(&body, &LIMITS), Err(refused.clone()));
    assert_eq!(Encoding::Bincode.decode::<HashMap<u8, u64>>(&body, &LIMITS), Err(refused));
}

#[cfg(feature = "msgpack")]
#[test]
fn a_claim_of_four_billion_ends_promptly() {
    let refused = DecodeError::TooManyElements { limit: 5 + LIMITS.spare_elements };
    let sequence = b"\xdd\xff\xff\xff\xff";
    assert_eq!(Encoding::Msgpack.decode::<Vec<()>>(sequence, &LIMITS), Err(refused.clone()));
    let map = b"\xdf\xff\xff\xff\xff";
    assert_eq!(Encoding::Msgpack.decode::<HashMap<String, u8>>(map, &LIMITS), Err(refused));
}
