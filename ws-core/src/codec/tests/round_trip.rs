//! What is encoded comes back, and its bytes are the plain codec's.

use proptest::prelude::*;

use super::rich::{Rich, rich};
use super::*;

proptest! {
    #[test]
    fn every_value_comes_back(value in rich()) {
        for &encoding in Encoding::available() {
            let body = encoded(encoding, &value);
            let decoded: Rich = encoding.decode(&body, &LIMITS)?;
            prop_assert_eq!(&decoded, &value);
        }
    }

    #[test]
    fn an_honest_body_needs_nothing_to_spare(value in rich()) {
        let limits = DecodeLimits { spare_elements: 0, ..LIMITS };
        for &encoding in Encoding::available() {
            let body = encoded(encoding, &value);
            prop_assert!(encoding.decode::<Rich>(&body, &limits).is_ok());
        }
    }

    #[cfg(feature = "bincode")]
    #[test]
    fn bincode_is_the_crates_standard_configuration(value in rich()) {
        let plain = ::bincode::serde::encode_to_vec(&value, ::bincode::config::standard())?;
        prop_assert_eq!(encoded(Encoding::Bincode, &value), plain);
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn msgpack_is_the_crates_named_form(value in rich()) {
        prop_assert_eq!(encoded(Encoding::Msgpack, &value), ::rmp_serde::to_vec_named(&value)?);
    }

    #[test]
    fn a_body_cut_short_is_an_error_and_never_one_about_trailing_bytes(value in rich()) {
        for &encoding in Encoding::available() {
            let body = encoded(encoding, &value);
            for end in 0..body.len() {
                let error = encoding.decode::<Rich>(&body[..end], &LIMITS).expect_err("it is cut short");
                prop_assert!(!matches!(error, DecodeError::TrailingBytes { .. }), "{} at {}", error, end);
            }
        }
    }

    #[test]
    fn bytes_after_the_value_are_refused_and_counted(value in rich(), tail in proptest::collection::vec(any::<u8>(), 1..40)) {
        for &encoding in Encoding::available() {
            let mut body = encoded(encoding, &value);
            body.extend_from_slice(&tail);
            let error = encoding.decode::<Rich>(&body, &LIMITS).expect_err("something follows");
            prop_assert_eq!(error, DecodeError::TrailingBytes { count: tail.len() });
        }
    }
}

/// In which bincode's accounting claims sixteen bytes for each one.
#[cfg(feature = "bincode")]
#[test]
fn small_u128s_do_not_run_into_bincodes_limit() {
    let value = vec![1_u128; 1 << 20];
    let body = encoded(Encoding::Bincode, &value);
    assert!(body.len() < (1 << 20) + 10);
    assert_eq!(Encoding::Bincode.decode::<Vec<u128>>(&body, &LIMITS), Ok(value));
}

#[test]
fn a_value_of_no_bytes_or_nothing() {
    for &encoding in Encoding::available() {
        let body = encoded(encoding, &());
        assert_eq!(encoding.decode::<()>(&body, &LIMITS), Ok(()));
        assert!(encoding.decode::<u8>(&[], &LIMITS).is_err());
    }
}
