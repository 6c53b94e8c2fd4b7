//! The canonical program of users, groups and broadcast, over a real socket (R28, R30, R32).

use futures::StreamExt;
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::{Connection, ConnectionId, ws_service};
use ws_server::{Authentication, ServerConnection, UserError, UserOptions, WebSocketServer};
use ws_tests::fixture::heard;

#[ws_service]
pub trait Screen {
    #[ws(event)]
    async fn typing(&self, name: String);
    async fn confirm(&self, question: String) -> bool;
}

struct Ui {
    tell: mpsc::UnboundedSender<String>,
    answer: bool,
}

impl Screen for Ui {
    async fn typing(&self, name: String) {
        self.tell.send(name).expect("the test listens");
    }

    async fn confirm(&self, _question: String) -> bool {
        self.answer
    }
}

type Server = WebSocketServer<(), (), ScreenRemote>;
type Connector = WebSocketConnector<(), ScreenProvider<Ui>, ()>;

/// One more client: the server's end of it, the client's end, and what it hears.
async fn join(
    server: &Server,
    url: &str,
    answer: bool,
) -> Result<
    (Connection<ScreenRemote>, Connection<()>, mpsc::UnboundedReceiver<String>),
    Box<dyn std::error::Error>,
> {
    let before: Vec<ConnectionId> = server.audience().ids();
    let (tell, told) = mpsc::unbounded_channel();
    let client = Connector::new(()).connect(url, ScreenProvider::new(Ui { tell, answer })).await?;
    let new = server.connections().into_iter().find(|connection| !before.contains(&connection.id()));
    Ok((new.ok_or("it is listed when its client knows of it")?, client, told))
}

#[tokio::test]
async fn users_groups_and_broadcast() -> Result<(), Box<dyn std::error::Error>> {
    let hook = |asked: Authentication| async move {
        if asked.auth.as_deref() == Some("secret") { Ok(()) } else { Err("bad token") }
    };
    let server = Server::builder().users(UserOptions::new().authenticate(hook)).build()?;
    let address = server
        .open("127.0.0.1:0", |acceptor| async move {
            acceptor.accept(()).await?;
            Ok(())
        })
        .await?;
    let url = format!("ws://{address}");
    let (connection, _alice, mut alice_hears) = join(&server, &url, true).await?;
    let (other, _bob, mut bob_hears) = join(&server, &url, false).await?;
    let token = "secret".to_owned();

    // As written where the library was thought out.
    let users = server.users();
    let user = connection.link("alice", Some(token)).await?;
    users.remote("alice")?.typing("bob".to_owned()).await;
    server.group("lobby").insert(connection.id());
    let report =
        server.audience().group("lobby").except([connection.id()]).remote().typing("alice".to_owned()).await;
    let mut answers = server.audience().all().remote().confirm("ready?".to_owned()).await;

    assert_eq!((user.name(), user.connections()), ("alice", vec![connection.id()]));
    assert_eq!(heard(&mut alice_hears).await.as_deref(), Some("bob"));
    assert_eq!((report.reached, report.audience()), (0, 0), "nobody else is in the lobby yet");
    let mut answered = Vec::new();
    while let Some((id, answer)) = answers.next().await {
        answered.push((id, answer?));
    }
    answered.sort_unstable();
    assert_eq!(answered, [(connection.id(), true), (other.id(), false)]);

    server.group("lobby").insert(other.id());
    let report =
        server.audience().group("lobby").except([connection.id()]).remote().typing("alice".to_owned()).await;
    assert_eq!((report.reached, report.audience()), (1, 1));
    assert_eq!(heard(&mut bob_hears).await.as_deref(), Some("alice"));
    assert!(alice_hears.try_recv().is_err(), "she is excepted, and was told of once");

    // R30: who is not reached is told apart.
    assert_eq!(users.remote("bob").err(), Some(UserError::NotFound));
    users.join("bob")?;
    assert_eq!(users.remote("bob").err(), Some(UserError::Offline));
    server.close().await;
    assert!(server.audience().is_empty() && server.groups().is_empty());
    Ok(())
}
