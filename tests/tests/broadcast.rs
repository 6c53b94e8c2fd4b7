//! R32: one message to many, encoded once, and never waiting for the slow unless asked to.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use ws_core::broadcast::BroadcastHandle;
use ws_core::{Broadcast, CallContext, Encoding, Limits, Peer, ws_service};
use ws_tests::fixture::{Carrier, Ends, connect, heard};

#[ws_service]
pub trait Screen {
    #[ws(event)]
    async fn show(&self, ctx: &CallContext, text: String);
    async fn confirm(&self, question: String) -> bool;
}

struct Shown {
    tell: mpsc::UnboundedSender<(u64, String)>,
    answer: bool,
}

impl Screen for Shown {
    async fn show(&self, ctx: &CallContext, text: String) {
        self.tell.send((ctx.event_id(), text)).expect("the test listens");
    }

    async fn confirm(&self, _question: String) -> bool {
        self.answer
    }
}

type Client = (Ends<(), ScreenRemote, ()>, mpsc::UnboundedReceiver<(u64, String)>);

async fn client(way: (Carrier, Encoding), answer: bool) -> Client {
    let (tell, told) = mpsc::unbounded_channel();
    let shown = ScreenProvider::new(Shown { tell, answer });
    (connect(way, &Limits::default(), |_| (), |()| shown).await, told)
}

fn to(clients: &[Client]) -> ScreenBroadcast {
    let peers: Vec<Peer> = clients.iter().map(|(ends, _)| ends.serving.peer()).collect();
    ScreenBroadcast::from_handle(BroadcastHandle::new(Arc::new(move || peers.clone())))
}

#[tokio::test]
async fn r32_an_event_reaches_everybody_in_order_whatever_they_speak() {
    let mut clients = Vec::new();
    for way in ws_tests::fixture::ways() {
        clients.push(client(way, true).await);
    }
    let screens = to(&clients);
    for round in 0..3 {
        let report = screens.show(format!("round {round}")).await;
        assert_eq!((report.reached, report.audience()), (clients.len(), clients.len()));
    }
    for (_, told) in &mut clients {
        for round in 0..3 {
            assert_eq!(
                heard(told).await,
                Some((0, format!("round {round}"))),
                "R19: a broadcast has the id 0"
            );
        }
    }
}

#[tokio::test]
async fn r32_a_call_gathers_everybodys_answer() {
    let mut clients = Vec::new();
    for (position, way) in ws_tests::fixture::ways().enumerate() {
        clients.push(client(way, position % 2 == 0).await);
    }
    let answers: Vec<_> = to(&clients).confirm("ready?".to_owned()).await.collect().await;
    assert_eq!(answers.len(), clients.len());
    for (position, (ends, _)) in clients.iter().enumerate() {
        let answer = answers.iter().find(|(id, _)| *id == ends.serving.id()).expect("one of each");
        assert_eq!(answer.1.as_ref().ok(), Some(&(position % 2 == 0)));
    }
}
