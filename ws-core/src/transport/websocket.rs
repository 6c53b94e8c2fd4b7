//! A WebSocket over any byte stream, by tokio-tungstenite.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::metered::Metered;
use super::{Received, SendLost, Transport};
use crate::limits::{Limits, MAX_MESSAGE_CEILING};
use crate::protocol::code;

/// A WebSocket after its upgrade, over any `AsyncRead + AsyncWrite`.
#[derive(Debug)]
pub struct WebSocketTransport<S> {
    socket: WebSocketStream<Metered<S>>,
    shut_down: bool,
    lingered: usize,
    /// Pongs that tungstenite keeps because the peer does not read.
    unread_pongs: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocketTransport<S> {
    /// The server's end of a stream whose upgrade was answered; `read` is what was read beyond the request.
    ///
    /// # Cancel safety
    /// The stream is lost when this is dropped.
    pub async fn server(stream: S, read: Vec<u8>, limits: &Limits) -> Self {
        Self::over(stream, read, Role::Server, limits).await
    }

    /// The client's end of a stream whose upgrade was answered; `read` is what was read beyond the response.
    ///
    /// # Cancel safety
    /// The stream is lost when this is dropped.
    pub async fn client(stream: S, read: Vec<u8>, limits: &Limits) -> Self {
        Self::over(stream, read, Role::Client, limits).await
    }

    /// Sends this upgrade request over a stream and waits for its answer.
    ///
    /// # Errors
    /// The stream fails, or what answers is no WebSocket server.
    ///
    /// # Cancel safety
    /// The stream is lost when this is dropped.
    pub async fn connect(request: Request, stream: S, limits: &Limits) -> Result<(Self, Response), Error> {
        let stream = Metered::new(stream);
        let config = Some(websocket_config(limits));
        let (socket, response) = client_async_with_config(request, stream, config).await?;
        Ok((Self::of(socket), response))
    }

    async fn over(stream: S, read: Vec<u8>, role: Role, limits: &Limits) -> Self {
        let stream = Metered::new(stream);
        let config = Some(websocket_config(limits));
        let socket = WebSocketStream::from_partially_read(stream, read, role, config).await;
        Self::of(socket)
    }

    const fn of(socket: WebSocketStream<Metered<S>>) -> Self {
        Self { socket, shut_down: false, lingered: 0, unread_pongs: 0 }
    }
}

/// tungstenite's limits, all set: its own defaults are 128 KiB to read, and no bound to write.
#[must_use]
pub fn websocket_config(limits: &Limits) -> WebSocketConfig {
    let largest = limits.max_websocket_message();
    WebSocketConfig::default()
        .read_buffer_size(limits.read_buffer)
        // A message goes out as soon as it is taken; batching is the outbox's work.
        .write_buffer_size(0)
        // One message at a time is in there, and the outbox never builds a longer one.
        .max_write_buffer_size(MAX_MESSAGE_CEILING + (64 << 10))
        .max_message_size(Some(largest))
        .max_frame_size(Some(largest))
}

/// 32 KiB of pongs.
const MAX_UNREAD_PONGS: u32 = 256;

/// After a violation, at most this much is read and thrown away.
const MAX_LINGER: usize = 1 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for WebSocketTransport<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let Poll::Ready(next) = Pin::new(&mut self.socket).poll_next(cx) else { return Poll::Pending };
        Poll::Ready(match next {
            Some(Ok(Message::Binary(bytes))) => Received::Message(bytes),
            Some(Ok(Message::Ping(_))) => self.pinged(cx),
            Some(Ok(Message::Pong(_))) => Received::Alive,
            Some(Ok(Message::Close(frame))) => {
                Received::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
            }
            Some(Ok(Message::Text(text))) => Received::Text(text.as_str().to_owned()),
            Some(Ok(Message::Frame(_))) => {
                Received::Violation(code::UNSUPPORTED, "a frame where whole messages are expected")
            }
            Some(Err(error)) => violation(&error),
            None => Received::Lost,
        })
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        Pin::new(&mut self.socket).start_send(Message::Binary(message)).map_err(|_| SendLost)
    }

    fn start_text(&mut self, text: String) -> Result<(), SendLost> {
        Pin::new(&mut self.socket).start_send(Message::Text(text.into())).map_err(|_| SendLost)
    }

    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        Pin::new(&mut self.socket).start_send(Message::Close(Some(frame))).map_err(|_| SendLost)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(|_| SendLost)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = self.socket.get_mut();
        if !self.shut_down {
            match Pin::new(&mut *stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.shut_down = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        let mut bytes = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    self.lingered += buffer.filled().len();
                    if self.lingered > MAX_LINGER {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }

    fn received(&self) -> u64 {
        self.socket.get_ref().read
    }

    fn written(&self) -> u64 {
        self.socket.get_ref().written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocketTransport<S> {
    /// tungstenite answers a ping by itself and keeps the pong until it can be written, however many there are; a peer
    /// that pings and never reads must not fill its buffer.
    fn pinged(&mut self, cx: &mut Context<'_>) -> Received {
        if Pin::new(&mut self.socket).poll_flush(cx).is_ready() {
            self.unread_pongs = 0;
            return Received::Alive;
        }
        self.unread_pongs += 1;
        if self.unread_pongs > MAX_UNREAD_PONGS {
            return Received::Violation(code::POLICY, "the answers are not read");
        }
        Received::Alive
    }
}

/// The close code that answers what tungstenite refuses (R35).
fn violation(error: &Error) -> Received {
    match error {
        Error::Capacity(_) => Received::Violation(code::TOO_LARGE, "a message exceeds the limit"),
        Error::Utf8(_) => Received::Violation(code::INVALID_UTF8, "text that is not UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Received::Lost,
        Error::Protocol(_) | Error::AttackAttempt => {
            Received::Violation(code::PROTOCOL, "a WebSocket frame against RFC 6455")
        }
        _ => Received::Lost,
    }
}
