//! R11, R35: peers that send as fast as a machine can, from threads of their own, keep nobody else from being served,
//! although one thread serves them all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use ws_core::{CloseInfo, Connection, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, Over, WELCOME, hello};
use ws_tests::raw::frames::{batch, call, cancel, plain, ret, websocket};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: ws-service.v1.bincode\r\n\r\n";

/// A thread that joins, writes the same bytes again and again until it is thrown out, and reads whatever comes.
struct Flooder {
    thread: JoinHandle<()>,
    written: Arc<AtomicUsize>,
    serving: Connection<()>,
}

impl Flooder {
    async fn start(arena: &mut Arena, bytes: Vec<u8>) -> Self {
        let written = Arc::<AtomicUsize>::default();
        let (address, count) = (arena.address(), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            let mut socket = TcpStream::connect(address).expect("the server listens");
            let hello = message([hello(WELCOME)]);
            socket.write_all(&[REQUEST.as_bytes(), &hello].concat()).expect("room");
            let mut reading = socket.try_clone().expect("a second handle");
            let reader = std::thread::spawn(move || {
                let mut buffer = [0; 1 << 16];
                while matches!(reading.read(&mut buffer), Ok(1..)) {}
            });
            while socket.write_all(&bytes).is_ok() {
                count.fetch_add(bytes.len(), Ordering::Relaxed);
            }
            // Its end may be gone already.
            let _ = socket.shutdown(Shutdown::Both);
            reader.join().expect("no panic");
        });
        Self { thread, written, serving: arena.next_accepted().await }
    }

    fn is_a_flood(&self) -> bool {
        self.written.load(Ordering::Relaxed) > 200_000
    }

    /// Nobody has to read what it has sent already.
    async fn throw_out(self) -> CloseInfo {
        let info = self.serving.close_with(4100, "enough").await;
        tokio::task::spawn_blocking(move || self.thread.join().expect("no panic")).await.expect("no panic");
        info
    }
}

fn message(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    websocket(0x82, Some([0; 4]), &batch(frames))
}

/// One flood at a time has the machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// The longest that an honest call took while these floods went on.
async fn longest_wait(floods: [Vec<u8>; 2]) -> Duration {
    let _turn = TURN.lock().await;
    let mut arena = Arena::open(Over::Socket, Limits::default().close_grace(Duration::from_millis(50))).await;
    let mut flooders = Vec::new();
    for bytes in floods {
        flooders.push(Flooder::start(&mut arena, bytes).await);
    }
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    while began.elapsed() < Duration::from_millis(150) || !flooders.iter().all(Flooder::is_a_flood) {
        let asked = Instant::now();
        arena.serves().await;
        longest = longest.max(asked.elapsed());
        tokio::task::yield_now().await;
    }
    arena.thrives().await;
    for flooder in flooders {
        assert!(flooder.serving.is_open(), "all that it does is allowed");
        flooder.throw_out().await;
    }
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
const BEARABLE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn r11_floods_of_frames_keep_nobody_from_being_served() {
    let strays = message((0..5000).map(|i| ret(2 * i + 1, b"stray")));
    let calls = message((0..2000).flat_map(|_| [call(1, "Target.hang", &[0]), cancel(1)]));
    let longest = longest_wait([strays, calls]).await;
    assert!(longest < BEARABLE, "{longest:?}");

    let skipped = message(vec![vec![0x80]; 30_000]);
    let pings = message((0..5000).map(|i| plain(11, &[i])));
    let longest = longest_wait([skipped, pings]).await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r11_floods_of_small_messages_keep_nobody_from_being_served() {
    let strays = message([ret(1, &[])]).repeat(1000);
    let pings = websocket(0x89, Some([0; 4]), b"ping").repeat(1000);
    let longest = longest_wait([strays, pings]).await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r11_a_message_in_endless_empty_parts_keeps_nobody_from_being_served() {
    let longest = longest_wait([endless_parts(), endless_parts()]).await;
    assert!(longest < BEARABLE, "{longest:?}");
}

#[tokio::test]
async fn r3_a_close_ends_in_its_grace_whatever_floods_it() {
    let _turn = TURN.lock().await;
    let limits = Limits::default().close_grace(Duration::from_millis(300));
    let mut arena = Arena::open(Over::Socket, limits).await;
    let strays = message((0..50).map(|i| ret(2 * i + 1, &[])));
    for bytes in [strays, message([vec![0x80]]).repeat(1000), endless_parts()] {
        let flooder = Flooder::start(&mut arena, bytes).await;
        until_true(|| flooder.is_a_flood()).await;
        let began = Instant::now();
        let info = flooder.throw_out().await;
        assert_eq!(info.code, 4100, "{info}");
        assert!(began.elapsed() < Duration::from_millis(300) + BEARABLE, "{:?}", began.elapsed());
        arena.serves().await;
    }
    arena.ends_well().await;
}
