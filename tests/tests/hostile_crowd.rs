//! R6: connections that wait for their activation are capped, in all and for each address; a crowd of them is turned
//! away or waited out, and honest clients are served meanwhile.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use ws_client::ConnectError;
use ws_core::{Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, Over};
use ws_tests::raw::frames::{Hello, websocket};
use ws_tests::raw::{Raw, Wire, read_to_end, status_of};

/// What the server says to one who is turned away, whether or not it asks.
async fn turned_away(socket: TcpStream) {
    let mut wire: Wire = Box::new(socket);
    let answer = String::from_utf8(read_to_end(&mut wire).await).expect("text");
    assert_eq!(status_of(&answer), 503, "{answer}");
    assert!(answer.contains("Retry-After: 1"), "{answer}");
}

#[tokio::test]
async fn r6_an_address_beyond_its_share_is_turned_away_and_others_are_not() {
    let arena = Arena::open(Over::Socket, Limits::default().max_unactivated_per_address(5)).await;
    // Some have not upgraded, others have not presented themselves; both wait.
    let mut crowd: Vec<Wire> = Vec::new();
    for _ in 0..3 {
        crowd.push(Box::new(arena.socket_from(2).await));
    }
    let mut upgraded = Vec::new();
    for _ in 0..2 {
        upgraded.push(Raw::upgrade(Box::new(arena.socket_from(2).await), Encoding::Bincode).await);
    }
    until_true(|| arena.server.counts().unactivated == 5).await;
    for _ in 0..10 {
        turned_away(arena.socket_from(2).await).await;
    }
    assert_eq!(arena.server.counts().turned_away, 10);
    assert_eq!(arena.server.counts().unactivated, 5, "who is turned away takes no place");
    arena.thrives().await;

    // Who asks first and reads then hears it, too.
    let late = arena.honest_client_over(Box::new(arena.socket_from(2).await)).await;
    assert!(matches!(late, Err(ConnectError::Status { status: 503 })), "{late:?}");
    let error = late.expect_err("turned away");
    assert!(error.may_retry());

    // A place that is given back is taken by the next.
    drop(crowd.pop());
    until_true(|| arena.server.counts().unactivated == 4).await;
    let honest = arena.honest_client_over(Box::new(arena.socket_from(2).await)).await.expect("a place");
    assert_eq!(honest.remote().add(1, 1).await, Ok(2));
    // It is activated and no longer counts.
    upgraded.push(Raw::upgrade(Box::new(arena.socket_from(2).await), Encoding::Bincode).await);
    assert_eq!(arena.server.counts().unactivated, 5);
    honest.close().await;
    drop((crowd, upgraded));
    arena.ends_well().await;
}

#[tokio::test]
async fn r6_all_together_beyond_their_share_are_turned_away() {
    let arena = Arena::open(Over::Socket, Limits::default().max_unactivated(6)).await;
    let mut crowd = Vec::new();
    for last in 2..8 {
        crowd.push(arena.socket_from(last).await);
    }
    until_true(|| arena.server.counts().unactivated == 6).await;
    turned_away(arena.socket_from(9).await).await;
    // Those who are in are served, whoever waits at the door.
    arena.serves().await;
    drop(crowd);
    arena.ends_well().await;
}

#[tokio::test]
async fn r6_two_hundred_that_stall_do_not_keep_out_an_honest_one() {
    let limits = Limits::default().max_unactivated_per_address(250).header_timeout(Duration::from_secs(60));
    let arena = Arena::open(Over::Socket, limits).await;
    let (mut silent, mut halves, mut upgraded) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..200 {
        let mut socket = arena.socket().await;
        match i % 3 {
            0 => silent.push(socket),
            1 => {
                socket.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("the server reads");
                halves.push(socket);
            }
            _ => {
                let mut raw = Raw::upgrade(Box::new(socket), Encoding::Bincode).await;
                // A header that begins and does not end.
                raw.bytes(&websocket(0x82, Some([0; 4]), &[50; 51])[..20]).await;
                upgraded.push(raw);
            }
        }
    }
    until_true(|| arena.server.counts().unactivated == 200).await;
    assert_eq!(arena.server.counts().turned_away, 0);
    for _ in 0..20 {
        arena.thrives().await;
    }
    drop((silent, halves, upgraded));
    arena.ends_well().await;
}

#[tokio::test]
async fn r6_one_who_was_refused_and_stays_still_takes_a_place() {
    let limits = Limits::default().max_unactivated_per_address(4).close_grace(Duration::from_secs(3));
    let arena = Arena::deciding(Over::Socket, limits, |taken, _| {
        Box::pin(async move { taken.reject(ws_server::Rejection::unauthorized("no")).await })
    })
    .await;
    let garbage = websocket(0x83, Some([0; 4]), b"?");
    for how in ["breaks the protocol", "is rejected"] {
        let mut staying = Vec::new();
        // Each is done with within a moment, but neither reads nor leaves.
        for _ in 0..12 {
            let mut socket = arena.socket_from(2).await;
            let mut bytes = REQUEST.as_bytes().to_vec();
            match how {
                "breaks the protocol" => bytes.extend(&garbage),
                _ => {
                    let hello = Hello::default().with_header(&[1, b'x']);
                    let message = ws_tests::raw::frames::batch([hello]);
                    bytes.extend(websocket(0x82, Some([0; 4]), &message));
                }
            }
            // It may be turned away already.
            let _ = socket.write_all(&bytes).await;
            let _ = socket.readable().await;
            staying.push(socket);
        }
        until_true(|| arena.server.counts().turned_away > 0 || arena.server.counts().connections > 5).await;
        let counts = arena.server.counts();
        let alive = counts.connections - counts.active;
        assert!(
            alive <= 4,
            "{how}: {alive} connections of one address that were never accepted, beyond its 4"
        );
        arena.thrives().await;
        drop(staying);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: ws-service.v1.bincode\r\n\r\n";
