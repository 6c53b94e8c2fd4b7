//! A conversation: messages that are answered by messages, which are answered in turn. Server and client are in one
//! process and talk in both directions: each asks the other who they are, is asked the same, and is thanked.
//!
//! `cargo run --example conversation`

use ws_client::WebSocketConnector;
use ws_core::{CallError, Listeners, Message, MessageHandle, Peer, ws_service};
use ws_server::WebSocketServer;

/// What the two say to each other. Each serves it, and so each may begin.
#[ws_service]
pub trait Chat {
    /// Opens a conversation.
    #[ws(event)]
    async fn question(&self, text: String);

    /// Answers a question, and asks it back.
    #[ws(event)]
    async fn name(&self, name: String);

    /// Ends a conversation.
    #[ws(event)]
    async fn thanks(&self, text: String);
}

/// Answers every question that comes. `#[ws_service]` made the enum `ChatEvent` of the trait: messages as plain data.
fn answers_as(me: &'static str) -> Listeners<ChatEvent> {
    let listeners = Listeners::new();
    let listener = move |event: &ChatEvent, message: &MessageHandle| {
        if let ChatEvent::Question { text } = event {
            println!("  {me} hears: {text}");
            // A listener sees messages and does not wait. What takes longer goes on in a task.
            tokio::spawn(answer(me, message.clone()));
        }
    };
    listeners.on(listener).forever();
    listeners
}

async fn answer(me: &'static str, question: MessageHandle) -> Result<(), CallError> {
    // Answers, and awaits the message that answers the answer.
    let reply: Message<ChatEvent> = question.ask(ChatEvent::Name { name: me.to_owned() }).await?;
    if let ChatEvent::Name { name } = reply.event() {
        // The last word: nobody answers it. An error would mean that the other side has gone.
        let text = format!("nice to meet you, {name}");
        drop(reply.reply(ChatEvent::Thanks { text }).await);
    }
    Ok(())
}

/// Asks the other side who they are.
async fn converse(me: &str, other: &Peer) -> Result<(), Box<dyn std::error::Error>> {
    println!("{me} begins");
    let question = ChatEvent::Question { text: "who are you?".to_owned() };
    let answer = other.ask(question).await?;
    let ChatEvent::Name { name } = answer.event() else {
        return Err(format!("that is no name: {answer:?}").into());
    };
    println!("  {me} learns: {name}");
    let last = answer.ask(ChatEvent::Name { name: me.to_owned() }).await?;
    match last.into_event() {
        ChatEvent::Thanks { text } => println!("  {me} is told: {text}"),
        event => return Err(format!("those are no thanks: {event:?}").into()),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let server = WebSocketServer::<(), Listeners<ChatEvent>, ()>::new();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let tell = tell.clone();
            async move {
                // Listeners may be all that serves a contract, or stand beside a provider: `connection.listen()`.
                let connection = acceptor.accept(answers_as("the server")).await?;
                tell.send(connection).await?;
                Ok(())
            }
        })
        .await?;

    let connector = WebSocketConnector::<(), Listeners<ChatEvent>, ()>::new(());
    let client = connector.connect(format!("ws://{address}"), answers_as("the client")).await?;
    let serving = told.recv().await.ok_or("the server accepted nobody")?;

    converse("the client", &client.peer()).await?;
    converse("the server", &serving.peer()).await?;

    client.close().await;
    server.close().await;
    Ok(())
}
