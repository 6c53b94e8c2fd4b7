//! A peer of no manners: it speaks the wire by hand, so that it can break every rule of it.
//!
//! [`Raw`] is either end of a WebSocket over any byte stream, [`frames`] writes and reads what travels on it without
//! the toolkit's own `protocol`, and [`arena`] is what it attacks: a server with an honest client beside it.

pub mod arena;
pub mod frames;
pub mod target;

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};
use ws_core::Encoding;

use frames::Frame;

/// Any byte stream.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A socket or a pipe in memory.
pub type Wire = Box<dyn ByteStream>;

/// One end of a WebSocket that says what it likes.
pub struct Raw {
    socket: WebSocketStream<Wire>,
    frames: VecDeque<Frame>,
    /// WebSocket pongs that came.
    pub pongs: usize,
    /// WebSocket messages that came with frames of ours.
    pub messages: usize,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Frame(Frame),
    /// A text message.
    Text(String),
    /// A close frame.
    Closed(Option<(u16, String)>),
    /// The end of the stream, or its failure.
    Lost,
}

impl Raw {
    /// Upgrades as a client that offers this encoding.
    pub async fn upgrade(wire: Wire, encoding: Encoding) -> Self {
        let mut request = "ws://127.0.0.1/".into_client_request().expect("a good URL");
        let offer = HeaderValue::from_static(encoding.subprotocol());
        request.headers_mut().insert(http::header::SEC_WEBSOCKET_PROTOCOL, offer);
        let (socket, _) = in_time("the 101", client_async(request, wire)).await.expect("an upgrade");
        Self::over(socket)
    }

    /// The client's end after a 101 that was read by other means.
    pub async fn upgraded(wire: Wire) -> Self {
        Self::over(WebSocketStream::from_raw_socket(wire, Role::Client, None).await)
    }

    /// Answers a client's upgrade request with a 101 that names this encoding.
    pub async fn answer(mut wire: Wire, encoding: Encoding) -> Self {
        let key = key_of(&read_head(&mut wire).await);
        let head = head_101(&derive_accept_key(key.as_bytes()), Some(encoding.subprotocol()));
        wire.write_all(head.as_bytes()).await.expect("the client reads");
        Self::over(WebSocketStream::from_raw_socket(wire, Role::Server, None).await)
    }

    fn over(socket: WebSocketStream<Wire>) -> Self {
        Self { socket, frames: VecDeque::new(), pongs: 0, messages: 0 }
    }

    /// Sends frames in one binary message, each behind its length. That the other side is gone is no failure: what it
    /// said before is what counts.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) -> bool {
        self.binary(frames::batch(frames)).await
    }

    /// Sends these bytes as one binary message.
    pub async fn binary(&mut self, bytes: Vec<u8>) -> bool {
        self.message(Message::Binary(bytes.into())).await
    }

    /// Sends a WebSocket message of any kind.
    pub async fn message(&mut self, message: Message) -> bool {
        in_time("room to write", self.socket.send(message)).await.is_ok()
    }

    /// Writes bytes below the WebSocket.
    pub async fn bytes(&mut self, bytes: &[u8]) -> bool {
        let stream = self.socket.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        in_time("room to write", written).await.is_ok()
    }

    /// Ends this side of the stream and keeps reading.
    pub async fn half_close(&mut self) {
        self.socket.get_mut().shutdown().await.expect("the stream still stands");
    }

    /// What comes next.
    pub async fn next(&mut self) -> Seen {
        in_time("the other side", self.receive()).await
    }

    /// What comes next, as long as one likes to wait for it.
    pub async fn receive(&mut self) -> Seen {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Seen::Frame(frame);
            }
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    self.messages += 1;
                    self.frames.extend(frames::split(&bytes).into_iter().map(frames::read));
                }
                Some(Ok(Message::Pong(_))) => self.pongs += 1,
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return Seen::Closed(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Some(Ok(Message::Text(text))) => return Seen::Text(text.as_str().to_owned()),
                Some(Ok(message)) => panic!("{message:?} from a peer that sends binary messages only"),
                Some(Err(_)) | None => return Seen::Lost,
            }
        }
    }

    /// The next frame that is no heartbeat and no credit.
    pub async fn frame(&mut self) -> Frame {
        loop {
            match self.next().await {
                Seen::Frame(Frame::Ping(_) | Frame::Pong(_) | Frame::Credit { .. }) => {}
                Seen::Frame(frame) => return frame,
                seen => panic!("a frame was expected, not {seen:?}"),
            }
        }
    }

    /// The close frame that comes in the end: its code and reason. Frames before it are passed over.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Seen::Frame(_) | Seen::Text(_) => {}
                Seen::Closed(frame) => return frame.expect("a close frame with a code"),
                Seen::Lost => panic!("the connection was lost without a close frame"),
            }
        }
    }

    /// The code of the close frame that comes in the end.
    pub async fn close_code(&mut self) -> u16 {
        self.closed().await.0
    }

    /// The REJECT that comes next and the close frame behind it, which agree: their code and the reason.
    pub async fn rejected(&mut self) -> (u16, String) {
        let Frame::Reject { version: 1, code, retry: 0, reason } = self.frame().await else {
            panic!("a REJECT of version 1")
        };
        assert_eq!(self.next().await, Seen::Closed(Some((code, reason.clone()))), "P16: with the same code");
        (code, reason)
    }

    /// Reads to the end of the stream; gives the frames and the close frame, if there was one.
    pub async fn drain(&mut self) -> (Vec<Frame>, Option<(u16, String)>) {
        let (mut all, mut close) = (Vec::new(), None);
        loop {
            match self.next().await {
                Seen::Frame(frame) => all.push(frame),
                Seen::Text(_) => {}
                Seen::Closed(frame) => close = frame,
                Seen::Lost => return (all, close),
            }
        }
    }
}

/// The head of an HTTP request or answer, to its empty line.
pub async fn read_head(wire: &mut Wire) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(in_time("an HTTP head", wire.read_u8()).await.expect("a whole HTTP head"));
    }
    String::from_utf8(head).expect("text")
}

/// All that still comes.
pub async fn read_to_end(wire: &mut Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as good as any.
    let _ = in_time("the end of the stream", wire.read_to_end(&mut bytes)).await;
    bytes
}

/// The status of an HTTP answer.
pub fn status_of(head: &str) -> u16 {
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no HTTP answer: {head:?}"))
}

/// The key of an upgrade request.
pub fn key_of(head: &str) -> String {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    key.expect("an upgrade request").1.to_owned()
}

/// The 101 that answers an upgrade request.
pub fn head_101(accept: &str, subprotocol: Option<&str>) -> String {
    let subprotocol =
        subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{subprotocol}\r\n"
    )
}

/// Bounds a wait of the test itself, so that what does not come is a failure and no hang. Generous: it is met only by
/// a broken build, never by a busy machine.
pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
