//! Of what is broadcast under one key, who is slow gets the latest alone.

use ws_core::{Encoding, SlowConsumer};

use super::stage::{Stage, Told, quiet, screens, settle, shown, to};

#[tokio::test(start_paused = true)]
async fn r32_who_is_slow_gets_the_latest_of_each_key_in_its_place() {
    let mut stage = Stage::new(quiet());
    let mut seats = vec![
        stage.seat(&quiet(), Encoding::Bincode, 4).await,
        stage.seat(&quiet().event_lane_messages(1), Encoding::Msgpack, 4).await,
    ];
    seats[1].shut();
    let ids = [seats[0].serving.id(), seats[1].serving.id()];
    let cursors = ids.map(|id| screens(to(&seats).latest_by(id)));
    let plain = screens(to(&seats));
    assert!(plain.show("begin".into()).await.is_complete());
    let mut replaced = 0;
    for round in 0..50_u32 {
        for (cursor, fill) in cursors.iter().zip([0, 1]) {
            let report = cursor.paint(2 * round + fill, vec![(2 * round + fill) as u8; 5]).await;
            assert!(report.is_complete());
            replaced += report.replaced;
        }
        if round == 10 {
            assert!(plain.show("middle".into()).await.is_complete());
        }
    }
    assert_eq!(replaced, 98, "the first of each has its place");
    assert_eq!(seats[1].serving.stats().broadcasts_replaced, 98);
    assert_eq!(seats[1].serving.pending(), 3);
    seats[1].open();
    settle().await;
    let last = [shown("begin"), Told::Paint(98, 5), Told::Paint(99, 5), shown("middle")];
    assert_eq!(seats[1].all(), last);
    assert_eq!(seats[0].all().len(), 102, "who is fast has them all");
}

/// Where the sender waits for the slow, nothing stands in a queue that could be replaced.
#[tokio::test(start_paused = true)]
async fn r32_a_key_changes_nothing_where_the_sender_waits() {
    let mut stage = Stage::new(quiet());
    let mut seats = vec![stage.seat(&quiet().event_lane_messages(1), Encoding::Bincode, 4).await];
    seats[0].shut();
    let screens = screens(to(&seats).latest_by("key").slow(SlowConsumer::Wait));
    assert!(screens.show("0".into()).await.is_complete());
    let (first, second) = (screens.show("1".into()), screens.show("2".into()));
    let both = tokio::spawn(async move { futures::join!(first, second) });
    settle().await;
    seats[0].open();
    let (first, second) = both.await.expect("no panic");
    assert_eq!((first.reached, first.replaced, second.reached, second.replaced), (1, 0, 1, 0));
    settle().await;
    assert_eq!(seats[0].all(), [shown("0"), shown("1"), shown("2")]);
}
