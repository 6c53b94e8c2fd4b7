//! R12–R17 for contracts that are served as an actor loop: requests with reply handles.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use ws_core::{
    CallError, CallOptions, Encoding, Fate, Limits, Never, ReplyHandle, RequestProvider, Requests, ws_service,
};
use ws_tests::fixture::{Carrier, Ends, connect, until_true, ways};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    Empty,
}

#[ws_service]
pub trait Science {
    async fn square(&self, number: u32) -> u64;
    #[ws(event)]
    async fn remember(&self, number: u32);
}

#[ws_service]
pub trait Desk {
    async fn add(&self, a: u32, b: u32) -> u32;
    async fn take(&self, text: String) -> Result<String, Refused>;
    #[ws(event)]
    async fn note(&self, number: u32);
    #[ws(nested)]
    fn science(&self) -> &impl Science;
}

const MEMORY: (Carrier, Encoding) = (Carrier::Memory, Encoding::Bincode);

type Serving = RequestProvider<DeskRequest>;
type Desks = Ends<Serving, (), DeskRemote>;

/// A server whose contract is served by the loop that the test runs.
async fn desk(way: (Carrier, Encoding), limits: &Limits, capacity: usize) -> (Desks, Requests<DeskRequest>) {
    let (provider, requests) = DeskRequest::channel(capacity);
    let provider = std::sync::Mutex::new(Some(provider));
    let serves = move |(): ()| provider.lock().expect("unpoisoned").take().expect("one connection");
    (connect(way, limits, serves, |_| ()).await, requests)
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("no hang")
}

/// The reply handle of the call of `add` that comes next.
async fn next_add(requests: &mut Requests<DeskRequest>) -> (u32, u32, ReplyHandle<u32>) {
    match in_time(requests.next()).await {
        Some(DeskRequest::Add { a, b, reply }) => (a, b, reply),
        request => panic!("not a call of `add`: {request:?}"),
    }
}

#[tokio::test]
async fn r13_a_loop_with_a_state_of_its_own_serves_a_contract() {
    for way in ways() {
        let (ends, mut requests) = desk(way, &Limits::default(), 8).await;
        let actor = tokio::spawn(async move {
            let (mut notes, mut remembered) = (Vec::new(), 0);
            while let Some(request) = requests.next().await {
                match request {
                    DeskRequest::Add { a, b, reply } => reply.send(a + b),
                    DeskRequest::Take { text, reply } if text.is_empty() => reply.fail(Refused::Empty),
                    DeskRequest::Take { text, reply } => reply.finish(Ok(format!("{text} {notes:?}"))),
                    DeskRequest::Note { number } => notes.push(number),
                    DeskRequest::Science(ScienceRequest::Square { number, reply }) => {
                        reply.send(u64::from(number) * u64::from(number) + u64::from(remembered));
                    }
                    DeskRequest::Science(ScienceRequest::Remember { number }) => remembered = number,
                }
            }
            notes
        });
        let remote = ends.client.remote();
        assert_eq!(remote.add(2, 3).await, Ok(5));
        remote.note(1).await.expect("credit");
        remote.note(2).await.expect("credit");
        remote.science().remember(1).await.expect("credit");
        until_true(|| ends.serving.running() == 0 && ends.serving.stats().events_received == 3).await;
        assert_eq!(remote.take("notes".into()).await, Ok("notes [1, 2]".into()));
        assert_eq!(remote.take(String::new()).await, Err(CallError::App(Refused::Empty)));
        assert_eq!(remote.science().square(4).await, Ok(17));
        assert_eq!(remote.with(CallOptions::new()).science().square(3).await, Ok(10));
        ends.client.close().await;
        let notes = in_time(actor).await.expect("the loop ends with the last provider");
        assert_eq!(notes, [1, 2]);
    }
}

#[tokio::test]
async fn r17_a_reply_handle_that_is_dropped_fails_the_call_at_once() {
    for way in ways() {
        let (ends, mut requests) = desk(way, &Limits::default(), 8).await;
        let call = tokio::spawn(ends.client.remote().add(1, 2));
        let (.., reply) = next_add(&mut requests).await;
        drop(reply);
        assert_eq!(in_time(call).await.expect("no panic"), Err(CallError::NoReply));
        // The whole loop dropped: what waits in it fails, and so does what comes.
        let call = tokio::spawn(ends.client.remote().add(1, 2));
        until_true(|| ends.serving.running() == 1).await;
        drop(requests);
        let outcome = in_time(call).await.expect("no panic");
        assert!(matches!(outcome, Err(CallError::NoReply | CallError::NoProvider)), "{outcome:?}");
        assert_eq!(in_time(ends.client.remote().add(1, 2)).await, Err(CallError::NoProvider));
        ends.client.remote().note(1).await.expect("an event is sent, and goes nowhere");
        until_true(|| ends.serving.running() == 0 && ends.client.pending() == 0).await;
        assert!(ends.client.is_open());
    }
}

#[tokio::test]
async fn r12_calls_do_not_wait_for_each_others_answers() {
    for way in ways() {
        let (ends, mut requests) = desk(way, &Limits::default(), 64).await;
        let remote = ends.client.remote();
        let calls = join_all((0..50).map(|number| remote.add(number, 0)));
        let answering = async {
            let mut handles = Vec::new();
            for number in 0..50 {
                let (a, b, reply) = next_add(&mut requests).await;
                assert_eq!((a, b), (number, 0), "they come in the order of sending");
                handles.push((a, reply));
            }
            // The last first, each from a task of its own.
            while let Some((a, reply)) = handles.pop() {
                tokio::spawn(async move { reply.send(a * 2) }).await.expect("no panic");
            }
        };
        let (answers, ()) = in_time(futures::future::join(calls, answering)).await;
        assert!(answers.into_iter().eq((0..50).map(|number| Ok(number * 2))));
        assert_eq!((ends.client.pending(), ends.serving.running()), (0, 0));
    }
}

#[tokio::test]
async fn r12_events_come_in_the_order_of_sending_among_calls() {
    for way in ways() {
        let (ends, mut requests) = desk(way, &Limits::default().event_lane_messages(4), 2).await;
        let remote = ends.client.remote().clone();
        let sending = tokio::spawn(async move {
            let mut calls = Vec::new();
            for number in 0..200 {
                remote.note(number).await.expect("credit");
                calls.push(tokio::spawn(remote.add(number, 1)));
            }
            for (number, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await.expect("no panic"), Ok(number as u32 + 1));
            }
        });
        let mut notes = 0;
        for _ in 0..400 {
            match in_time(requests.next()).await.expect("it is open") {
                DeskRequest::Note { number } => {
                    assert_eq!(number, notes);
                    notes += 1;
                }
                DeskRequest::Add { a, b, reply } => reply.send(a + b),
                request => panic!("{request:?}"),
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(notes, 200);
        in_time(sending).await.expect("no panic");
    }
}

/// R11: a loop that is not read holds back what is behind it, and no reply to this side's own calls.
#[tokio::test]
async fn r11_a_full_loop_holds_back_events_and_calls_but_never_replies() {
    for way in ways() {
        for capacity in [0, 1, 3] {
            let (provider, mut requests) = DeskRequest::channel(capacity);
            let other = AnswersProvider::new(Answers);
            let limits = Limits::default().event_lane_messages(8);
            let serves = move |_: AnswerRemote| provider.clone();
            let ends = connect(way, &limits, serves, |_: DeskRemote| other).await;
            let remote = ends.client.remote();
            for number in 0..8 {
                remote.note(number).await.expect("credit");
            }
            until_true(|| ends.serving.stats().events_received == 8).await;
            let calls: Vec<_> = (0..5).map(|number| tokio::spawn(remote.add(number, 0))).collect();
            until_true(|| ends.serving.running() >= 6).await;
            // All is full; replies go through.
            for number in 0..20 {
                assert_eq!(in_time(ends.serving.remote().answer(number)).await, Ok(number));
            }
            for _ in 0..8 + 5 {
                match in_time(requests.next()).await.expect("it is open") {
                    DeskRequest::Note { .. } => {}
                    DeskRequest::Add { a, reply, .. } => reply.send(a),
                    request => panic!("{request:?}"),
                }
            }
            for call in calls {
                in_time(call).await.expect("no panic").expect("answered");
            }
            until_true(|| ends.client.pending() == 0 && ends.serving.running() == 0).await;
        }
    }
}

#[ws_service]
pub trait Answer {
    async fn answer(&self, number: u32) -> u32;
}

struct Answers;

impl Answer for Answers {
    async fn answer(&self, number: u32) -> u32 {
        number
    }
}

use AnswerProvider as AnswersProvider;

#[tokio::test]
async fn r13_a_denied_call_learns_no_reason() {
    for way in ways() {
        let (ends, mut requests) = desk(way, &Limits::default(), 1).await;
        let call = tokio::spawn(ends.client.remote().add(1, 2));
        let (.., reply) = next_add(&mut requests).await;
        assert_eq!(reply.context().method(), "Desk.add");
        reply.deny("not on a Sunday");
        assert_eq!(in_time(call).await.expect("no panic"), Err(CallError::Denied));
    }
}

#[tokio::test]
async fn r14_a_reply_handle_learns_that_nobody_waits_any_more() {
    for way in ways() {
        // Dropped by the caller.
        let (ends, mut requests) = desk(way, &Limits::default(), 1).await;
        let call = tokio::spawn(ends.client.remote().add(1, 2));
        let (.., mut reply) = next_add(&mut requests).await;
        assert!(!reply.is_cancelled());
        assert!(futures::poll!(std::pin::pin!(reply.cancelled())).is_pending());
        call.abort();
        in_time(reply.cancelled()).await;
        assert!(reply.is_cancelled());
        reply.send(3);
        // The end of the connection.
        let call = tokio::spawn(ends.client.remote().add(1, 2));
        let (.., mut reply) = next_add(&mut requests).await;
        ends.client.close().await;
        assert!(in_time(call).await.expect("no panic").expect_err("closed").is_closed());
        in_time(reply.cancelled()).await;
        reply.send(3);
        assert!(in_time(requests.next()).await.is_none(), "nothing feeds it any more");
        assert_eq!((ends.client.pending(), ends.serving.running()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn r14_a_loop_that_does_not_answer_costs_the_deadline() {
    let (ends, mut requests) = desk(MEMORY, &Limits::default(), 1).await;
    let hurried = ends.client.remote().with(CallOptions::new().deadline(Duration::from_secs(2)));
    let begun = Instant::now();
    let call = tokio::spawn(hurried.add(1, 2));
    let (.., mut reply) = next_add(&mut requests).await;
    assert!(reply.context().remaining().is_some_and(|remaining| remaining <= Duration::from_secs(2)));
    reply.cancelled().await;
    assert_eq!(in_time(call).await.expect("no panic"), Err(CallError::Timeout(Fate::Unknown)));
    assert!(begun.elapsed() < Duration::from_millis(2010), "{:?}", begun.elapsed());
    until_true(|| ends.serving.running() == 0).await;
    // One that waits for room in the loop as well: it never comes into it.
    for number in 0..2 {
        ends.client.remote().note(number).await.expect("credit");
    }
    let waits =
        ends.client.remote().with(CallOptions::new().deadline(Duration::from_secs(2))).add(7, 7).await;
    assert_eq!(waits, Err(CallError::Timeout(Fate::Unknown)));
    for _ in 0..2 {
        assert!(matches!(requests.next().await, Some(DeskRequest::Note { .. })));
    }
    until_true(|| ends.serving.running() == 0).await;
    assert!(futures::poll!(std::pin::pin!(requests.next())).is_pending(), "its handler was dropped");
}

/// One loop may serve several connections, and ends with the last of them.
#[tokio::test]
async fn r3_clones_of_the_provider_feed_one_loop() {
    let (provider, mut requests) = DeskRequest::channel(4);
    let mut all = Vec::new();
    for way in ways() {
        let provider = provider.clone();
        let ends: Desks = connect(way, &Limits::default(), move |(): ()| provider.clone(), |_| ()).await;
        all.push(ends);
    }
    drop(provider);
    for (number, ends) in all.iter().enumerate() {
        let call = tokio::spawn(ends.client.remote().add(number as u32, 0));
        let (a, _, reply) = next_add(&mut requests).await;
        assert_eq!(reply.context().connection(), ends.serving.id());
        reply.send(a);
        assert_eq!(in_time(call).await.expect("no panic"), Ok(number as u32));
    }
    // The servers' handlers hold clones, too.
    for ends in all {
        ends.client.close().await;
        ends.server.close().await;
    }
    assert!(in_time(requests.next()).await.is_none());
}

/// R3: a loop that holds the remote of the connection that it serves does not keep that.
#[tokio::test]
async fn r3_a_loop_may_call_back_and_keeps_nothing() {
    for way in ways() {
        let (provider, mut requests) = DeskRequest::channel(1);
        let provider = std::sync::Mutex::new(Some(provider));
        let serves =
            move |_: AnswerRemote| provider.lock().expect("unpoisoned").take().expect("one connection");
        let ends =
            connect(way, &Limits::default(), serves, |_: DeskRemote| AnswerProvider::new(Answers)).await;
        let call = tokio::spawn(ends.client.remote().add(20, 1));
        let (a, b, reply) = next_add(&mut requests).await;
        let client: AnswerRemote = reply.context().remote();
        let doubled = in_time(client.answer(a + b)).await.expect("the client answers");
        reply.send(doubled);
        assert_eq!(in_time(call).await.expect("no panic"), Ok(21));
        drop(ends.client);
        assert!(in_time(requests.next()).await.is_none());
        assert!(client.answer(1).await.expect_err("closed").is_closed());
    }
}

#[tokio::test]
async fn requests_are_a_stream() {
    let (ends, requests) = desk(MEMORY, &Limits::default(), 2).await;
    let serving = tokio::spawn(requests.for_each(|request| async move {
        if let DeskRequest::Add { a, b, reply } = request {
            reply.send(a + b);
        }
    }));
    assert_eq!(ends.client.remote().add(1, 1).await, Ok(2));
    assert_eq!(ends.client.remote().take("x".into()).await, Err(CallError::NoReply));
    ends.client.close().await;
    in_time(serving).await.expect("no panic");
}

/// A value that its type does not let pass, decoded there or encoded here.
#[tokio::test]
async fn r17_what_cannot_be_encoded_or_decoded_is_answered() {
    #[ws_service]
    trait Odd {
        async fn give(&self, what: u8) -> Vec<u8>;
        async fn text(&self, text: String) -> u8;
    }
    mod lies {
        #[ws_core::ws_service]
        pub trait Odd {
            async fn text(&self, number: Vec<u8>) -> u8;
        }
    }
    for way in ways() {
        let (provider, mut requests) = OddRequest::channel(1);
        let provider = Arc::new(provider);
        let serves = move |(): ()| RequestProvider::clone(&provider);
        let limits = Limits::default().max_message(4096);
        let ends = connect(way, &limits, serves, |_: OddRemote| ()).await;
        let actor = async {
            let Some(OddRequest::Give { reply, .. }) = requests.next().await else { panic!("a call") };
            reply.send(vec![0; 8192]);
            requests
        };
        let (outcome, mut requests) =
            in_time(futures::future::join(ends.client.remote().give(1), actor)).await;
        assert_eq!(outcome, Err(CallError::TooLarge(Fate::Unknown)));
        let lie = ends.client.peer().call::<lies::OddRemote>(lies::OddEvent::Text { number: vec![255; 9] });
        assert_eq!(in_time(lie).await.map(drop), Err(CallError::InvalidArguments));
        assert!(
            futures::poll!(std::pin::pin!(requests.next())).is_pending(),
            "it did not come into the loop"
        );
    }
}

#[test]
fn what_stands_in_logs() {
    let (provider, requests) = DeskRequest::channel(3);
    assert_eq!(format!("{provider:?}"), "RequestProvider { .. }");
    assert_eq!(format!("{requests:?}"), "Requests { waiting: 0, .. }");
    let request = DeskRequest::Note { number: 3 };
    assert_eq!(format!("{request:?}"), "Note { number: 3 }");
    let _: Option<ReplyHandle<u8, Never>> = None;
}
