//! How a request arrives: in pieces, slowly, with frames behind it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_may_be_split_at_every_byte() {
    let bytes = [valid().as_bytes(), b"\x81\x80\0\0\0\0"].concat();
    let limits = UpgradeLimits::default();
    for split in 0..=bytes.len() {
        let (mut client, mut server) = duplex(4096);
        let (front, back) = bytes.split_at(split);
        let write = async {
            client.write_all(front).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            client.write_all(back).await.unwrap();
        };
        let ((), received) = tokio::join!(write, receive(&mut server, None, &limits, limits.deadline()));
        let mut frames = received.unwrap().leftover;
        client.shutdown().await.unwrap();
        server.read_to_end(&mut frames).await.unwrap();
        assert_eq!(frames, b"\x81\x80\0\0\0\0", "{split}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_behind_the_request_are_left_over_or_left_in_the_stream() {
    let frames: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let bytes = [valid().as_bytes(), &frames].concat();
    let (mut client, mut server) = duplex(bytes.len());
    client.write_all(&bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let limits = UpgradeLimits::default();
    let mut received = receive(&mut server, None, &limits, limits.deadline()).await.unwrap();
    assert!(valid().len() + received.leftover.len() <= limits.max_bytes);
    server.read_to_end(&mut received.leftover).await.unwrap();
    assert_eq!(received.leftover, frames);
}

#[tokio::test(start_paused = true)]
async fn r4_a_slow_client_is_cut_at_the_deadline_however_often_it_sends() {
    let (mut client, mut server) = duplex(4096);
    let limits = UpgradeLimits::default();
    let begun = Instant::now();
    let drip = async {
        for byte in valid().bytes() {
            sleep(Duration::from_millis(100)).await;
            client.write_all(&[byte]).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        () = drip => unreachable!(),
        outcome = receive(&mut server, None, &limits, limits.deadline()) => outcome,
    };
    assert!(matches!(outcome, Err(UpgradeError::Timeout)), "{outcome:?}");
    assert_eq!(begun.elapsed(), limits.timeout);
}

#[tokio::test(start_paused = true)]
async fn r4_a_silent_client_is_cut_at_the_deadline() {
    let (_client, mut server) = duplex(16);
    let limits = UpgradeLimits { timeout: Duration::from_secs(2), ..UpgradeLimits::default() };
    let begun = Instant::now();
    let outcome = receive(&mut server, None, &limits, limits.deadline()).await;
    assert!(matches!(outcome, Err(UpgradeError::Timeout)), "{outcome:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_tls_client_at_the_wrong_port_is_answered_at_once() {
    let (mut client, mut server) = duplex(4096);
    client.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
    let limits = UpgradeLimits::default();
    let begun = Instant::now();
    let outcome = receive(&mut server, None, &limits, limits.deadline()).await;
    assert!(matches!(outcome, Err(UpgradeError::Refused(refusal)) if refusal.status() == 400));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_without_a_word_is_not_answered() {
    let outcome = received(b"", &UpgradeLimits::default()).await;
    assert!(matches!(outcome, Err(UpgradeError::Closed)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_remote_address_is_kept() {
    let (mut client, mut server) = duplex(4096);
    client.write_all(valid().as_bytes()).await.unwrap();
    let limits = UpgradeLimits::default();
    let address = ([192, 0, 2, 1], 4000).into();
    let received = receive(&mut server, Some(address), &limits, limits.deadline()).await.unwrap();
    assert_eq!(received.request.remote_address(), Some(address));
}
