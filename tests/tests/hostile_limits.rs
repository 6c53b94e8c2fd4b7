//! R12, R14, R38: a peer that ignores the limits it was told is answered, then closed; what it makes this side keep
//! and run is bounded by those limits, whatever it sends.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use ws_core::{ClosedBy, Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, MEMORY, Over};
use ws_tests::raw::frames::{self, Frame, Hello, call, cancel, class, encoded, event, flag, message, plain};
use ws_tests::raw::{Raw, Seen};

fn hang(id: u64) -> Vec<u8> {
    call(id, "Target.hang", &[0])
}

/// Odd ids.
fn ids(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|i| 2 * i + 1)
}

async fn overloaded(raw: &mut Raw, id: u64) {
    assert_eq!(raw.frame().await, Frame::Fail { id, class: class::OVERLOADED, body: vec![] });
}

#[tokio::test]
async fn r12_calls_beyond_max_in_flight_are_overloaded_then_1008() {
    let limits = Limits::default().max_in_flight(4).max_violations(8);
    for at_once in [true, false] {
        let mut arena = Arena::open(Over::Socket, limits.clone()).await;
        let (mut raw, serving) = arena.joined().await;
        raw.send(ids(4).map(hang)).await;
        until_true(|| arena.counts.live() == 4).await;
        let beyond = (0..8).map(|i| 101 + 2 * i);
        if at_once {
            raw.send(beyond.clone().map(hang)).await;
        }
        for id in beyond {
            if !at_once {
                raw.send([hang(id)]).await;
            }
            overloaded(&mut raw, id).await;
            arena.serves().await;
        }
        assert_eq!((serving.running(), serving.stats().violations, arena.counts.started()), (4, 8, 4));
        assert!(serving.is_open(), "eight are forgiven");
        // Slots come back.
        raw.send([cancel(1), call(1, "Target.add", &[2, 4])]).await;
        assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] });
        raw.send([hang(1)]).await;
        until_true(|| arena.counts.live() == 4).await;

        // Each call within the limits makes up for one beyond them: two did.
        raw.send((0..3).map(|i| hang(201 + 2 * i))).await;
        assert_eq!(raw.close_code().await, 1008);
        arena.serves().await;
        drop(raw);
        let info = serving.closed().await;
        assert_eq!((info.code, info.by), (1008, ClosedBy::Local));
        assert_eq!((serving.running(), arena.counts.live()), (0, 0));
        arena.ends_well().await;
    }
}

#[tokio::test]
async fn r12_argument_bytes_beyond_the_bound_are_overloaded() {
    let limits = Limits::default().max_message(10_000).max_header(1000).max_call_bytes(20_000);
    let mut arena = Arena::open(Over::Socket, limits).await;
    let (mut raw, serving) = arena.joined().await;
    let large = |id| call(id, "Target.hang", &encoded(Encoding::Bincode, &"x".repeat(9000)));
    raw.send([large(1), large(3)]).await;
    until_true(|| arena.counts.live() == 2).await;
    raw.send([large(5)]).await;
    overloaded(&mut raw, 5).await;
    raw.send([cancel(1), large(5)]).await;
    until_true(|| arena.counts.started() == 3).await;
    assert_eq!((serving.running(), serving.stats().violations), (2, 1));
    arena.thrives().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r11_each_depth_has_its_sixteen_slots_and_no_more() {
    let mut arena = Arena::open(Over::Socket, Limits::default().max_violations(1000)).await;
    let (mut raw, serving) = arena.joined().await;
    let nested = |id, depth| message(flag::WANTS_REPLY, id, depth, "Target.hang", &[], &[0]);
    for depth in 1..=32_u8 {
        let base = 1000 * u64::from(depth);
        raw.send((0..17).map(|i| nested(base + 2 * i + 1, depth))).await;
        overloaded(&mut raw, base + 33).await;
        arena.serves().await;
    }
    assert_eq!((serving.running(), arena.counts.live()), (512, 512));
    arena.thrives().await;
    drop(raw);
    serving.closed().await;
    assert_eq!(arena.counts.live(), 0);
    arena.ends_well().await;
}

#[tokio::test]
async fn r12_events_beyond_their_credit_are_1008() {
    let limits = Limits::default().event_lane_messages(4).event_lane_bytes(100);
    let waiting = |id| event(id, "Target.note", &encoded(Encoding::Bincode, &"wait"));
    let padded = |id| event(id, "Target.note", &encoded(Encoding::Bincode, &"x".repeat(60)));
    let unknown = |id| event(id, "Target.none", &[0; 60]);
    let mut arena = Arena::open(Over::Socket, limits).await;
    // The first event waits for ever, so that nothing is consumed and no credit comes.
    let kinds: [(&str, Vec<Vec<u8>>); 3] = [
        ("messages", vec![waiting(1), waiting(3), waiting(5), waiting(7), waiting(9)]),
        ("bytes", vec![waiting(1), padded(3), padded(5), padded(7)]),
        ("bytes of a method that is not", vec![waiting(1), padded(3), padded(5), unknown(7)]),
    ];
    for (what, mut events) in kinds {
        let last = events.pop().expect("the one too many");
        let (mut raw, serving) = arena.joined().await;
        let within = events.len();
        raw.send(events).await;
        until_true(|| serving.running() == within).await;
        assert_eq!((serving.is_open(), arena.counts.live()), (true, 1), "{what}: R12, one at a time");
        arena.serves().await;
        raw.send([last]).await;
        assert_eq!(raw.close_code().await, 1008, "{what}");
        arena.thrives().await;
        drop(raw);
        serving.closed().await;
        assert_eq!((serving.running(), arena.counts.live()), (0, 0), "{what}");
        assert_eq!(serving.stats().violations, 1);
    }
    assert_eq!(arena.counts.notes(), 0);
    arena.ends_well().await;
}

/// Batches of frames.
type Batches = Vec<Vec<Vec<u8>>>;

/// Sends calls of `method`, each with its CANCEL, by way of `order`; nothing of them may be left.
async fn flood(method: &str, limits: Limits, order: fn(&[u64], &str) -> Batches) {
    const PAIRS: u64 = 10_000;
    let mut arena = Arena::open(Over::Socket, limits).await;
    let (mut raw, serving) = arena.joined().await;
    for chunk in ids(PAIRS).collect::<Vec<_>>().chunks(100) {
        for frames in order(chunk, method) {
            raw.send(frames).await;
        }
        arena.serves().await;
    }
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    assert_eq!(raw.frame().await, Frame::Return { id: 1, body: vec![6] }, "and nothing before it");
    assert_eq!(serving.running(), 0);
    // Aborted tasks end when the runtime comes to them.
    until_true(|| arena.counts.live() == 0).await;
    let stats = serving.stats();
    assert_eq!((stats.calls_received, stats.violations), (PAIRS + 1, 0));
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn r14_a_flood_of_calls_each_followed_by_its_cancel_leaves_nothing() {
    // P24: slot and bytes are free before the next frame is taken.
    let one_slot = Limits::default().max_in_flight(1);
    let pairwise = |ids: &[u64], method: &str| {
        vec![ids.iter().flat_map(|id| [call(*id, method, &[0]), cancel(*id)]).collect()]
    };
    flood("Target.hang", one_slot.clone(), pairwise).await;
    flood("Target.hang_in_a_task", one_slot, pairwise).await;
}

#[tokio::test]
async fn r14_a_flood_of_calls_then_of_cancels_leaves_nothing() {
    let in_turn = |ids: &[u64], method: &str| {
        vec![
            ids.iter().map(|id| call(*id, method, &[0])).collect(),
            ids.iter().rev().map(|id| cancel(*id)).collect(),
        ]
    };
    flood("Target.hang", Limits::default(), in_turn).await;
    flood("Target.hang_in_a_task", Limits::default(), in_turn).await;
}

#[tokio::test]
async fn r38_pings_of_ours_cost_one_answer_at_a_time() {
    let mut arena = Arena::open(MEMORY, Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    // Nothing is read meanwhile.
    for batch in 0..100 {
        raw.send((0..1000).map(|i| plain(frames::PING, &[1000 * batch + i]))).await;
        if batch % 10 == 0 {
            arena.serves().await;
        }
    }
    raw.send([call(1, "Target.add", &[2, 4])]).await;
    let mut pongs = 0;
    loop {
        match raw.next().await {
            Seen::Frame(Frame::Pong(_)) => pongs += 1,
            Seen::Frame(Frame::Return { id: 1, .. }) => break,
            seen => panic!("{seen:?}"),
        }
    }
    assert!((1..=110).contains(&pongs), "at most one for each message: {pongs}");
    assert!(serving.is_open());
    arena.thrives().await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r38_pings_of_the_websocket_whose_pongs_are_not_read_are_1008() {
    const PINGS: usize = 2000;
    let limits = Limits::default().close_grace(Duration::from_millis(300));
    let mut arena = Arena::open(Over::Memory(4096), limits).await;
    let ping = frames::websocket(0x89, Some([7; 4]), &[b'p'; 125]);
    // Before the activation, and after it.
    for activated in [false, true] {
        let (mut raw, serving) = match activated {
            false => (arena.raw().await, None),
            true => {
                let (raw, serving) = arena.joined().await;
                (raw, Some(serving))
            }
        };
        let mut sent = 0;
        while sent < PINGS && raw.bytes(&ping).await {
            sent += 1;
        }
        arena.thrives().await;
        if let Some(serving) = serving {
            let info = serving.closed().await;
            assert_eq!((info.code, info.by), (1008, ClosedBy::Local), "{info}");
        }
        arena.only_honest().await;
        // Every pong that comes now was kept for a peer that does not read; the pipe holds 4 KiB of them.
        raw.drain().await;
        let kept = raw.pongs * 127;
        assert!(kept <= arena.limits.outbox_reserve + 4096, "{kept} bytes of pongs");
    }
    arena.ends_well().await;
}

#[tokio::test]
async fn pings_of_the_websocket_that_are_read_are_answered_however_many() {
    let mut arena = Arena::open(Over::Memory(4096), Limits::default()).await;
    let (mut raw, serving) = arena.joined().await;
    let pings = frames::websocket(0x89, Some([7; 4]), &[b'p'; 125]).repeat(20);
    for round in 0..250 {
        let id = 2 * round + 1;
        raw.bytes(&pings).await;
        raw.send([call(id, "Target.add", &[2, 4])]).await;
        assert_eq!(raw.frame().await, Frame::Return { id, body: vec![6] });
        assert!(raw.pongs as u64 > round, "at least one for each lot");
    }
    assert!(serving.is_open());
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r38_a_peer_that_reads_no_answers_is_4008_and_costs_its_outbox() {
    const ANSWER: usize = 30_000;
    let limits = Limits::default()
        .outbox_bytes(100_000)
        .write_stall(Duration::from_millis(700))
        .ping_interval(Duration::from_secs(60));
    let mut arena = Arena::open(Over::Memory(4096), limits).await;
    let (mut raw, serving) = arena.joined().await;
    let size = encoded(Encoding::Bincode, &(ANSWER as u32));
    raw.send(ids(256).map(|id| call(id, "Target.blob", &size))).await;
    until_true(|| serving.stats().calls_received == 256).await;
    let began = tokio::time::Instant::now();
    arena.thrives().await;
    // The outbox, which the last answer may exceed, one that the transport has, one that waits with its verdict.
    let most = 100_000 / ANSWER + 3;
    assert!(
        arena.counts.started() <= most,
        "R38: {} handlers ran against a full outbox",
        arena.counts.started()
    );
    assert!(serving.running() >= 256 - most, "what is finished keeps its slot until it is in the outbox");

    let info = serving.closed_within(Duration::from_secs(20)).await.expect("closed");
    assert_eq!((info.code, info.by, info.clean), (4008, ClosedBy::Local, false), "{info}");
    assert!((690..800).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert!(arena.counts.started() <= most, "none ran after that");
    assert_eq!((serving.running(), arena.counts.live()), (0, 0));
    arena.ends_well().await;
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn r38_a_peer_that_begins_to_read_again_gets_every_answer() {
    let limits = Limits::default().outbox_bytes(50_000).write_stall(Duration::from_secs(5));
    let mut arena = Arena::open(Over::Memory(4096), limits).await;
    let (mut raw, serving) = arena.joined().await;
    let size = encoded(Encoding::Bincode, &20_000_u32);
    raw.send(ids(100).map(|id| call(id, "Target.blob", &size))).await;
    until_true(|| serving.stats().calls_received == 100).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    arena.serves().await;
    let mut answered = Vec::new();
    while answered.len() < 100 {
        let Frame::Return { id, body } = raw.frame().await else { panic!("a RETURN") };
        assert_eq!(body.len(), 20_003);
        answered.push(id);
    }
    assert!(answered.iter().copied().eq(ids(100)), "in order: {answered:?}");
    assert_eq!(serving.running(), 0);
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r38_refusals_that_are_not_read_fill_the_reserve_and_no_more() {
    let limits = Limits::default()
        .outbox_bytes(10_000)
        .outbox_reserve(5000)
        .write_stall(Duration::from_secs(60))
        .close_grace(Duration::from_millis(500));
    let mut arena = Arena::open(Over::Memory(4096), limits).await;
    let (mut raw, serving) = arena.joined().await;
    let mut sent = 0;
    while serving.is_open() && sent < 1_000_000 {
        raw.send((0..1000).map(|i| call(2 * (sent + i) + 1, "Target.none", &[]))).await;
        sent += 1000;
    }
    arena.serves().await;
    // A FAIL takes 5 to 7 bytes; beyond the outbox there are the transport's message and the pipe.
    let refused = serving.stats().calls_refused;
    assert!(refused < (2 * 15_000 + 4096) / 5, "{refused} refusals were kept");
    let info = serving.closed_within(Duration::from_secs(20)).await.expect("closed");
    assert_eq!(
        (info.code, info.by, info.reason.as_str()),
        (1008, ClosedBy::Local, "the answers are not read")
    );
    arena.ends_well().await;
    drop(raw);
}

#[tokio::test]
async fn a_server_wide_bound_of_buffers_is_shared_and_given_back() {
    // Room for one connection's hoard; the honest one keeps below what every connection has for free.
    let limits = Limits::default().max_buffered_bytes(256 << 10);
    let mut arena = Arena::open(Over::Socket, limits).await;
    let (mut raw, serving) = arena.joined().await;
    let large = encoded(Encoding::Bincode, &"x".repeat(100_000));
    raw.send([call(1, "Target.hang", &large)]).await;
    raw.send([call(3, "Target.hang", &large)]).await;
    raw.send([call(5, "Target.hang", &large)]).await;
    overloaded(&mut raw, 5).await;
    assert_eq!((serving.running(), serving.stats().violations), (2, 0), "it keeps to its own limits");
    arena.thrives().await;
    drop(raw);
    serving.closed().await;
    let (mut raw, serving) = arena.joined().await;
    raw.send([call(1, "Target.hang", &large)]).await;
    raw.send([call(3, "Target.hang", &large)]).await;
    until_true(|| serving.running() == 2).await;
    drop(raw);
    arena.ends_well().await;
}

#[tokio::test]
async fn absurd_announcements_bind_nobody() {
    let mut arena = Arena::open(Over::Socket, Limits::default()).await;
    for announced in [[u64::MAX; 6], [1024, 1, 1, 1, 1, 0]] {
        let hello = Hello { announced, ..Hello::default() };
        let (mut raw, serving) = arena.joined_in(Encoding::Bincode, hello).await;
        raw.send([call(1, "Target.blob", &encoded(Encoding::Bincode, &500_u32))]).await;
        assert!(matches!(raw.frame().await, Frame::Return { id: 1, .. }), "{announced:?}");
        raw.message(Message::Close(None)).await;
        let info = serving.closed().await;
        assert_eq!((info.code, info.by), (1005, ClosedBy::Peer), "{info}");
        arena.serves().await;
    }
    arena.ends_well().await;
}
