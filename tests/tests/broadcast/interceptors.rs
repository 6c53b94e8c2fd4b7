//! Interceptors see a broadcast once for each peer: what one makes of it changes nothing for the others (R24).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use ws_core::{
    CallError, CallOptions, ConnectionId, Denial, Interception, Interceptor, Metadata, SlowConsumer,
};
use ws_server::WebSocketServer;

use super::stage::{ScreenMethod, Seat, Stage, Told, quiet, screens, shown, to};

/// Does to each connection what its place among those it has seen says.
#[derive(Clone, Default)]
struct Meddles {
    first: Arc<std::sync::Mutex<Vec<ConnectionId>>>,
    asked: Arc<AtomicUsize>,
}

impl Interceptor for Meddles {
    fn send(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let id = message.peer().id();
        let place = {
            let mut seen = self.first.lock().expect("unpoisoned");
            seen.iter().position(|seen| *seen == id).unwrap_or_else(|| {
                seen.push(id);
                seen.len() - 1
            })
        };
        match place {
            1 => Err(Denial::new("not you")),
            2 if message.is(ScreenMethod::Show) => {
                let text: (String,) = message.decode().expect("a text");
                message.replace(&(format!("{} (changed)", text.0),)).expect("it fits");
                Ok(())
            }
            3 => panic!("out of order"),
            4 if message.is(ScreenMethod::Show) => {
                message.replace(&(4_u32, vec![4_u8; 30_000])).expect("it fits");
                message.reroute(ScreenMethod::Paint);
                Ok(())
            }
            5 => {
                assert_eq!(message.metadata("tag"), Some("red"));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn tagged() -> CallOptions {
    let mut metadata = Metadata::new();
    metadata.insert("tag", "red").expect("short");
    CallOptions::new().metadata(metadata)
}

async fn meddled() -> (Stage, Vec<Seat>, Meddles) {
    let meddles = Meddles::default();
    let mut stage = Stage::of(WebSocketServer::builder().limits(quiet()).intercept(meddles.clone()));
    let seats = stage.seats(&quiet(), 6).await;
    (stage, seats, meddles)
}

#[tokio::test]
async fn r24_an_interceptor_denies_changes_and_reroutes_for_one_alone() {
    for slow in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::Wait] {
        let (_stage, mut seats, meddles) = meddled().await;
        let screens = screens(to(&seats).slow(slow)).with(tagged());
        let report = screens.show("text".into()).await;
        assert_eq!((report.reached, report.refused, report.audience()), (4, 2, 6));
        assert_eq!(meddles.asked.load(Ordering::SeqCst), 6, "once for each");
        let plain = |text: &str| Told::Show { id: 0, text: text.into(), tag: Some("red".into()) };
        assert_eq!(seats[0].next().await, plain("text"));
        assert_eq!(seats[2].next().await, plain("text (changed)"), "with its metadata");
        assert_eq!(seats[4].next().await, Told::Paint(4, 30_000));
        assert_eq!(seats[5].next().await, plain("text"));
        for seat in &mut seats {
            assert!(seat.serving.peer().is_open());
            assert_eq!(seat.all(), []);
        }
    }
}

#[tokio::test]
async fn r24_calls_of_many_pass_the_interceptors_each() {
    let (_stage, seats, _) = meddled().await;
    let mut answers: Vec<_> = screens(to(&seats)).with(tagged()).confirm("red".into()).await.collect().await;
    answers.sort_by_key(|(id, _)| *id);
    let answers: Vec<_> = answers.into_iter().map(|(_, answer)| answer).collect();
    let denied = || Err(CallError::Denied);
    assert_eq!(answers, [Ok(true), denied(), Ok(true), denied(), Ok(true), Ok(true)]);
}

/// What waits for the slow has passed the interceptors, and does not meet them again.
#[tokio::test(start_paused = true)]
async fn r24_what_waits_is_not_asked_about_twice() {
    let (mut stage, _, meddles) = meddled().await;
    for slow in [SlowConsumer::Wait, SlowConsumer::DropNewest] {
        let mut seat = stage.seat(&quiet().event_lane_messages(1), ws_core::Encoding::Bincode, 4).await;
        seat.shut();
        let screens = screens(to(std::slice::from_ref(&seat)).slow(slow));
        let before = meddles.asked.load(Ordering::SeqCst);
        meddles.first.lock().expect("unpoisoned").clear();
        assert!(screens.show("0".into()).await.is_complete());
        let waits = tokio::spawn(screens.show("1".into()).into_future());
        super::stage::settle().await;
        seat.open();
        assert!(waits.await.expect("no panic").is_complete());
        assert_eq!((seat.next().await, seat.next().await), (shown("0"), shown("1")));
        assert_eq!(meddles.asked.load(Ordering::SeqCst) - before, 2);
    }
}
