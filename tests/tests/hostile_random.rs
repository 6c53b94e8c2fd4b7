//! R35: whatever a peer makes of well-formed frames, malformed ones and bytes, the one connection lives or ends with a
//! code of the protocol, and nothing else happens.
//!
//! Every run is the same: the generator is seeded by the number of the attacker.

use std::sync::Arc;

use ws_core::{ClosedBy, Encoding, Limits};
use ws_tests::fixture::until_true;
use ws_tests::raw::arena::{Arena, MEMORY, Over, WELCOME, header};
use ws_tests::raw::frames::{self, Hello, call, cancel, event, fail, message, plain, ret};
use ws_tests::raw::{Raw, Seen};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn seeded(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    fn number(&mut self) -> u64 {
        match self.below(8) {
            0 => u64::MAX - self.below(3),
            1 => 1 << self.below(64),
            _ => self.below(40),
        }
    }
}

/// What a client may call on the arena's server.
const METHODS: &[&str] = &[
    "Target.add",
    "Target.hang",
    "Target.hang_in_a_task",
    "Target.blob",
    "Target.units",
    "Target.text",
    "Target.tree",
    "Target.grow",
    "Target.panics_later",
    "Target.panics_in_drop",
    "Target.unencodable",
    "Target.note",
    "Target.panicking_note",
    "Target.none",
];

/// One frame of an attacker's; a `wild` one need not be well formed.
fn frame(random: &mut Random, wild: bool) -> Vec<u8> {
    frame_of(random, wild, METHODS, 1)
}

/// One frame that calls these methods, with ids of this parity.
fn frame_of(random: &mut Random, wild: bool, methods: &[&str], parity: u64) -> Vec<u8> {
    let id = 2 * random.below(30) + if parity == 1 { 1 } else { 2 };
    let method = random.pick(methods);
    let arguments = match random.below(4) {
        0 => random.bytes(20),
        1 => frames::encoded(Encoding::Bincode, &(random.next() as i64, random.next() as i64)),
        2 => frames::encoded(Encoding::Bincode, &"wait"),
        _ => vec![random.below(3) as u8; random.below(4) as usize],
    };
    match random.below(if wild { 16 } else { 13 }) {
        0..4 => call(id, method, &arguments),
        4..6 => event(id, method, &arguments),
        6 => {
            let deadline = frames::varint(random.below(20));
            message(
                frames::flag::WANTS_REPLY | frames::flag::HAS_DEADLINE,
                id,
                random.below(33) as u8,
                method,
                &deadline,
                &arguments,
            )
        }
        7..9 => cancel(id),
        9 => ret(random.number(), &arguments),
        10 => fail(random.number(), random.next() as u8, &arguments),
        11 => plain(random.pick(&[frames::PING, frames::PONG, frames::GOAWAY]), &[random.number()]),
        12 => plain(frames::CREDIT, &[0, random.number(), random.number()]),
        13 => random.bytes(30),
        14 => message(random.next() as u8, random.number(), random.next() as u8, method, &[], &arguments),
        _ => {
            let mut frame = frame_of(random, false, methods, parity);
            let at = random.below(frame.len() as u64) as usize;
            frame[at] = random.next() as u8;
            frame
        }
    }
}

/// Reads what is there until nothing is, or until the connection ends.
async fn read(raw: &mut Raw) -> Option<Option<u16>> {
    loop {
        let quiet = tokio::time::sleep(std::time::Duration::from_millis(1));
        let seen = tokio::select! {
            biased;
            seen = raw.receive() => seen,
            () = quiet => return None,
        };
        match seen {
            Seen::Frame(_) | Seen::Text(_) => {}
            Seen::Closed(close) => return Some(close.map(|(code, _)| code)),
            Seen::Lost => return Some(None),
        }
    }
}

async fn attacked(arena: &mut Arena, seed: u64) {
    let mut random = Random::seeded(seed);
    let wild = seed % 2 == 0;
    let (mut raw, serving) = arena.joined().await;
    let mut ended = None;
    for _ in 0..30 {
        let count = random.below(12) + 1;
        raw.send((0..count).map(|_| frame(&mut random, wild)).collect::<Vec<_>>()).await;
        if random.below(3) == 0 {
            ended = read(&mut raw).await;
        }
        if ended.is_some() {
            break;
        }
    }
    arena.serves().await;
    if ended.is_none() {
        // Whatever still runs or is owed, a call is answered, unless one of its id runs.
        raw.send([call(1001, "Target.add", &[2, 4])]).await;
        ended = read(&mut raw).await;
    }
    if let Some(code) = ended {
        assert!(matches!(code, Some(1002 | 1008)), "attacker {seed}: {code:?}");
    }
    drop(raw);
    let info = serving.closed().await;
    match ended {
        Some(code) => {
            assert_eq!((Some(info.code), info.by), (code, ClosedBy::Local), "attacker {seed}: {info}")
        }
        None => assert!(matches!(info.code, 1002 | 1006 | 1008), "attacker {seed}: {info}"),
    }
    assert_eq!((serving.running(), serving.pending()), (0, 0), "attacker {seed}");
    until_true(|| arena.counts.live() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn r35_random_frames_do_no_harm() {
    let limits = Limits::default().max_in_flight(10).event_lane_messages(20);
    let mut arena = Arena::open(MEMORY, limits).await;
    for seed in 0..300 {
        attacked(&mut arena, seed).await;
    }
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r35_random_frames_through_a_narrow_pipe_do_no_harm() {
    let limits = Limits::default().max_in_flight(10).outbox_bytes(1000);
    let mut arena = Arena::open(Over::Memory(100), limits).await;
    for seed in 1000..1100 {
        attacked(&mut arena, seed).await;
    }
    arena.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn r35_random_frames_of_a_server_do_no_harm() {
    use ws_client::WebSocketConnector;
    use ws_tests::raw::target::{Counts, Login, TargetProvider, TargetRemote, Victim};
    type Connector = WebSocketConnector<Login, TargetProvider<Victim>, TargetRemote>;
    let limits = Limits::default().max_in_flight(10).event_lane_messages(20);
    let connector = Connector::builder(Login { token: WELCOME.to_owned() }).limits(limits);
    let connector = connector.encodings([Encoding::Bincode]).build().expect("good limits");
    let counts = Arc::<Counts>::default();
    for seed in 0..300 {
        let mut random = Random::seeded(seed);
        let (here, there) = tokio::io::duplex(1000);
        let victim = TargetProvider::new(Victim { counts: Arc::clone(&counts) });
        let connecting = connector.connect_over(here, "ws://server.example/", victim);
        let serving = async {
            let mut raw = Raw::answer(Box::new(there), Encoding::Bincode).await;
            raw.frame().await;
            raw.send([Hello::default().welcome()]).await;
            raw
        };
        let (client, mut raw) = tokio::join!(connecting, serving);
        let client = client.expect("accepted");
        let calls: Vec<_> = (0..10).map(|i| tokio::spawn(client.remote().add(i, i))).collect();
        for _ in 0..20 {
            let count = random.below(12) + 1;
            let frames = (0..count).map(|_| match random.below(4) {
                // Ids that calls of the client may have.
                0 => ret(4 * random.below(12) + 1, &random.bytes(3)),
                1 => fail(4 * random.below(12) + 1, random.next() as u8, &random.bytes(9)),
                _ => frame_of(&mut random, seed % 2 == 0, METHODS, 2),
            });
            let frames = frames.collect::<Vec<_>>();
            raw.send(frames).await;
            if random.below(3) == 0 && read(&mut raw).await.is_some() {
                break;
            }
        }
        drop(raw);
        let info = client.closed().await;
        assert!(matches!(info.code, 1002 | 1006 | 1008), "attacker {seed}: {info}");
        for call in calls {
            // R13: each has one outcome, whichever.
            let _ = call.await.expect("no panic");
        }
        assert_eq!((client.pending(), client.running()), (0, 0), "attacker {seed}");
        until_true(|| counts.live() == 0 && Arc::strong_count(&counts) == 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn r35_damaged_handshakes_do_no_harm() {
    let limits = Limits::default().header_timeout(std::time::Duration::from_millis(200));
    let arena = Arena::open(MEMORY, limits).await;
    let good = frames::websocket(
        0x82,
        Some([0; 4]),
        &frames::batch([Hello::default().with_header(&header(Encoding::Bincode, WELCOME))]),
    );
    for seed in 0..500 {
        let mut random = Random::seeded(seed);
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, random.next() as u8),
                _ => drop(bytes.remove(at)),
            }
        }
        let mut raw = arena.raw().await;
        raw.bytes(&bytes).await;
        let ended = read(&mut raw).await;
        assert!(
            matches!(ended, None | Some(Some(1002 | 1003 | 1007 | 1009 | 4505 | 4506) | None)),
            "attacker {seed}: {ended:?}"
        );
        drop(raw);
    }
    arena.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r35_a_swarm_does_no_harm() {
    const ATTACKERS: u64 = 24;
    let mut arena = Arena::open(Over::Socket, Limits::default().max_in_flight(10)).await;
    let mut swarm = tokio::task::JoinSet::new();
    for seed in 0..ATTACKERS {
        let (mut raw, serving) = arena.joined().await;
        swarm.spawn(async move {
            let mut random = Random::seeded(5000 + seed);
            for round in 0..40 {
                let frames = (0..20).map(|_| frame(&mut random, round > 20)).collect::<Vec<_>>();
                if !raw.send(frames).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
            if random.below(2) == 0 {
                drop(raw);
            } else {
                read(&mut raw).await;
                drop(raw);
            }
            serving.closed().await.code
        });
    }
    while !swarm.is_empty() {
        arena.serves().await;
        if let Some(code) = swarm.try_join_next() {
            let code = code.expect("no panic");
            assert!(matches!(code, 1002 | 1006 | 1008), "{code}");
        }
    }
    arena.ends_well().await;
}
