//! Large byte strings are shared with what carries them, and nobody can tell by the bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::*;
use crate::codec::{SHARED, Sharing, shared_bytes};

fn large(byte: u8) -> Bytes {
    vec![byte; SHARED].into()
}

fn same(a: &Bytes, b: &Bytes) -> bool {
    std::ptr::eq(a.as_ptr(), b.as_ptr()) && a.len() == b.len()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    name: String,
    data: Bytes,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Picture {
    name: String,
    #[serde(with = "shared_bytes")]
    data: Bytes,
}

#[test]
fn the_last_of_a_body_is_its_tail() {
    for &encoding in Encoding::available() {
        let (name, data) = ("a name".to_owned(), large(7));
        let plain = encoded(encoding, &(&name, &data));
        let body = encoding.encode(&(Sharing(&name), Sharing(&data)), UNLIMITED).expect("it can be encoded");
        assert_eq!(body.len(), plain.len());
        assert_eq!(body.payload(), plain);
        assert_eq!(body.clone().into_buffer()[Body::HEADROOM..], plain);
        let (buffer, tail) = body.into_parts();
        let tail = tail.expect("a tail");
        assert!(same(&tail, &data));
        assert_eq!([&buffer[Body::HEADROOM..], &tail].concat(), plain);

        let picture = Picture { name: name.clone(), data: data.clone() };
        let body = encoding.encode(&picture, UNLIMITED).expect("it can be encoded");
        assert_eq!(body.payload(), encoded(encoding, &Plain { name, data }));
        assert!(same(&body.into_parts().1.expect("a tail"), &picture.data));
    }
}

#[test]
fn what_others_follow_is_copied() {
    for &encoding in Encoding::available() {
        let (first, second, number) = (large(1), large(2), 3_u8);
        let plain = encoded(encoding, &(&first, &second));
        let body =
            encoding.encode(&(Sharing(&first), Sharing(&second)), UNLIMITED).expect("it can be encoded");
        assert_eq!(body.payload(), plain);
        assert!(same(&body.into_parts().1.expect("a tail"), &second));
        let plain = encoded(encoding, &(&first, number));
        let body = encoding.encode(&(Sharing(&first), number), UNLIMITED).expect("it can be encoded");
        assert_eq!(body.payload(), plain);
        assert_eq!(body.into_parts().1, None);
    }
}

#[test]
fn a_small_one_and_one_that_nobody_offered_are_copied() {
    for &encoding in Encoding::available() {
        let small = Bytes::from(vec![7; SHARED - 1]);
        let body = encoding.encode(&Sharing(&small), UNLIMITED).expect("it can be encoded");
        assert_eq!(body.into_parts().1, None);
        let body = encoding.encode(&large(7), UNLIMITED).expect("it can be encoded");
        assert_eq!(body.into_parts().1, None);
    }
}

#[test]
fn the_limit_holds_for_the_tail() {
    for &encoding in Encoding::available() {
        let value = (Sharing(&1_u8), Sharing(&large(7)));
        let length = encoding.encode(&value, UNLIMITED).expect("it can be encoded").len();
        assert!(encoding.encode(&value, length).is_ok());
        assert_eq!(
            encoding.encode(&value, length - 1).err(),
            Some(EncodeError::TooLarge { limit: length - 1 })
        );
        // And for what follows it.
        let longer = (Sharing(&large(7)), Sharing(&1_u64), Sharing(&large(8)));
        for limit in 0..8 {
            let limit = SHARED + limit;
            assert!(encoding.encode(&longer, limit).is_err());
        }
    }
}

#[cfg(feature = "bincode")]
#[test]
fn what_another_codec_writes_is_not_offered_to_this_one() {
    let picture = Picture { name: String::new(), data: large(7) };
    for &encoding in Encoding::available() {
        // It takes the slice and leaves the offer.
        ::bincode::serde::encode_to_vec(&picture, ::bincode::config::standard()).expect("it can be encoded");
        assert_eq!(
            encoding.encode(&picture.data, UNLIMITED).expect("it can be encoded").into_parts().1,
            None
        );
    }
}

#[test]
fn what_is_decoded_is_a_part_of_what_brought_it() {
    for &encoding in Encoding::available() {
        let message = Bytes::from(encoded(encoding, &("a name", &large(7))));
        let part = message.slice(message.len() - SHARED..);
        let (Sharing(name), Sharing(data)): (Sharing<String>, Sharing<Bytes>) =
            encoding.decode_from(Some(&message), &message, &LIMITS).expect("well formed");
        assert_eq!((name.as_str(), &data), ("a name", &part));
        assert!(same(&data, &part));

        let message = Bytes::from(encoded(encoding, &Plain { name: "a name".to_owned(), data }));
        let part = message.slice(message.len() - SHARED..);
        let picture: Picture = encoding.decode_from(Some(&message), &message, &LIMITS).expect("well formed");
        assert!(same(&picture.data, &part));
        // Without what it may share, and afterwards.
        let picture: Picture = encoding.decode(&message, &LIMITS).expect("well formed");
        assert!(picture.data == part && !same(&picture.data, &part));
    }
}

#[test]
fn nothing_keeps_more_than_twice_of_itself() {
    for &encoding in Encoding::available() {
        let source = Bytes::from(encoded(encoding, &(&large(1), &large(2), &large(3))));
        let all: (Sharing<Bytes>, Sharing<Bytes>, Sharing<Bytes>) =
            encoding.decode_from(Some(&source), &source, &LIMITS).expect("well formed");
        let (first, last) = (source.as_ptr().addr(), source.as_ptr().addr() + source.len());
        for (data, byte) in [(all.0.0, 1), (all.1.0, 2), (all.2.0, 3)] {
            assert_eq!(data, large(byte));
            assert!(!(first..last).contains(&data.as_ptr().addr()), "a third of it keeps all");
        }
    }
}

#[test]
fn what_serde_reads_as_bytes_is_read() {
    #[derive(Serialize)]
    struct Numbers(Vec<u8>);
    for &encoding in Encoding::available() {
        let numbers = encoded(encoding, &Numbers(vec![1, 2, 3]));
        let theirs = encoding.decode::<Bytes>(&numbers, &LIMITS);
        let ours = encoding.decode::<Sharing<Bytes>>(&numbers, &LIMITS).map(|Sharing(bytes)| bytes);
        assert_eq!(ours, theirs);
        let text = encoded(encoding, "a text");
        let theirs = encoding.decode::<Bytes>(&text, &LIMITS);
        let ours = encoding.decode::<Sharing<Bytes>>(&text, &LIMITS).map(|Sharing(bytes)| bytes);
        assert_eq!(ours, theirs);
    }
}
