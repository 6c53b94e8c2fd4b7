//! The second canonical program: a contract as an actor loop, its listeners, and a conversation; over a real socket.

use std::sync::{Arc, Mutex};

use ws_client::WebSocketConnector;
use ws_core::{Listeners, Message, RequestProvider, ws_service};
use ws_server::WebSocketServer;

#[ws_service]
pub trait Calculator {
    async fn add(&self, a: i64, b: i64) -> i64;
    #[ws(event)]
    async fn memo(&self, note: String);
}

#[ws_service]
pub trait Chat {
    #[ws(event)]
    async fn typing(&self, user: String);
    #[ws(event)]
    async fn ready(&self, room: u32);
    async fn question(&self, text: String) -> String;
    #[ws(event)]
    async fn thanks(&self, to: String);
    #[ws(event)]
    async fn done(&self);
}

#[tokio::test]
async fn a_contract_is_served_by_a_loop() -> Result<(), Box<dyn std::error::Error>> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let log = {
        let notes = Arc::clone(&notes);
        move |note| notes.lock().expect("no panic").push(note)
    };
    let (provider, mut requests) = CalculatorRequest::channel(64);
    let actor = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            match request {
                CalculatorRequest::Add { a, b, reply } => reply.send(a + b),
                CalculatorRequest::Memo { note } => log(note),
            }
        }
    });

    let server = WebSocketServer::<(), RequestProvider<CalculatorRequest>, ()>::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let provider = provider.clone();
            async move {
                acceptor.accept(provider).await?;
                Ok(())
            }
        })
        .await?;
    let connector = WebSocketConnector::<(), (), CalculatorRemote>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await?;
    connection.remote().memo("two and three".into()).await?;
    assert_eq!(connection.remote().add(2, 3).await?, 5);
    assert_eq!(*notes.lock().expect("no panic"), ["two and three"]);

    connection.close().await;
    server.close().await;
    drop(server);
    actor.await?;
    Ok(())
}

#[tokio::test]
async fn listeners_and_a_conversation() -> Result<(), Box<dyn std::error::Error>> {
    let server = WebSocketServer::<(), Listeners<ChatEvent>, ChatRemote>::new();
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            let listeners = Listeners::<ChatEvent>::new();
            let answering = listeners.on(|event: &ChatEvent, message| match event {
                ChatEvent::Typing { .. } => message.answer(ChatEvent::Ready { room: 7 }),
                ChatEvent::Question { text } => message.answer(ChatEvent::Typing { user: text.clone() }),
                ChatEvent::Thanks { to } => message.answer(ChatEvent::Thanks { to: format!("{to} too") }),
                ChatEvent::Ready { .. } | ChatEvent::Done {} => Ok(()),
            });
            answering.forever();
            let done = listeners.wait_for(|event| matches!(event, ChatEvent::Done {}));
            let connection = acceptor.accept(listeners).await?;
            let done = done.await?;
            connection.remote().thanks(format!("{:?}", done.event())).await?;
            Ok(())
        })
        .await?;
    let connector = WebSocketConnector::<(), (), ChatRemote>::new(());
    let connection = connector.connect(format!("ws://{address}"), ()).await?;
    let peer = connection.peer();

    let listeners = connection.listen::<ChatEvent>();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscription = listeners.on({
        let seen = Arc::clone(&seen);
        move |event: &ChatEvent, message| {
            seen.lock().expect("no panic").push((event.clone(), message.reply_to()));
        }
    });
    let (once, once_seen) = tokio::sync::oneshot::channel();
    listeners.once(
        |event| matches!(event, ChatEvent::Ready { .. }),
        |event, message| drop(once.send((event.clone(), message.reply_to()))),
    );
    let ready = listeners.wait_for(|event| matches!(event, ChatEvent::Ready { .. }));
    let thanked = listeners.wait_for(|event| matches!(event, ChatEvent::Thanks { to } if to == "Done"));

    let user = "ann".to_owned();
    let ids = peer.send(ChatEvent::Typing { user }).await?;
    assert_eq!(ids.reply_to, None);
    let ready = ready.await?;
    assert_eq!((ready.event(), ready.reply_to()), (&ChatEvent::Ready { room: 7 }, Some(ids.event_id)));
    assert_eq!(once_seen.await?, (ChatEvent::Ready { room: 7 }, Some(ids.event_id)));

    let text = "who is there?".to_owned();
    let answer: Message<ChatEvent> = peer.ask(ChatEvent::Question { text }).await?;
    assert_eq!(answer.event(), &ChatEvent::Typing { user: "who is there?".into() });
    let next: Message<ChatEvent> = answer.ask(ChatEvent::Thanks { to: "you".into() }).await?;
    assert_eq!(next.event(), &ChatEvent::Thanks { to: "you too".into() });
    next.reply(ChatEvent::Done {}).await?;
    assert_eq!(thanked.await?.reply_to(), None);
    assert_eq!(peer.pending(), 0);

    subscription.off();
    // What answered an ask went to whoever asked, and to nobody else.
    assert_eq!(
        seen.lock().expect("no panic").first(),
        Some(&(ChatEvent::Ready { room: 7 }, Some(ids.event_id)))
    );
    connection.close().await;
    server.close().await;
    Ok(())
}
