//! R35: what breaks RFC 6455 ends that connection, with the code of its kind, and no other.

use ws_core::{ClosedBy, Limits};
use ws_tests::raw::arena::{Arena, MEMORY, Over};
use ws_tests::raw::frames::{websocket, websocket_head};

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

/// Bytes that no WebSocket client may send, and the close code that answers them.
fn garbage() -> Vec<(&'static str, Vec<u8>, u16)> {
    let claim = |length| websocket_head(0x82, MASK, length);
    vec![
        ("a frame without a mask", websocket(0x82, None, &[1, 0xfe]), 1002),
        ("a reserved data opcode", websocket(0x83, MASK, b"x"), 1002),
        ("a reserved control opcode", websocket(0x8b, MASK, b"x"), 1002),
        ("RSV1, which is compression's", websocket(0xc2, MASK, b"x"), 1002),
        ("RSV2", websocket(0xa2, MASK, b"x"), 1002),
        ("RSV3 on a ping", websocket(0x99, MASK, b"x"), 1002),
        ("a ping in two parts", websocket(0x09, MASK, b"x"), 1002),
        ("a ping of 126 bytes", websocket(0x89, MASK, &[0; 126]), 1002),
        ("a continuation of nothing", websocket(0x80, MASK, b"x"), 1002),
        (
            "a message inside a message",
            [websocket(0x02, MASK, b"x"), websocket(0x82, MASK, b"x")].concat(),
            1002,
        ),
        ("a claim of 2^60 bytes", claim(1 << 60), 1009),
        ("a claim of 2^63 bytes and more", claim(u64::MAX), 1009),
        ("a claim of one byte too many", claim((1 << 20) + 11), 1009),
        ("a message in parts that grow too large", parts_beyond_the_limit(), 1009),
        ("text", websocket(0x81, MASK, b"{}"), 1003),
        ("text in two parts", [websocket(0x01, MASK, b"{"), websocket(0x80, MASK, b"}")].concat(), 1003),
        ("text that is not UTF-8", websocket(0x81, MASK, &[0xff, 0xfe]), 1007),
        ("a close frame of one byte", websocket(0x88, MASK, &[3]), 1002),
        ("a close reason that is not UTF-8", websocket(0x88, MASK, &[3, 0xe8, 0xff]), 1007),
    ]
}

/// Each part is within the limit, all together are not.
fn parts_beyond_the_limit() -> Vec<u8> {
    let part = [0; 64 << 10];
    let rest = (0..16).flat_map(|_| websocket(0x00, MASK, &part));
    websocket(0x02, MASK, &part).into_iter().chain(rest).collect()
}

async fn each_is_answered(over: Over, activated: bool) {
    let mut arena = Arena::open(over, Limits::default()).await;
    for (what, bytes, code) in garbage() {
        let (mut raw, serving) = if activated {
            let (raw, serving) = arena.joined().await;
            (raw, Some(serving))
        } else {
            (arena.raw().await, None)
        };
        raw.bytes(&bytes).await;
        let (seen, reason) = raw.closed().await;
        assert_eq!(seen, code, "{what}: {reason}");
        arena.serves().await;
        drop(raw);
        if let Some(serving) = serving {
            let info = serving.closed().await;
            assert_eq!((info.code, info.by), (code, ClosedBy::Local), "{what}: {info}");
        }
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_garbage_after_the_upgrade_over_a_socket() {
    each_is_answered(Over::Socket, false).await;
}

#[tokio::test]
async fn r35_garbage_after_the_activation_over_a_socket() {
    each_is_answered(Over::Socket, true).await;
}

#[tokio::test(start_paused = true)]
async fn r35_garbage_in_memory() {
    each_is_answered(MEMORY, false).await;
    each_is_answered(MEMORY, true).await;
}
