//! R11, R35: peers that send as fast as a machine can, from threads of their own, keep nobody else from being served,
//! although one thread serves them all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ws_core::{Encoding, Limits};
use ws_tests::raw::arena::{Arena, Over, WELCOME, header};
use ws_tests::raw::frames::{Hello, batch, call, cancel, event, plain, ret, websocket};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: ws-service.v1.bincode\r\n\r\n";

/// A thread that joins, then writes `bytes` again and again until it is told to stop or is thrown out, and reads
/// whatever comes; gives how many bytes it wrote.
fn flooder(address: SocketAddr, bytes: Vec<u8>, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut socket = TcpStream::connect(address).expect("the server listens");
        let hello = batch([Hello::default().with_header(&header(Encoding::Bincode, WELCOME))]);
        socket
            .write_all(&[REQUEST.as_bytes(), &websocket(0x82, Some([0; 4]), &hello)].concat())
            .expect("room");
        let mut reading = socket.try_clone().expect("a second handle");
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while matches!(reading.read(&mut buffer), Ok(1..)) {}
        });
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) && socket.write_all(&bytes).is_ok() {
            written += bytes.len() as u64;
        }
        // Its end may be gone already.
        let _ = socket.shutdown(std::net::Shutdown::Both);
        reader.join().expect("no panic");
        written
    })
}

/// The longest that an honest call took while these floods went on.
async fn longest_wait(floods: Vec<Vec<u8>>) -> Duration {
    let mut arena = Arena::open(Over::Socket, Limits::default().close_grace(Duration::from_millis(50))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut flooders = Vec::new();
    for bytes in floods {
        let flooder = flooder(arena.address(), bytes, Arc::clone(&stop));
        flooders.push((flooder, arena.next_accepted().await));
    }
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    while began.elapsed() < Duration::from_millis(300) {
        let asked = Instant::now();
        arena.serves().await;
        longest = longest.max(asked.elapsed());
        tokio::task::yield_now().await;
    }
    arena.thrives().await;
    for (flooder, serving) in flooders {
        assert!(serving.is_open(), "all that they do is allowed");
        // They are thrown out, so that nobody has to read what they have sent already.
        serving.close().await;
        let written =
            tokio::task::spawn_blocking(move || flooder.join().expect("no panic")).await.expect("no panic");
        assert!(written > 100_000, "it was a flood: {written} bytes");
    }
    stop.store(true, Ordering::Relaxed);
    arena.ends_well().await;
    longest
}

/// One frame that may be skipped, in a message of 10,002 parts.
fn endless_parts() -> Vec<u8> {
    let parts = [
        websocket(0x02, Some([0; 4]), &[1]),
        websocket(0x00, Some([0; 4]), &[]).repeat(10_000),
        websocket(0x80, Some([0; 4]), &[0x80]),
    ];
    parts.concat()
}

/// A bound that a busy machine keeps, and that a server which serves the flood first does not.
const BEARABLE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn r11_floods_of_frames_keep_nobody_from_being_served() {
    let message = |frames: Vec<Vec<u8>>| websocket(0x82, Some([0; 4]), &batch(frames));
    let longest = longest_wait(vec![
        message((0..5000).map(|i| ret(2 * i + 1, b"stray")).collect()),
        message((0..5000).map(|i| plain(11, &[i])).collect()),
        message(vec![vec![0x80]; 30_000]),
        message((0..2000).flat_map(|_| [call(1, "Target.hang", &[0]), cancel(1)]).collect()),
    ])
    .await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r11_floods_of_small_messages_keep_nobody_from_being_served() {
    let small = |frame: Vec<u8>| websocket(0x82, Some([0; 4]), &batch([frame])).repeat(1000);
    let longest = longest_wait(vec![
        small(vec![0x80]),
        small(ret(1, &[])),
        websocket(0x89, Some([0; 4]), b"ping").repeat(1000),
        websocket(0x8a, Some([0; 4]), b"").repeat(1000),
    ])
    .await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r11_a_message_in_endless_empty_parts_keeps_nobody_from_being_served() {
    let longest = longest_wait(vec![endless_parts()]).await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r3_a_close_ends_in_its_grace_whatever_floods_it() {
    let limits = Limits::default().close_grace(Duration::from_millis(300));
    let mut arena = Arena::open(Over::Socket, limits).await;
    let notes = batch((0..50).map(|i| event(2 * i + 1, "Target.none", &[0])));
    for bytes in [
        websocket(0x82, Some([0; 4]), &notes),
        websocket(0x82, Some([0; 4]), &[1, 0x80]).repeat(1000),
        endless_parts(),
    ] {
        let stop = Arc::new(AtomicBool::new(false));
        let flooder = flooder(arena.address(), bytes, Arc::clone(&stop));
        let serving = arena.next_accepted().await;
        let began = Instant::now();
        let info = serving.close_with(4100, "enough").await;
        assert!(matches!(info.code, 4100 | 1008), "{info}");
        assert!(began.elapsed() < Duration::from_millis(300) + BEARABLE, "{:?}", began.elapsed());
        arena.serves().await;
        stop.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || flooder.join().expect("no panic")).await.expect("no panic");
    }
    arena.ends_well().await;
}
