//! Tenet 2: no attacker leaves memory behind. Alone in its file, since it measures the process.
#![cfg(target_os = "linux")]

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use ws_core::{Encoding, Limits};
use ws_tests::raw::arena::{Arena, MEMORY, WELCOME, header};
use ws_tests::raw::frames::{self, Hello, call, event, websocket};

/// Resident pages of this process, in KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4
}

/// One attacker from its coming to its end, by turns in every way that there is.
async fn comes_and_goes(arena: &mut Arena, round: usize) {
    let mut raw = arena.raw().await;
    match round % 6 {
        0 => drop(raw),
        1 => {
            raw.bytes(&websocket(0x83, Some([0; 4]), b"?")).await;
        }
        2 => {
            raw.send([Hello::default().with_header(&[1])]).await;
            raw.drain().await;
        }
        way => {
            raw.send([Hello::default().with_header(&header(Encoding::Bincode, WELCOME))]).await;
            let (mut raw, serving) = arena.welcomed(raw).await;
            let large = frames::encoded(Encoding::Bincode, &"x".repeat(20_000));
            raw.send((0..20).map(|i| call(2 * i + 1, "Target.hang", &[0])).collect::<Vec<_>>()).await;
            raw.send([call(101, "Target.hang", &large), event(103, "Target.note", &large)]).await;
            match way {
                3 => drop(raw),
                4 => {
                    raw.message(Message::Close(None)).await;
                    raw.drain().await;
                }
                _ => {
                    raw.send([vec![0x55]]).await;
                    raw.drain().await;
                }
            }
            serving.closed().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attackers_leave_no_memory_behind() {
    const WARM: usize = 300;
    const MORE: usize = 1500;
    let limits = Limits::default().close_grace(Duration::from_millis(10));
    let mut arena = Arena::open(MEMORY, limits).await;
    for round in 0..WARM {
        comes_and_goes(&mut arena, round).await;
    }
    arena.only_honest().await;
    let before = resident();
    for round in 0..MORE {
        comes_and_goes(&mut arena, round).await;
    }
    arena.only_honest().await;
    let grown = resident().saturating_sub(before);
    assert!(grown < MORE / 2, "{grown} KiB more after {MORE} attackers: something of each was kept");
    arena.ends_well().await;
}
