//! `chat_server` and `chat_client` as processes that talk to each other. `cargo test -p ws-examples` builds them first; with
//! the name of a test behind it, it does not, and the test runs what was built before.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ws_client::WebSocketConnector;
use ws_core::presence::PresenceRemote;
use ws_core::{CallError, RequestProvider};
use ws_examples::chat::{ChatRemote, JoinError, MemberRequest, SayError};

/// Nothing here takes long; this only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One process and the lines that it prints. Dropped, it is killed.
struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    errors: Receiver<String>,
}

impl Program {
    fn start(example: &str, arguments: &[&str]) -> Self {
        Self::start_with(example, arguments, None)
    }

    fn start_with(example: &str, arguments: &[&str], password: Option<&str>) -> Self {
        let mut command = Command::new(built(example));
        command.args(arguments).env_remove("CHAT_PASSWORD");
        if let Some(password) = password {
            command.env("CHAT_PASSWORD", password);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let input = child.stdin.take();
        let output = lines(child.stdout.take().expect("it is piped"));
        let errors = lines(child.stderr.take().expect("it is piped"));
        Self { name: format!("{example} {}", arguments.join(" ")), child, input, output, errors }
    }

    /// A server on a free port, and its URL.
    fn server() -> (Self, String) {
        Self::server_with(None)
    }

    fn server_with(password: Option<&str>) -> (Self, String) {
        let server = Self::start_with("chat_server", &["127.0.0.1:0"], password);
        let line = server.line_with("listening on ");
        let url = line.trim_start_matches("listening on ").to_owned();
        (server, url)
    }

    /// A client that is in the lobby and has read its history.
    fn client(name: &str, url: &str) -> Self {
        let client = Self::start("chat_client", &[name, url]);
        client.line_with("* here: ");
        client
    }

    fn types(&mut self, text: &str) {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{text}").expect("it reads");
        input.flush().expect("it reads");
    }

    /// The next line with this text; the lines before it are passed over.
    fn line_with(&self, text: &str) -> String {
        self.lines_to(text).pop().expect("it ends with that line")
    }

    /// The lines up to the next one with this text.
    fn lines_to(&self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(text)) {
            let line = self.output.recv_timeout(PATIENCE);
            lines.push(line.unwrap_or_else(|error| panic!("{}: no line with {text:?}: {error}", self.name)));
        }
        lines
    }

    /// What it says on its standard error before it ends, and how it ends.
    fn end(mut self) -> (ExitStatus, String) {
        let errors: Vec<_> = std::iter::from_fn(|| self.errors.recv_timeout(PATIENCE).ok()).collect();
        // Both its outputs have ended, and nothing keeps it.
        (self.child.wait().expect("it was started"), errors.join("\n"))
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("there is a `kill`").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Examples lie beside the folder of the tests.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let target = test.ancestors().nth(2).expect("it lies in a folder of the target directory");
    let path = target.join("examples").join(example).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not built: run `cargo test -p ws-examples`", path.display());
    path
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    told
}

#[test]
fn clients_talk_read_the_history_and_leave() {
    let (server, url) = Program::server();
    let mut ann = Program::client("ann", &url);
    assert_eq!(ann.line_with("online"), "* online: ann");
    let mut bob = Program::client("bob", &url);
    ann.line_with("* bob joined");
    assert_eq!(bob.line_with("online"), "* online: ann, bob");

    ann.types("hello");
    assert_eq!(bob.line_with("hello"), "ann: hello");
    assert_eq!(ann.line_with("hello"), "ann: hello");
    bob.types("hello, ann");
    assert_eq!(ann.line_with("bob"), "bob: hello, ann");
    bob.types(&"x".repeat(1001));
    assert_eq!(bob.line_with("!"), "! at most 1000 bytes");

    let late = Program::start("chat_client", &["eve", &url]);
    assert_eq!(late.line_with("hello"), "ann: hello", "the history comes first");
    assert_eq!(late.line_with("hello"), "bob: hello, ann");
    assert_eq!(late.line_with("here"), "* here: ann, bob, eve");

    bob.types("/quit");
    ann.line_with("* bob left");
    let (status, errors) = bob.end();
    assert!(status.success(), "{errors}");

    let mut eve = late;
    drop(eve.input.take());
    ann.line_with("* eve left");
    assert!(eve.end().0.success(), "the end of the input is a way to leave");
    ann.types("/names");
    assert_eq!(ann.line_with("here"), "* here: ann");
    drop(server);
}

#[test]
fn two_rooms_do_not_hear_each_other() {
    let (_server, url) = Program::server();
    let mut ann = Program::client("ann", &url);
    let mut bob = Program::client("bob", &url);
    ann.line_with("* bob entered");
    bob.types("/join cellar");
    assert_eq!(bob.line_with("here"), "* here: bob");
    ann.line_with("* bob went");

    bob.types("in the cellar");
    bob.line_with("bob: in the cellar");
    ann.types("in the lobby");
    let lobby = ann.lines_to("ann: in the lobby");
    assert!(!lobby.iter().any(|line| line.contains("cellar")), "{lobby:?}");

    ann.types("/join cellar");
    assert_eq!(ann.line_with("cellar"), "* you are in cellar");
    assert_eq!(ann.line_with(": "), "bob: in the cellar", "each room has a history of its own");
    assert_eq!(ann.line_with("here"), "* here: ann, bob");
    let cellar = bob.lines_to("* ann entered");
    assert!(!cellar.iter().any(|line| line.contains("lobby")), "{cellar:?}");

    ann.types("/leave");
    bob.line_with("* ann went");
    ann.types("does anybody hear me?");
    assert_eq!(ann.line_with("!"), "! you are in no room: /join one");
    bob.types("alone again");
    bob.line_with("bob: alone again");
    ann.types("/join no/room");
    let nowhere = ann.lines_to("! a room's name has 2 to 16 letters and digits");
    assert!(!nowhere.iter().any(|line| line.contains("alone")), "{nowhere:?}");
}

/// Clients show nothing of other rooms; this one sees that nothing comes from there.
#[tokio::test]
async fn a_connection_is_told_of_its_own_room_alone() -> Result<(), Box<dyn std::error::Error>> {
    let (_server, url) = Program::server();
    let mut ann = Program::client("ann", &url);
    let (member, mut told) = MemberRequest::channel(64);
    let connector =
        WebSocketConnector::<(), RequestProvider<MemberRequest>, (ChatRemote, PresenceRemote)>::new(());
    let connection = connector.connect(&url, member).await?;
    let (chat, presence) = connection.remote();
    assert_eq!(chat.join("cellar".into(), 9).await, Err(CallError::App(JoinError::Nameless)));
    assert_eq!(chat.say("hello".into()).await, Err(CallError::App(SayError::NoRoom)));

    presence.link("bob".into(), None).await?;
    assert_eq!(chat.join("lobby".into(), 9).await?, []);
    assert_eq!(chat.join("cellar".into(), 9).await?, [], "it leaves the lobby by that");
    ann.types("in the lobby");
    ann.line_with("ann: in the lobby");
    assert_eq!(chat.say("in the cellar".into()).await?, 1);
    let Some(MemberRequest::Said { line }) = told.next().await else { panic!("nothing is said") };
    assert_eq!(
        (line.room.as_str(), line.text.as_str()),
        ("cellar", "in the cellar"),
        "and nothing before it"
    );

    assert!(chat.leave().await? && !chat.leave().await?);
    assert_eq!(chat.say("hello".into()).await, Err(CallError::App(SayError::NoRoom)));
    Ok(())
}

/// R32: what is told under one lock, all are told in one order.
#[test]
fn all_see_one_order_while_all_talk() {
    const EACH: usize = 100;
    let names = ["ann", "bob", "cat", "dan"];
    let (_server, url) = Program::server();
    let mut clients = names.map(|name| Program::client(name, &url));
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(move || (0..EACH).for_each(|number| client.types(&format!("line {number}."))));
        }
    });
    let said = clients.map(|client| {
        let mut lines = Vec::new();
        while lines.len() < names.len() * EACH {
            lines.push(client.line_with(": line "));
        }
        lines
    });
    for (name, lines) in names.iter().zip(&said) {
        assert_eq!(lines, &said[0], "what {name} sees is what {} sees", names[0]);
        let own = lines.iter().filter(|line| line.starts_with(name));
        assert!(own.eq((0..EACH).map(|number| format!("{name}: line {number}.")).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn a_client_that_is_not_let_in_prints_why() {
    let (_server, url) = Program::server();
    let _ann = Program::client("ann", &url);
    for (name, reason) in [
        ("a", "the name is not allowed"),
        ("an\u{7}n", "the name is not allowed"),
        ("ann", "the name is taken"),
    ] {
        let (status, errors) = Program::start("chat_client", &[name, &url]).end();
        assert!(!status.success());
        assert_eq!(errors, reason);
    }
}

#[test]
fn a_password_is_asked_for_where_the_server_has_one() {
    let (_server, url) = Program::server_with(Some("secret"));
    for password in [None, Some("guess")] {
        let (status, errors) = Program::start_with("chat_client", &["ann", &url], password).end();
        assert!(!status.success());
        assert_eq!(errors, "denied: wrong password");
    }
    let ann = Program::start_with("chat_client", &["ann", &url], Some("secret"));
    ann.line_with("* online: ann");
}

/// R3, R15: the server tells its clients that it goes, waits for them, and ends.
#[cfg(unix)]
#[test]
fn ctrl_c_closes_the_server_and_its_clients_cleanly() {
    let (server, url) = Program::server();
    let ann = Program::client("ann", &url);
    server.signal("-INT");
    server.line_with("closed");
    let (status, errors) = server.end();
    assert!(status.success(), "{errors}");
    let (status, errors) = ann.end();
    assert!(!status.success(), "its room is gone");
    assert!(errors.contains("closed by the other side, code 1001"), "{errors}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_a_client_while_its_input_is_open() {
    let (_server, url) = Program::server();
    let ann = Program::client("ann", &url);
    let mut bob = Program::client("bob", &url);
    // An answer shows that it has come to where it looks for Ctrl-C.
    bob.types("/names");
    bob.line_with("* here: ");
    bob.signal("-INT");
    ann.line_with("* bob left");
    let (status, errors) = bob.end();
    assert!(status.success(), "{errors}");
}

/// R31, R32, R34: nobody waits for who does not read; it is closed, and the others hear of it as of one that dies.
#[cfg(unix)]
#[test]
fn a_client_that_stands_still_is_closed_and_one_that_dies_leaves() {
    let (server, url) = Program::server();
    let mut ann = Program::client("ann", &url);
    let still = Program::client("still", &url);
    let still_is = server.line_with("still is ").replace("still is ", "");
    ann.line_with("* still joined");
    still.signal("-STOP");
    for number in 0..300 {
        ann.types(&format!("line {number}"));
    }
    ann.line_with("line 299");
    ann.line_with("* still left");
    assert!(server.line_with(&format!("{still_is} is gone")).contains("code 4010"));
    still.signal("-CONT");
    let (status, errors) = still.end();
    assert!(!status.success() && errors.ends_with("you may come again"), "{errors}");
    // And so it does.
    let again = Program::client("still", &url);
    again.line_with("* online: ann, still");

    let dead = Program::client("dead", &url);
    let dead_is = server.line_with("dead is ").replace("dead is ", "");
    ann.line_with("* dead joined");
    dead.signal("-KILL");
    ann.line_with("* dead left");
    assert!(server.line_with(&format!("{dead_is} is gone")).contains("code 1006"));
}
