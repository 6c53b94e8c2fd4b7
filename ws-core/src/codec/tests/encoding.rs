//! Names, limits of encoding, and what a body is.

use std::collections::BTreeMap;

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use super::*;

#[test]
fn names_lead_back_to_their_encoding() {
    for &encoding in Encoding::available() {
        assert_eq!(Encoding::from_subprotocol(encoding.subprotocol()), Some(encoding));
    }
    for foreign in ["", "ws-service.v1", "ws-service.v2.bincode", "ws-service.v1.BINCODE", "chat"] {
        assert_eq!(Encoding::from_subprotocol(foreign), None);
    }
    #[cfg(feature = "bincode")]
    assert_eq!(Encoding::available().first(), Some(&Encoding::Bincode));
}

#[test]
fn a_value_may_have_exactly_the_limit() {
    let value = ("text".repeat(100), vec![7_u64; 100], BTreeMap::from([(1_u8, "one"), (2, "two")]));
    for &encoding in Encoding::available() {
        let exact = encoded(encoding, &value).len();
        assert_eq!(encoding.encode(&value, exact).expect("it fits").len(), exact);
        for limit in 0..exact {
            let error = encoding.encode(&value, limit).expect_err("it does not fit");
            assert_eq!(error, EncodeError::TooLarge { limit });
        }
    }
}

#[test]
fn a_buffer_never_grows_past_the_limit() {
    let value = vec![1_u8; 10_000];
    for &encoding in Encoding::available() {
        let exact = encoded(encoding, &value).len();
        let buffer = encoding.encode(&value, exact).expect("it fits").into_buffer();
        assert_eq!(buffer.capacity(), Body::HEADROOM + exact);
    }
}

/// Yields elements for as long as it is asked for them, and counts.
struct Endless<'a>(&'a std::cell::Cell<usize>);

impl Serialize for Endless<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut elements = serializer.serialize_seq(Some(usize::MAX))?;
        loop {
            self.0.set(self.0.get() + 1);
            elements.serialize_element(&200_u8)?;
        }
    }
}

#[test]
fn encoding_stops_where_the_limit_is() {
    for &encoding in Encoding::available() {
        let asked = std::cell::Cell::new(0);
        let error = encoding.encode(&Endless(&asked), 1000).expect_err("it is endless");
        assert_eq!(error, EncodeError::TooLarge { limit: 1000 });
        assert!(asked.get() <= 1000);
    }
}

#[test]
fn what_refuses_to_serialize_says_why() {
    struct Stubborn;

    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("not today"))
        }
    }

    for &encoding in Encoding::available() {
        let error = encoding.encode(&(1, Stubborn), UNLIMITED).expect_err("it refuses");
        assert_eq!(error, EncodeError::Unsupported("not today".to_owned()));
        assert_eq!(error.to_string(), "the value cannot be encoded: not today");
    }
}

/// Its error hides that the limit was the reason, and the rest would fit.
#[test]
fn a_swallowed_overflow_is_still_one() {
    struct Lenient;

    impl Serialize for Lenient {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(&"x".repeat(100)).map_err(|_| S::Error::custom("something went wrong"))
        }
    }

    for &encoding in Encoding::available() {
        let error = encoding.encode(&Lenient, 50).expect_err("it does not fit");
        assert_eq!(error, EncodeError::TooLarge { limit: 50 });
    }
}

#[cfg(feature = "bincode")]
#[test]
fn bincode_needs_lengths_beforehand() {
    struct Unknown;

    impl Serialize for Unknown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None)?.end()
        }
    }

    let error = Encoding::Bincode.encode(&Unknown, UNLIMITED).expect_err("no length");
    assert!(matches!(error, EncodeError::Unsupported(_)));
}

#[test]
fn a_body_leaves_its_headroom_free() {
    let body = Body::from_bytes(b"payload");
    assert_eq!((body.payload(), body.len(), body.is_empty()), (&b"payload"[..], 7, false));
    assert_eq!(format!("{body:?}"), "Body { len: 7 }");
    assert_eq!(body.clone().payload(), body.payload());

    let buffer = body.into_buffer();
    assert_eq!(buffer[..Body::HEADROOM], [0; Body::HEADROOM]);
    assert_eq!(&buffer[Body::HEADROOM..], b"payload");
}

#[test]
fn an_empty_body_has_headroom_too() {
    for body in [Body::empty(), Body::default(), Body::from_bytes(&[])] {
        assert!(body.is_empty());
        assert_eq!(body.into_buffer(), [0; Body::HEADROOM]);
    }
}
