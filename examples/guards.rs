//! Who may call what: a guard for one method and one for all, roles that come with the header, a confirmation that comes
//! with the call, and a server that is told of every message that failed.
//!
//! `cargo run --example guards`

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use ws_client::WebSocketConnector;
use ws_core::{
    CallContext, CallError, CallOptions, ContractError, Denied, Guard, Guarded, Metadata, MetadataFull,
    ws_service,
};
use ws_server::{Rejection, WebSocketServer};

/// A notebook that many read, some write, and few erase.
#[ws_service]
pub trait Notebook {
    /// All the notes.
    async fn read(&self) -> Vec<String>;

    /// Adds a note; gives how many there are.
    async fn write(&self, note: String) -> Result<usize, WriteError>;

    /// Tears everything out.
    async fn erase(&self) -> usize;

    /// Underlines the last note.
    #[ws(event)]
    async fn underline(&self);
}

/// Why a note was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteError {
    /// There is nothing in it.
    Empty,
}

/// The header: what a client must send first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// What the server knows the client's role by.
    pub token: String,
}

/// What a client may do: each role all that those before it may. The server's own: a client does not choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Reader,
    Writer,
    Owner,
}

impl Role {
    fn of(token: &str) -> Option<Self> {
        match token {
            "blue" => Some(Self::Reader),
            "red" => Some(Self::Writer),
            "gold" => Some(Self::Owner),
            _ => None,
        }
    }
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<String>>>);

impl Notebook for Paper {
    async fn read(&self) -> Vec<String> {
        self.notes().clone()
    }

    async fn write(&self, note: String) -> Result<usize, WriteError> {
        if note.is_empty() {
            return Err(WriteError::Empty);
        }
        let mut notes = self.notes();
        notes.push(note);
        Ok(notes.len())
    }

    async fn erase(&self) -> usize {
        std::mem::take(&mut *self.notes()).len()
    }

    async fn underline(&self) {
        if let Some(last) = self.notes().last_mut() {
            *last = format!("_{last}_");
        }
    }
}

impl Paper {
    fn notes(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A guard with something to remember: the role of its connection, and the one that a method asks for.
struct AtLeast {
    role: Role,
    needed: Role,
}

impl Guard for AtLeast {
    // A guard may await: ask a database, or the user.
    async fn check(&self, call: &CallContext) -> Result<(), Denied> {
        if self.role >= self.needed {
            return Ok(());
        }
        Err(Denied::new(format!("{} is for a {:?}, this is a {:?}", call.method(), self.needed, self.role)))
    }
}

/// A guard that is a closure, or a function: what is destroyed must be confirmed with the call.
fn confirmed(call: &CallContext) -> Result<(), Denied> {
    match call.metadata("confirmed") {
        Some("yes") => Ok(()),
        _ => Err(Denied::new("not confirmed")),
    }
}

/// The notebook of one connection, behind its guards: what was given first is asked first.
type GuardedNotebook = Guarded<NotebookProvider<Paper>>;

fn guarded(paper: Paper, role: Role) -> Result<GuardedNotebook, ContractError> {
    let at_least = |needed| AtLeast { role, needed };
    Guarded::new(NotebookProvider::new(paper))
        .guard_all(at_least(Role::Reader))
        .guard(NotebookMethod::Write, at_least(Role::Writer))?
        .guard(NotebookMethod::Underline, at_least(Role::Writer))?
        .guard(NotebookMethod::Erase, at_least(Role::Owner))?
        .guard(NotebookMethod::Erase, confirmed)
}

type Server = WebSocketServer<Login, GuardedNotebook, ()>;
type Connector = WebSocketConnector<Login, (), NotebookRemote>;

fn confirmation() -> Result<CallOptions, MetadataFull> {
    let mut metadata = Metadata::new();
    metadata.insert("confirmed", "yes")?;
    Ok(CallOptions::new().metadata(metadata))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (tell, mut failures) = mpsc::unbounded_channel();
    let server = Server::builder()
        // Told of every message that fails here, in the connection's own task: it hands it on and returns.
        .on_failure(move |failure| {
            let method = failure.method.unwrap_or("an unknown method");
            let detail = failure.detail.unwrap_or("nothing more is known");
            let _ = tell.send(format!("{method}: {} ({detail})", failure.kind));
        })
        .build()?;
    let paper = Paper::default();
    let address = server
        .open("127.0.0.1:0", move |acceptor| {
            let paper = paper.clone();
            async move {
                let Some(role) = Role::of(&acceptor.header().token) else {
                    return acceptor.reject(Rejection::unauthorized("an unknown token")).await;
                };
                acceptor.accept(guarded(paper, role)?).await?;
                Ok(())
            }
        })
        .await?;
    let url = format!("ws://{address}");
    let connect = async |token: &str| Connector::new(Login { token: token.into() }).connect(&url, ()).await;

    let owner = connect("gold").await?;
    println!("the owner writes note {}", owner.remote().write("guards come first".into()).await?);

    let reader = connect("blue").await?;
    println!("the reader reads {:?}", reader.remote().read().await?);

    // The caller learns that it may not, and the server why.
    match reader.remote().write("me too".into()).await {
        Err(CallError::Denied) => println!("the reader may not write"),
        other => return Err(format!("expected a denial, got {other:?}").into()),
    }
    println!("  the server is told: {}", failures.recv().await.ok_or("the server is gone")?);

    // Nobody waits for an event, so that nobody but the server is told.
    reader.remote().underline().await?;
    println!("the reader may not underline");
    println!("  the server is told: {}", failures.recv().await.ok_or("the server is gone")?);

    match owner.remote().erase().await {
        Err(CallError::Denied) => println!("the owner forgot to confirm"),
        other => return Err(format!("expected a denial, got {other:?}").into()),
    }
    println!("  the server is told: {}", failures.recv().await.ok_or("the server is gone")?);

    match owner.remote().write(String::new()).await {
        Err(CallError::App(WriteError::Empty)) => println!("an empty note is none"),
        other => return Err(format!("expected a declared error, got {other:?}").into()),
    }
    println!("  the server is told: {}", failures.recv().await.ok_or("the server is gone")?);

    let erased = owner.remote().with(confirmation()?).erase().await?;
    println!("confirmed, {erased} note is gone, and the reader reads {:?}", reader.remote().read().await?);

    for connection in [owner, reader] {
        connection.close().await;
    }
    server.close().await;
    Ok(())
}
