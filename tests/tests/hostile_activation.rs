//! R5–R7: whatever a client presents instead of its header, or does not, ends in the answer of its kind, in its time;
//! it leaves nothing behind, and is no one else's affair.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::pending;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use ws_core::{Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::Raw;
use ws_tests::raw::arena::{Arena, MEMORY, Over, WELCOME, header, hello};
use ws_tests::raw::frames::{self, Frame, Hello, call, encoded, websocket};

fn short() -> Limits {
    Limits::default()
        .header_timeout(Duration::from_millis(300))
        .decision_timeout(Duration::from_millis(700))
        .close_grace(Duration::from_millis(100))
}

/// Since then, in whole milliseconds of the paused clock.
fn after(since: Instant) -> u128 {
    since.elapsed().as_millis()
}

#[tokio::test(start_paused = true)]
async fn r6_a_header_that_never_comes_is_4009() {
    let arena = Arena::open(MEMORY, short()).await;
    let began = Instant::now();
    let mut raw = arena.raw().await;
    arena.thrives().await;
    assert_eq!(arena.numbers(), (1, 1, 2));
    assert_eq!(raw.close_code().await, 4009);
    assert!((300..310).contains(&after(began)), "{}", after(began));
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r6_signs_of_life_do_not_stretch_the_header_timeout() {
    let arena = Arena::open(MEMORY, short()).await;
    let began = Instant::now();
    let mut raw = arena.raw().await;
    for round in 0..29 {
        raw.message(Message::Ping(vec![round].into())).await;
        raw.send([vec![0x80]]).await;
        sleep(Duration::from_millis(10)).await;
    }
    arena.thrives().await;
    assert_eq!(raw.close_code().await, 4009);
    assert!((300..310).contains(&after(began)), "{}", after(began));
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r6_a_header_byte_by_byte_is_taken_in_time_and_4009_after() {
    let mut arena = Arena::open(MEMORY, short()).await;
    for (pace, in_time) in [(1, true), (20, false)] {
        let mut raw = arena.raw().await;
        let began = Instant::now();
        let message = frames::batch([hello(WELCOME)]);
        for byte in websocket(0x82, Some([9; 4]), &message) {
            raw.bytes(&[byte]).await;
            sleep(Duration::from_millis(pace)).await;
        }
        if in_time {
            let (mut raw, _) = arena.welcomed(raw).await;
            raw.send([call(1, "Target.add", &[2, 4])]).await;
            assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
        } else {
            assert!(after(began) > 300, "the trickle took longer than the limit");
            assert_eq!(raw.close_code().await, 4009);
        }
        arena.thrives().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn a_header_in_parts_with_pings_between_is_a_header() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let mut raw = arena.raw().await;
    let message = frames::batch([hello(WELCOME)]);
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (i, byte) in message.iter().enumerate() {
        let last = if i + 1 == message.len() { 0x80 } else { 0 };
        let opcode = if i == 0 { 2 } else { 0 };
        parts.push(websocket(opcode | last, Some([i as u8; 4]), &[*byte]));
        parts.push(websocket(0x89, Some([9; 4]), b"between"));
    }
    raw.bytes(&parts.concat()).await;
    let (mut raw, _) = arena.welcomed(raw).await;
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r5_a_header_of_another_type_is_4506() {
    for over in [Over::Socket, MEMORY] {
        let arena = Arena::open(over, Limits::default()).await;
        let bincode = |bytes: &[u8]| (Encoding::Bincode, bytes.to_vec());
        let other_field = encoded(Encoding::Msgpack, &BTreeMap::from([("user", WELCOME)]));
        let deep =
            [vec![0x82, 0xa5], b"token".to_vec(), vec![0xa0, 0xa1, b'x'], vec![0x91; 60_000], vec![0xc0]];
        for (what, (encoding, bytes)) in [
            ("nothing", bincode(&[])),
            ("a text cut short", bincode(&[5, b'w'])),
            ("a text of 2^60 bytes", bincode(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10])),
            ("a text that is not UTF-8", bincode(&[1, 0xff])),
            ("a byte too many", bincode(&[1, b'w', 0])),
            ("a number", (Encoding::Msgpack, encoded(Encoding::Msgpack, &7))),
            ("another field", (Encoding::Msgpack, other_field)),
            ("an unknown field nested 60,000 deep", (Encoding::Msgpack, deep.concat())),
        ] {
            let mut raw = arena.raw_in(encoding).await;
            raw.send([Hello::default().with_header(&bytes)]).await;
            let (code, reason) = raw.rejected().await;
            assert_eq!((code, reason.as_str()), (4506, "the header does not decode"), "{what}");
            arena.serves().await;
            drop(raw);
            arena.only_honest().await;
        }
        arena.ends_well().await;
    }
}

#[tokio::test]
async fn r35_a_header_too_large_is_1009() {
    let mut arena = Arena::open(Over::Socket, Limits::default().max_header(100)).await;
    let padded = |size: usize| {
        let header = header(Encoding::Msgpack, WELCOME);
        // An unknown field is skipped, so that the header may have any size.
        let mut padded = vec![0x82];
        padded.extend(&header[1..]);
        padded.extend([0xa1, b'x', 0xd9, (size - padded.len() - 4) as u8]);
        padded.resize(size, b'.');
        padded
    };
    let mut raw = arena.raw_in(Encoding::Msgpack).await;
    raw.send([Hello::default().with_header(&padded(101))]).await;
    assert_eq!(raw.close_code().await, 1009);
    arena.thrives().await;
    drop(raw);

    let mut raw = arena.raw_in(Encoding::Msgpack).await;
    raw.send([Hello::default().with_header(&padded(100))]).await;
    arena.welcomed(raw).await;
    arena.ends_well().await;
}

#[tokio::test]
async fn r5_another_version_is_4505_and_names_both() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    for version in [0, 2, u64::MAX] {
        let mut raw = arena.raw().await;
        // Of a version that is not spoken here nothing else can be read.
        let frame = [vec![1, 0], frames::varint(version), vec![0xff; 40]].concat();
        raw.send([frame]).await;
        let (code, reason) = raw.rejected().await;
        assert_eq!(code, 4505);
        assert!(reason.contains(&version.to_string()) && reason.contains("but 1"), "{reason}");
        arena.serves().await;
        drop(raw);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r7_five_headers_at_once_are_1002() {
    let arena = Arena::deciding(Over::Socket, Limits::default(), |taken, _| {
        async move {
            let _taken = taken;
            pending().await
        }
        .boxed()
    })
    .await;
    for apart in [false, true] {
        let mut raw = arena.raw().await;
        let hellos = (0..5).map(|_| hello("undecided"));
        if apart {
            for hello in hellos {
                raw.send([hello]).await;
            }
        } else {
            raw.send(hellos).await;
        }
        assert_eq!(raw.close_code().await, 1002, "apart: {apart}");
        arena.thrives().await;
        drop(raw);
        arena.only_honest().await;
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r7_a_header_that_panics_while_it_is_decoded_is_1011() {
    use ws_server::{Acceptor, WebSocketServer};
    use ws_tests::raw::target::PanicsDecoding;
    // Where the panic goes unnoticed, the decision's time runs out.
    let limits = Limits::default().decision_timeout(Duration::from_secs(2));
    let server = WebSocketServer::<Header, (), ()>::builder().limits(limits).build().expect("good limits");
    #[derive(serde::Deserialize)]
    enum Header {
        Good,
        Bad(PanicsDecoding),
    }
    let handler = |acceptor: Acceptor<Header, (), ()>| async move {
        if let Header::Bad(bad) = acceptor.header() {
            panic!("{bad:?} came to be");
        }
        acceptor.accept(()).await?;
        Ok(())
    };
    let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
    let raw = async || {
        let socket = tokio::net::TcpStream::connect(address).await.expect("the server listens");
        Raw::upgrade(Box::new(socket), Encoding::Bincode).await
    };
    let mut bad = raw().await;
    bad.send([Hello::default().with_header(&[1])]).await;
    let mut good = raw().await;
    good.send([Hello::default().with_header(&[0])]).await;
    assert!(matches!(good.frame().await, Frame::Welcome { .. }));
    assert_eq!(bad.rejected().await, (1011, String::new()));
    drop((good, bad));
    until_true(|| server.counts().connections == 0).await;
    assert_eq!((server.counts().active, server.counts().unactivated), (0, 0));
}
