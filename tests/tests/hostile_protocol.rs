//! R35: what breaks the protocol above the WebSocket ends that connection, with the code of its kind, and no other;
//! what it allows, however odd, ends nothing.

use std::time::Duration;

use ws_core::{ClosedBy, Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, MEMORY, Over, WELCOME, header};
use ws_tests::raw::frames::{
    self, Frame, Hello, call, cancel, class, event, fail, flag, message, plain, ret,
};

/// Messages that no client may send once it is accepted.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let one = |frame: Vec<u8>| frames::batch([frame]);
    let metadata = |bytes: &[u8]| one(message(flag::HAS_METADATA, 1, 0, "Target.note", bytes, &[]));
    let pair = |key: &str, value: &[u8]| {
        [frames::varint(key.len() as u64), key.into(), frames::varint(value.len() as u64), value.into()]
            .concat()
    };
    let keys =
        |count: u8| [vec![count], (0..count).flat_map(|i| pair(&format!("k{i}"), b"")).collect()].concat();
    let length_2_60 = [frames::varint(1 << 60), vec![1, 2, 3]].concat();
    vec![
        ("an empty message", vec![]),
        ("random bytes", vec![0x9d, 0x4e, 0x7a, 0x15, 0xc3, 0xe0, 0x22, 0x88, 0x01]),
        ("a frame of no bytes", one(vec![])),
        ("a frame of one byte", one(vec![frames::CANCEL])),
        ("a frame of 2^60 bytes", length_2_60.clone()),
        ("a good frame, then one of 2^60 bytes", [one(plain(frames::PONG, &[1])), length_2_60].concat()),
        ("a length in more bytes than it needs", vec![0x83, 0x00, frames::CANCEL, 0, 1]),
        ("a length beyond 64 bits", [vec![0xff; 9], vec![2, 1, 1]].concat()),
        ("a reserved flag on a MESSAGE", one(message(0x40, 1, 0, "Target.add", &[], &[]))),
        ("a flag where none is defined", one(vec![frames::CANCEL, 1, 1])),
        ("kind 0", one(vec![0, 0])),
        ("a kind that nobody knows", one(vec![0x55, 0, 1, 2, 3])),
        ("a kind reserved for later", one(vec![14, 0, 1])),
        ("bytes behind the last field", one(vec![frames::CANCEL, 0, 1, 0])),
        ("a MESSAGE cut short", one(vec![frames::MESSAGE, 1, 1, 0, 1, 2])),
        ("a second HELLO", one(Hello::default().with_header(&header(Encoding::Bincode, WELCOME)))),
        ("a WELCOME from a client", one(Hello::default().welcome())),
        ("a REJECT from a client", one(frames::reject(1, 4501, b"you"))),
        ("an id of the server's parity", one(call(2, "Target.add", &[0, 0]))),
        ("an event with an id of the server's parity", one(event(2, "Target.note", &[0]))),
        ("a call with the id 0", one(call(0, "Target.add", &[0, 0]))),
        ("an event with the id 0, which is for broadcasts", one(event(0, "Target.note", &[0]))),
        ("a call 33 deep", one(message(flag::WANTS_REPLY, 1, 33, "Target.add", &[], &[0, 0]))),
        ("an event 33 deep", one(message(0, 1, 33, "Target.note", &[], &[0]))),
        ("17 keys of metadata", metadata(&keys(17))),
        ("2^60 keys of metadata", metadata(&frames::varint(1 << 60))),
        ("a key of metadata twice", metadata(&[vec![2], pair("a", b""), pair("a", b"")].concat())),
        ("4 KiB of metadata and one byte", metadata(&[vec![1], pair("k", &[b'x'; 4096])].concat())),
        ("metadata that is not UTF-8", metadata(&[vec![1], pair("k", &[0xff])].concat())),
        ("metadata with a key of 2^60 bytes", metadata(&[vec![1], frames::varint(1 << 60)].concat())),
        ("an item of no stream", one(plain(frames::ITEM, &[0]))),
        ("an end of no stream", one(plain(frames::END, &[0]))),
        ("an end with a flag that is not defined", one(vec![frames::END, 2, 7])),
        // P2: beyond the size of a batch a frame travels alone.
        ("a batch of 65,537 bytes", batch_of(65_537)),
    ]
}

/// Two frames that may be skipped, of this size together.
fn batch_of(size: usize) -> Vec<u8> {
    let bytes = frames::batch([vec![0x80; size - 5], vec![0x80]]);
    assert_eq!(bytes.len(), size, "three bytes of length, one, and two frames");
    bytes
}

async fn each_is_1002(over: Over) {
    let mut arena = Arena::open(over, Limits::default()).await;
    for (what, bytes) in malformed() {
        let (mut raw, serving) = arena.joined().await;
        raw.binary(bytes).await;
        let (code, reason) = raw.closed().await;
        assert_eq!(code, 1002, "{what}: {reason}");
        arena.serves().await;
        drop(raw);
        let info = serving.closed().await;
        assert_eq!((info.code, info.by), (1002, ClosedBy::Local), "{what}");
        arena.only_honest().await;
    }
    assert_eq!(arena.counts.notes(), 0, "no handler saw a malformed event");
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_malformed_messages_over_a_socket() {
    each_is_1002(Over::Socket).await;
}

#[tokio::test(start_paused = true)]
async fn r35_malformed_messages_in_memory() {
    each_is_1002(MEMORY).await;
}

#[tokio::test]
async fn r35_before_the_header_nothing_else_may_come() {
    let arena = Arena::open(Over::Socket, Limits::default()).await;
    for (what, frame) in [
        ("a call", call(1, "Target.add", &[0, 0])),
        ("an event", event(1, "Target.note", &[0])),
        ("a PING", plain(frames::PING, &[1])),
        ("a RETURN", ret(1, &[])),
        (
            "a HELLO of limits that can never be met",
            Hello { announced: [0; 6], ..Hello::default() }.with_header(&[]),
        ),
        ("a HELLO cut short", vec![frames::HELLO, 0, 1]),
        ("a HELLO of 4,097 fingerprints", [vec![frames::HELLO, 0, 1, 0], fingerprints(4097)].concat()),
    ] {
        let mut raw = arena.raw().await;
        raw.send([frame]).await;
        assert_eq!(raw.close_code().await, 1002, "{what}");
        arena.serves().await;
        drop(raw);
        arena.only_honest().await;
    }
    assert_eq!(arena.counts.notes(), 0);
    arena.ends_well().await;
}

/// What follows version and features of a HELLO with this many fingerprints each way, and the header that is accepted.
fn fingerprints(count: usize) -> Vec<u8> {
    let limits = Hello::default().limits();
    let list = [frames::varint(count as u64), vec![7; 12 * count]].concat();
    [limits, list.clone(), list, header(Encoding::Bincode, WELCOME)].concat()
}

#[tokio::test]
async fn r35_as_many_fingerprints_as_there_may_be_are_taken() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let mut raw = arena.raw().await;
    raw.send([[vec![frames::HELLO, 0, 1, 0], fingerprints(4096)].concat()]).await;
    let (mut raw, _) = arena.welcomed(raw).await;
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r35_a_frame_beyond_max_message_is_1009() {
    // A WebSocket message may always have 64 KiB, so this bound is our own.
    let mut arena = Arena::open(Over::Socket, Limits::default().max_message(1024).max_header(512)).await;
    let frame_of = |size: usize| {
        // Kind, flags, id, depth and method take 8 bytes, the text's length 3.
        let frame = call(1, "Target.text", &frames::encoded(Encoding::Bincode, &"x".repeat(size - 11)));
        assert_eq!(frame.len(), size);
        frame
    };
    let (mut raw, _) = arena.joined().await;
    raw.send([frame_of(1024)]).await;
    assert!(matches!(raw.frame().await, Frame::Return { id: 1, .. }), "1,024 bytes are allowed");
    raw.send([frame_of(1025)]).await;
    assert_eq!(raw.close_code().await, 1009);
    arena.serves().await;
    drop(raw);

    // P13: that also goes for what may be skipped.
    let (mut raw, _) = arena.joined().await;
    raw.send([vec![0x80; 1024], call(1, "Target.add", &[2, 4])]).await;
    assert!(matches!(raw.frame().await, Frame::Return { id: 1, .. }));
    raw.send([vec![0x80; 1025]]).await;
    assert_eq!(raw.close_code().await, 1009);
    drop(raw);

    let (mut raw, _) = arena.joined().await;
    raw.binary(vec![0; arena.limits.max_websocket_message() + 1]).await;
    assert_eq!(raw.close_code().await, 1009, "a message that none may send");
    drop(raw);

    // P5: before the connection is open, no peer knows the other's limits.
    for (size, code) in [(173_056, 1002), (173_057, 1009)] {
        let mut raw = arena.raw().await;
        raw.send([plain(frames::CANCEL, &[1]).into_iter().chain(vec![0; size - 3]).collect()]).await;
        assert_eq!(raw.close_code().await, code, "{size} bytes of what is no HELLO");
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn r19_an_id_in_use_is_1002() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for together in [true, false] {
        let (mut raw, serving) = arena.joined().await;
        let hang = || call(7, "Target.hang", &[0]);
        if together {
            raw.send([hang(), hang()]).await;
        } else {
            raw.send([hang()]).await;
            until_true(|| serving.running() == 1).await;
            arena.serves().await;
            raw.send([hang()]).await;
        }
        assert_eq!(raw.close_code().await, 1002, "together: {together}");
        drop(raw);
        serving.closed().await;
        assert_eq!((serving.running(), arena.counts.live()), (0, 0));
    }
    // Once it is answered an id is free again.
    let (mut raw, _) = arena.joined().await;
    for _ in 0..2 {
        raw.send([call(7, "Target.add", &[2, 4])]).await;
        assert_eq!(raw.frame().await, Frame::Return { id: 7, body: vec![6] });
    }
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r17_replies_that_nobody_asked_for_are_counted() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    let ids = [0, 1, 2, 3, 6, 1 << 20, 1 << 40, u64::MAX - 1, u64::MAX];
    let strays =
        ids.into_iter().flat_map(|id| [ret(id, b"a value"), fail(id, 11, &[7; 8]), fail(id, 200, &[])]);
    raw.send(strays).await;
    raw.send(ids.map(cancel)).await;
    raw.send([call(9, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 9, body: vec![6] });
    assert_eq!(serving.stats().stray_replies, 3 * ids.len() as u64);
    assert_eq!((serving.running(), serving.pending(), serving.is_open()), (0, 0, true));
    arena.serves().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn what_is_odd_but_allowed_ends_nothing() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let raw = {
        // Ignorable kinds are skipped before the header, too.
        let mut raw = arena.raw().await;
        raw.send([vec![0x80], vec![0xff, 0xff, 0xff], vec![0x8b, 1, 2, 3]]).await;
        raw
    };
    let (mut raw, serving) = arena.join(raw, Encoding::Bincode, Hello::default()).await;
    let oddities = [
        ("a kind that may be skipped", vec![0x80]),
        ("one that looks like a MESSAGE", vec![0x84, 0xff, 1]),
        ("a PONG that answers nothing", plain(frames::PONG, &[u64::MAX])),
        ("a GOAWAY from a client", plain(frames::GOAWAY, &[0])),
        ("credit without bounds", plain(frames::CREDIT, &[0, u64::MAX, u64::MAX])),
        ("credit that takes back", plain(frames::CREDIT, &[0, 0, 0])),
        ("an event with all flags but one", {
            let every = flag::HAS_REPLY_TO | flag::HAS_DEADLINE | flag::HAS_METADATA;
            let mut frame = vec![frames::MESSAGE, every, 1, 200, 1, 32];
            frame.extend(frames::method_id("Target.note"));
            frame.extend([0, 1, 1, b'k', 1, b'v', 0]);
            frame
        }),
        ("an event whose method is a call", event(1, "Target.add", &[2, 4])),
        ("a call with the largest id and no end to its time", {
            let flags = flag::WANTS_REPLY | flag::HAS_DEADLINE;
            message(flags, u64::MAX, 0, "Target.hang", &frames::varint(u64::MAX), &[0])
        }),
        ("an event with the id of a call that runs", event(u64::MAX, "Target.note", &[0])),
        ("all metadata that there may be", {
            let pairs = (0..16_u8).flat_map(|key| [vec![1, b'a' + key, 0xff, 1], vec![b'x'; 255]].concat());
            let between = [vec![16], pairs.collect()].concat();
            message(flag::HAS_METADATA, 3, 0, "Target.note", &between, &[0])
        }),
    ];
    for (id, (what, frame)) in (5..).step_by(2).zip(oddities) {
        raw.send([frame, call(id, "Target.add", &[2, 4])]).await;
        assert_eq!(raw.frame().await, Frame::Return { id, body: vec![6] }, "{what}");
    }
    raw.binary(batch_of(65_536)).await;
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] }, "the largest batch");
    assert_eq!((arena.counts.notes(), serving.stats().events_received, serving.running()), (3, 4, 1));
    assert!(serving.is_open());
    arena.serves().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r13_calls_that_cannot_run_are_answered_at_once() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    let deadline_0 = message(flag::WANTS_REPLY | flag::HAS_DEADLINE, 7, 0, "Target.hang", &[0], &[0]);
    for (what, frame, expected) in [
        ("a method that is not", call(7, "Target.none", &[]), class::UNKNOWN_METHOD),
        ("an event called", call(7, "Target.note", &[0]), class::SCHEMA_MISMATCH),
        ("too few arguments", call(7, "Target.add", &[2]), class::INVALID_ARGUMENTS),
        ("too many arguments", call(7, "Target.add", &[2, 2, 2]), class::INVALID_ARGUMENTS),
        ("no time at all", deadline_0, class::TIMEOUT),
    ] {
        raw.send([frame]).await;
        assert_eq!(raw.frame().await, Frame::Fail { id: 7, class: expected, body: vec![] }, "{what}");
        assert_eq!(serving.running(), 0, "{what}");
    }
    arena.serves().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r14_a_call_without_any_time_is_not_run() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    let flags = flag::WANTS_REPLY | flag::HAS_DEADLINE;
    let size = frames::encoded(Encoding::Bincode, &3_u32);
    raw.send([message(flags, 7, 0, "Target.blob", &[0], &size)]).await;
    // P25: a deadline of 0 has passed, also for a handler that would need no time.
    assert_eq!(raw.frame().await, Frame::Fail { id: 7, class: class::TIMEOUT, body: vec![] });
    assert_eq!((arena.counts.started(), serving.running()), (0, 0));
    arena.serves().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn a_server_that_serves_nothing_says_so() {
    use ws_server::WebSocketServer;
    let server = WebSocketServer::<(), (), ()>::new();
    let handler = |acceptor: ws_server::Acceptor<(), (), ()>| async move {
        acceptor.accept(()).await?;
        Ok(())
    };
    let address = server.open("127.0.0.1:0", handler).await.expect("a free port");
    let socket = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    let mut raw = ws_tests::raw::Raw::upgrade(Box::new(socket), Encoding::Bincode).await;
    raw.send([Hello::default().with_header(&[])]).await;
    assert!(matches!(raw.frame().await, Frame::Welcome { .. }));
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Fail { id: 1, class: class::NO_PROVIDER, body: vec![] });
    drop(raw);
    until_true(|| server.counts().connections == 0).await;
    tokio::time::timeout(Duration::from_secs(20), server.close()).await.expect("R3: close always ends");
}
