//! `chat_server` and `chat_client` as processes that talk to each other. `cargo test -p ws-examples` builds them first.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

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
        let mut child = Command::new(built(example))
            .args(arguments)
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
        let server = Self::start("chat_server", &["127.0.0.1:0"]);
        let line = server.line_with("listening on ");
        let url = line.trim_start_matches("listening on ").to_owned();
        (server, url)
    }

    /// A client that is in the room and has read its history.
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
        loop {
            let line = self.output.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{}: no line with {text:?}: {error}", self.name));
            if line.contains(text) {
                return line;
            }
        }
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
    let mut bob = Program::client("bob", &url);
    ann.line_with("* bob joined");

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
fn a_client_that_is_not_let_in_prints_why() {
    let (_server, url) = Program::server();
    let _ann = Program::client("ann", &url);
    for (name, code, reason) in [
        ("a", "4503", "a name has 2 to 16 letters and digits"),
        ("an\u{7}n", "4503", "a name has 2 to 16 letters and digits"),
        ("ann", "4100", "somebody of that name is in the room"),
    ] {
        let (status, errors) = Program::start("chat_client", &[name, &url]).end();
        assert!(!status.success());
        assert!(errors.contains(code) && errors.contains(reason), "{errors}");
    }
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

/// R12, R22: events are sent without waiting; who has no credit left is put out, and the others never notice.
#[cfg(unix)]
#[test]
fn a_client_that_stands_still_is_put_out_and_one_that_dies_leaves() {
    let (server, url) = Program::server();
    let mut ann = Program::client("ann", &url);
    let still = Program::client("still", &url);
    ann.line_with("* still joined");
    still.signal("-STOP");
    for number in 0..300 {
        ann.types(&format!("line {number}"));
    }
    ann.line_with("* still left");
    ann.line_with("line 299");
    still.signal("-CONT");
    assert!(server.line_with("still is gone").contains("code 4101"));
    assert!(!still.end().0.success());

    let dead = Program::client("dead", &url);
    ann.line_with("* dead joined");
    dead.signal("-KILL");
    ann.line_with("* dead left");
    assert!(server.line_with("dead is gone").contains("code 1006"));
}
