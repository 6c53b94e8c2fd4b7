//! R35: arguments that claim more than they hold, or nest deeper than any stack, fail that call alone; the process
//! lives, in a debug build too.

use std::time::Instant;

use ws_core::{Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, Over};
use ws_tests::raw::frames::{self, Frame, Hello, call, class, event};

const DEEP: usize = 100_000;

/// Arguments that must not be believed, by method.
fn bombs(encoding: Encoding) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    match encoding {
        Encoding::Bincode => {
            // Integers from 2^32 on: a mark, then eight bytes, little endian.
            let claim = |exponent: u32| [vec![0xfd], (1_u64 << exponent).to_le_bytes().to_vec()].concat();
            vec![
                ("a tree of 100,000 nodes", "Target.tree", [vec![1; DEEP], vec![0]].concat()),
                ("a tree without an end", "Target.tree", vec![1; 900_000]),
                ("a list of 100,000 lists", "Target.list", [vec![1; DEEP], vec![0]].concat()),
                ("2^60 units", "Target.units", claim(60)),
                ("2^63 units", "Target.units", claim(63)),
                ("a text of 2^40 bytes", "Target.text", claim(40)),
                ("a text of 2^63 bytes", "Target.text", claim(63)),
                ("2^60 lists", "Target.list", claim(60)),
                ("a variant that is not", "Target.tree", vec![7]),
            ]
        }
        Encoding::Msgpack => {
            // The arguments are an array of one.
            let one = |parts: &[&[u8]]| [&[0x91], parts.concat().as_slice()].concat();
            let node = [&[0x81, 0xa4][..], b"Node"].concat();
            let leaf = [&[0xa4][..], b"Leaf"].concat();
            vec![
                ("a tree of 100,000 nodes", "Target.tree", one(&[&node.repeat(DEEP), &leaf])),
                ("a tree without an end", "Target.tree", one(&[&node.repeat(DEEP)])),
                ("a list of 100,000 lists", "Target.list", one(&[&vec![0x91; DEEP], &[0x90]])),
                (
                    "maps where no map is asked for",
                    "Target.text",
                    one(&[&[0x81, 0xc0].repeat(DEEP), &[0xc0]]),
                ),
                ("2^32 - 1 units", "Target.units", one(&[&[0xdd, 0xff, 0xff, 0xff, 0xff]])),
                ("a text of 2^32 - 1 bytes", "Target.text", one(&[&[0xdb, 0xff, 0xff, 0xff, 0xff]])),
                ("bytes of 2^32 - 1 for a text", "Target.text", one(&[&[0xc6, 0xff, 0xff, 0xff, 0xff]])),
                ("an extension of 2^32 - 1", "Target.text", one(&[&[0xc9, 0xff, 0xff, 0xff, 0xff, 1]])),
                ("a map of 2^32 - 1 for a tree", "Target.tree", one(&[&[0xdf, 0xff, 0xff, 0xff, 0xff]])),
                ("2^32 - 1 arguments", "Target.text", vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
                ("the byte that MessagePack never uses", "Target.text", one(&[&[0xc1]])),
            ]
        }
        other => panic!("bombs for {other:?} are still to be built"),
    }
}

#[tokio::test]
async fn r35_arguments_that_are_bombs_are_invalid() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for encoding in Encoding::available() {
        let (mut raw, serving) = arena.joined_in(*encoding, Hello::default()).await;
        for (what, method, arguments) in bombs(*encoding) {
            let began = Instant::now();
            raw.send([call(1, method, &arguments)]).await;
            let answer = raw.frame().await;
            let expected = Frame::Fail { id: 1, class: class::INVALID_ARGUMENTS, body: vec![] };
            assert_eq!(answer, expected, "{what} in {encoding:?}");
            // Nothing is allocated or visited in proportion to the claim: that would take ages.
            assert!(began.elapsed().as_secs() < 5, "{what} in {encoding:?}: {:?}", began.elapsed());
            assert_eq!(serving.running(), 0);
            arena.serves().await;
        }
        raw.send([call(1, "Target.add", &frames::encoded(*encoding, &(2, 4)))]).await;
        assert_eq!(raw.frame().await, Frame::Return { id: 1, body: frames::encoded(*encoding, &6) });
        arena.thrives().await;
        drop(raw);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_events_that_are_bombs_are_dropped_and_counted() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    let claim = [vec![0xfd], (1_u64 << 40).to_le_bytes().to_vec()].concat();
    // More than the window of 256 together, so that the credit must come back for each; half of it is always there.
    for round in 0..5_u64 {
        raw.send((0..120).map(|i| event(1000 * round + 2 * i + 1, "Target.note", &claim))).await;
        raw.send([event(1000 * round + 999, "Target.note", &[0])]).await;
        until_true(|| arena.counts.notes() as u64 == round + 1).await;
        arena.serves().await;
    }
    assert_eq!(serving.stats().events_refused, 600);
    assert!(serving.is_open());
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_what_is_large_and_true_is_taken() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    let honest = arena.honest_client().await.expect("accepted");
    assert_eq!(honest.remote().units(vec![(); 65_000]).await, Ok(65_000), "elements that take no bytes");
    assert_eq!(honest.remote().text("x".repeat(1_000_000)).await, Ok(1_000_000));
    honest.close().await;
    arena.ends_well().await;
}
