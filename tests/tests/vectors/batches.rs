//! Numbers and batches (P2, P3).

use ws_core::protocol::{Frame, Frames, MAX_VARINT, put_length};

use super::blocks::{blocks, bytes, hex};

fn put(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // On a machine of 32 bits a length is one of 32 bits; the others travel as the numbers of PINGs.
    match usize::try_from(number) {
        Ok(length) => put_length(length, |byte| bytes.push(byte)),
        Err(_) => bytes.extend_from_slice(&ws_core::protocol::encode::ping(number).as_slice()[2..]),
    }
    bytes
}

#[test]
fn p3_numbers() {
    for block in blocks("numbers.txt") {
        let encoded = block.bytes("hex");
        let ping = [&[11, 0], encoded.as_slice()].concat();
        if block.one("number") == "malformed" {
            assert!(Frame::parse(&ping).is_err(), "{}", block.name);
            continue;
        }
        let number = block.number("number");
        assert_eq!(Frame::parse(&ping), Ok(Frame::Ping(number)), "{}", block.name);
        assert_eq!(hex(&put(number)), hex(&encoded), "{}", block.name);
        assert!(encoded.len() <= MAX_VARINT, "{}", block.name);
    }
}

#[test]
fn p2_batches() {
    for block in blocks("batches.txt") {
        let message = block.bytes("message");
        let frames: Vec<Vec<u8>> = block.all("frame").map(bytes).collect();
        let (good, bad): (Vec<_>, Vec<_>) = Frames::new(&message).partition(Result::is_ok);
        let read: Vec<_> = good.into_iter().flatten().collect();
        assert_eq!(read, frames, "{}", block.name);
        assert_eq!(bad.len(), usize::from(block.is("malformed")), "{}", block.name);
        if bad.is_empty() {
            let mut written = Vec::new();
            for frame in &frames {
                put_length(frame.len(), |byte| written.push(byte));
                written.extend_from_slice(frame);
            }
            assert_eq!(hex(&written), hex(&message), "{}", block.name);
        }
    }
}
