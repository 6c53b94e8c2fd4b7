//! Whatever the bytes are: no panic, no hang, a short error.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::rich::{Rich, Shape, rich, shape};
use super::*;

/// Decodes into a type and checks the promises that hold for any bytes.
fn survive<T: DeserializeOwned>(encoding: Encoding, body: &[u8]) {
    let started = Instant::now();
    if let Err(error) = encoding.decode::<T>(body, &LIMITS) {
        assert!(error.to_string().len() <= 250, "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?} {}", encoding, std::any::type_name::<T>());
}

fn survive_all(body: &[u8]) {
    for &encoding in Encoding::available() {
        survive::<Rich>(encoding, body);
        survive::<Shape>(encoding, body);
        survive::<Vec<Shape>>(encoding, body);
        survive::<Vec<()>>(encoding, body);
        survive::<Vec<Vec<Vec<()>>>>(encoding, body);
        survive::<HashMap<String, Vec<Option<u128>>>>(encoding, body);
        survive::<BTreeMap<Vec<u8>, HashSet<(i128, char)>>>(encoding, body);
        survive::<(String, Box<[f64]>, Option<Result<bool, String>>)>(encoding, body);
        survive::<(Duration, IpAddr, std::ffi::CString, std::path::PathBuf)>(encoding, body);
        survive::<IgnoredAny>(encoding, body);
    }
}

/// A few changes of a valid body: they get further than random bytes do.
fn damaged<T: Debug + serde::Serialize>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (value, changes).prop_map(|(value, changes)| {
        let damage = |&encoding: &Encoding| {
            let mut body = encoded(encoding, &value);
            for (place, byte) in &changes {
                let place = place.index(body.len());
                body[place] = *byte;
            }
            body
        };
        Encoding::available().iter().map(damage).collect()
    })
}

proptest! {
    #[test]
    fn random_bytes(body in vec(any::<u8>(), 0..400)) {
        survive_all(&body);
    }

    #[test]
    fn random_small_bytes(body in vec(0_u8..4, 0..400)) {
        survive_all(&body);
    }

    #[test]
    fn damaged_values(bodies in damaged(rich())) {
        bodies.iter().for_each(|body| survive_all(body));
    }

    #[test]
    fn damaged_shapes(bodies in damaged(shape())) {
        bodies.iter().for_each(|body| survive_all(body));
    }
}

#[cfg(feature = "msgpack")]
#[test]
fn a_long_string_is_not_quoted_whole() {
    for character in ["x", "ü", "🦀"] {
        let body = encoded(Encoding::Msgpack, &character.repeat(100_000));
        let error = Encoding::Msgpack.decode::<Shape>(&body, &LIMITS).expect_err("no such variant");
        let text = error.to_string();
        assert!(text.starts_with("unknown variant") && text.len() <= 250, "{text}");
        survive::<u64>(Encoding::Msgpack, &body);
    }
}

#[cfg(feature = "bincode")]
#[test]
fn errors_do_not_quote_bytes() {
    let texts = [
        Encoding::Bincode.decode::<char>(&[0xff], &LIMITS).expect_err("no char").to_string(),
        Encoding::Bincode.decode::<bool>(&[77], &LIMITS).expect_err("no bool").to_string(),
        Encoding::Bincode.decode::<Option<u8>>(&[77], &LIMITS).expect_err("no option").to_string(),
        Encoding::Bincode.decode::<String>(&[1, 0xff], &LIMITS).expect_err("no string").to_string(),
        Encoding::Bincode.decode::<u16>(&[253], &LIMITS).expect_err("no u16").to_string(),
    ];
    for text in texts {
        assert!(!text.contains(|character: char| character.is_ascii_digit() && character != '8'), "{text}");
    }
}
