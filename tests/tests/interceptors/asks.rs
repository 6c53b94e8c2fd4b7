//! Messages that are answered by messages.

use std::time::Duration;

use ws_client::WebSocketConnector;
use ws_core::{CallError, Denial, Fate, Interception, ws_service};
use ws_server::WebSocketServer;
use ws_tests::fixture::{Ends, connect_by, until_true, ways};

use super::contract::{By, Log, Nothing, Point, Way, at};

#[ws_service]
trait Chat {
    #[ws(event)]
    async fn question(&self, text: String);
    #[ws(event)]
    async fn answer(&self, text: String);
    #[ws(event)]
    async fn other(&self, text: String);
}

/// Both sides serve and speak the same; the server answers each question.
struct Person;

impl Chat for Person {
    async fn question(&self, _: String) {}
    async fn answer(&self, _: String) {}
    async fn other(&self, _: String) {}
}

type Chatting = Ends<ChatProvider<Person>, ChatRemote, ChatRemote>;

async fn open(
    way: Way,
    server: impl ws_core::Interceptor,
    client: impl ws_core::Interceptor,
) -> (Chatting, impl Sized) {
    let ends = connect_by(
        way,
        WebSocketServer::builder().intercept(server),
        WebSocketConnector::builder(()).intercept(client),
        |_: ChatRemote| ChatProvider::new(Person),
        |_: ChatRemote| ChatProvider::new(Person),
    )
    .await;
    let listeners = ends.serving.listen::<ChatEvent>();
    let subscription = listeners.on(|event: &ChatEvent, message| {
        if let ChatEvent::Question { text } = event {
            let _ = message.answer(ChatEvent::Answer { text: format!("{text}?") });
        }
    });
    (ends, (listeners, subscription))
}

fn question() -> ChatEvent {
    ChatEvent::Question { text: "why".into() }
}

fn text(event: &ChatEvent) -> &str {
    match event {
        ChatEvent::Question { text } | ChatEvent::Answer { text } | ChatEvent::Other { text } => text,
    }
}

#[tokio::test]
async fn r24_a_question_and_its_answer_pass_send_and_receive() {
    for way in ways() {
        let log = Log::default();
        let noting = |name: &'static str| {
            let log = log.clone();
            By(move |point: Point, message: &mut Interception<'_>| {
                assert!(!message.is_call());
                log.note(format!("{name} {point:?} {}", message.method()));
                Ok(())
            })
        };
        let (ends, _listening) = open(way, noting("server"), noting("client")).await;
        let answer = ends.client.peer().ask(question()).await.expect("an answer");
        assert_eq!(text(answer.event()), "why?");
        let expected = [
            "client Send Chat.question",
            "server Receive Chat.question",
            "server Send Chat.answer",
            "client Receive Chat.answer",
        ];
        assert_eq!(log.take(), expected, "{way:?}");
        until_true(|| ends.client.pending() == 0 && ends.serving.pending() == 0).await;
    }
}

#[tokio::test]
async fn r24_an_answer_is_rewritten_and_rerouted() {
    for way in ways() {
        let act = |message: &mut Interception<'_>| {
            if message.is(ChatMethod::Answer) {
                message.replace(&("because",)).map_err(|error| Denial::new(error.to_string()))?;
                message.reroute(ChatMethod::Other);
            }
            Ok(())
        };
        for at_receiver in [true, false] {
            let (ends, _listening) = if at_receiver {
                let (ends, listening) = open(way, Nothing, at(Point::Receive, act)).await;
                (ends, Box::new(listening) as Box<dyn std::any::Any>)
            } else {
                let (ends, listening) = open(way, at(Point::Send, act), Nothing).await;
                (ends, Box::new(listening) as Box<dyn std::any::Any>)
            };
            let answer = ends.client.peer().ask(question()).await.expect("an answer");
            assert!(matches!(answer.event(), ChatEvent::Other { .. }), "{way:?} {at_receiver}");
            assert_eq!(text(answer.event()), "because");
        }
    }
}

#[tokio::test]
async fn r24_an_answer_that_is_denied_answers_nothing() {
    for way in ways() {
        let deny = |message: &mut Interception<'_>| {
            if message.is(ChatMethod::Answer) { Err(Denial::new("a secret")) } else { Ok(()) }
        };
        let (ends, _listening) = open(way, Nothing, at(Point::Receive, deny)).await;
        let asked = ends.client.peer().ask(question()).within(Duration::from_millis(50)).await;
        assert_eq!(asked.err(), Some(CallError::Timeout(Fate::Unknown)));
        until_true(|| ends.client.pending() == 0).await;
        // And a panic is no more than that.
        let panic = |message: &mut Interception<'_>| {
            assert!(!message.is(ChatMethod::Answer), "a secret");
            Ok(())
        };
        let (ends, _listening) = open(way, Nothing, at(Point::Receive, panic)).await;
        let asked = ends.client.peer().ask(question()).within(Duration::from_millis(50)).await;
        assert_eq!(asked.err(), Some(CallError::Timeout(Fate::Unknown)));
        assert!(ends.client.is_open());
    }
}

#[tokio::test]
async fn r24_a_question_that_is_denied_at_send_does_not_leave() {
    for way in ways() {
        let deny = |_: &mut Interception<'_>| Err(Denial::new("a secret"));
        let (ends, _listening) = open(way, Nothing, at(Point::Send, deny)).await;
        let asked = ends.client.peer().ask(question()).await;
        assert_eq!(asked.err(), Some(CallError::Denied));
        assert_eq!(ends.serving.stats().events_received, 0);
        assert_eq!(ends.client.pending(), 0);
    }
}

#[tokio::test]
async fn r24_listeners_see_what_interceptors_made_of_a_message() {
    for way in ways() {
        let log = Log::default();
        let act = |message: &mut Interception<'_>| {
            if message.is(ChatMethod::Question) {
                message.replace(&("rewritten",)).map_err(|error| Denial::new(error.to_string()))?;
            }
            if message.is(ChatMethod::Other) { Err(Denial::new("not for listeners")) } else { Ok(()) }
        };
        let (ends, _listening) = open(way, at(Point::Receive, act), Nothing).await;
        let listeners = ends.serving.listen::<ChatEvent>();
        let seen = log.clone();
        let _on = listeners.on(move |event: &ChatEvent, _| seen.note(text(event).to_owned()));
        ends.client.remote().other("denied".into()).await.expect("credit");
        ends.client.remote().question("as it was".into()).await.expect("credit");
        ends.client.remote().answer("the end".into()).await.expect("credit");
        until_true(|| log.len() >= 2).await;
        assert_eq!(log.take(), ["rewritten", "the end"], "{way:?}");
    }
}
