//! A WebSocket over any byte stream. Frames are read and written here and not by tungstenite, which does the client's
//! upgrade: its buffers keep the size of the largest message that ever went through them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::incoming::{Incoming, Opcode, Refused, TOO_LARGE, WebSocketFrame};
use super::masks::Masks;
use super::outgoing::{BINARY, CLOSE, Outgoing, PONG, TEXT};
use super::upgrading::Upgrading;
use super::{Received, SendLost, Transport};
use crate::limits::Limits;
use crate::protocol::code;

/// A WebSocket after its upgrade, over any `AsyncRead + AsyncWrite`.
#[derive(Debug)]
pub struct WebSocketTransport<S> {
    stream: S,
    incoming: Incoming,
    outgoing: Outgoing,
    /// The message of which parts came, and whether it is text.
    collected: Option<(bool, Vec<u8>)>,
    max_message: usize,
    closing: bool,
    shut_down: bool,
    lingered: usize,
    read: u64,
    written: u64,
    /// Pings whose answers could not be written because the peer does not read.
    unread_pongs: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocketTransport<S> {
    /// The server's end of a stream whose upgrade was answered; `read` is what was read beyond the request.
    #[must_use]
    pub fn server(stream: S, read: Vec<u8>, limits: &Limits) -> Self {
        Self::over(stream, read, None, limits)
    }

    /// The client's end of a stream whose upgrade was answered; `read` is what was read beyond the response.
    #[must_use]
    pub fn client(stream: S, read: Vec<u8>, limits: &Limits) -> Self {
        Self::over(stream, read, Some(Masks::new()), limits)
    }

    /// Sends this upgrade request over a stream and waits for its answer.
    ///
    /// # Errors
    /// The stream fails, or what answers is no WebSocket server.
    ///
    /// # Cancel safety
    /// The stream is lost when this is dropped.
    pub async fn connect(request: Request, stream: S, limits: &Limits) -> Result<(Self, Response), Error> {
        let config = WebSocketConfig::default().read_buffer_size(limits.read_buffer.min(4096));
        let upgrade = client_async_with_config(request, Upgrading::new(stream), Some(config));
        let (socket, response) = upgrade.await?;
        let (stream, read) = socket.into_inner().into_parts();
        Ok((Self::client(stream, read, limits), response))
    }

    fn over(stream: S, read: Vec<u8>, masks: Option<Masks>, limits: &Limits) -> Self {
        let max_message = limits.max_websocket_message();
        // The one who masks is not the one who takes masks off.
        let incoming = Incoming::new(read, masks.is_none(), max_message, limits.read_buffer);
        Self {
            stream,
            incoming,
            outgoing: Outgoing::new(masks),
            collected: None,
            max_message,
            closing: false,
            shut_down: false,
            lingered: 0,
            read: 0,
            written: 0,
            unread_pongs: 0,
        }
    }

    /// What a frame brings.
    fn take(&mut self, frame: WebSocketFrame, cx: &mut Context<'_>) -> Result<Received, Refused> {
        const OUT_OF_TURN: Refused = (code::PROTOCOL, "a WebSocket frame out of its turn");
        match (frame.opcode, self.collected.take()) {
            (Opcode::Binary, None) if frame.is_final => Ok(Received::Message(frame.payload)),
            (Opcode::Text, None) if frame.is_final => text(frame.payload.into()),
            (Opcode::Binary | Opcode::Text, None) => {
                self.collected = Some((frame.opcode == Opcode::Text, frame.payload.into()));
                Ok(Received::Alive)
            }
            (Opcode::Continuation, Some((is_text, mut message))) => {
                if message.len() + frame.payload.len() > self.max_message {
                    return Err(TOO_LARGE);
                }
                message.extend_from_slice(&frame.payload);
                match (frame.is_final, is_text) {
                    (true, true) => text(message),
                    (true, false) => Ok(Received::Message(message.into())),
                    (false, _) => {
                        self.collected = Some((is_text, message));
                        Ok(Received::Alive)
                    }
                }
            }
            (Opcode::Continuation, None) | (Opcode::Binary | Opcode::Text, Some(_)) => Err(OUT_OF_TURN),
            (control, collected) => {
                self.collected = collected;
                match control {
                    Opcode::Close => self.closed(&frame.payload, cx),
                    Opcode::Ping => self.pinged(frame.payload, cx),
                    _ => Ok(Received::Alive),
                }
            }
        }
    }

    /// A close frame is answered with what it says, unless it answers one of this side's.
    fn closed(&mut self, payload: &[u8], cx: &mut Context<'_>) -> Result<Received, Refused> {
        let told = match payload.split_first_chunk::<2>() {
            None if payload.is_empty() => None,
            None => return Err((code::PROTOCOL, "a close frame of one byte")),
            Some((number, reason)) => {
                let number = u16::from_be_bytes(*number);
                let reason = std::str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
                let allowed = CloseCode::from(number).is_allowed();
                Some(if allowed { (number, reason) } else { (code::PROTOCOL, "Protocol violation") })
            }
        };
        let told = told.map(|(number, reason)| (number, reason.to_owned()));
        if !std::mem::replace(&mut self.closing, true) {
            let answer =
                told.as_ref().map_or_else(Bytes::new, |(number, reason)| close_body(*number, reason));
            self.outgoing.answer(CLOSE, answer);
            // As far as that goes; the driver sees to the rest.
            let _ = self.poll_flush(cx);
        }
        Ok(Received::Close(told))
    }

    /// Only the newest ping is answered while the peer does not read; one that pings on and on without reading is given
    /// up.
    fn pinged(&mut self, payload: Bytes, cx: &mut Context<'_>) -> Result<Received, Refused> {
        if self.closing {
            return Ok(Received::Alive);
        }
        self.outgoing.answer(PONG, payload);
        if self.poll_flush(cx).is_ready() {
            self.unread_pongs = 0;
            return Ok(Received::Alive);
        }
        self.unread_pongs += 1;
        if self.unread_pongs > MAX_UNREAD_PONGS {
            return Err((code::POLICY, "the answers are not read"));
        }
        Ok(Received::Alive)
    }

    const fn sendable(&self) -> Result<(), SendLost> {
        if self.closing { Err(SendLost) } else { Ok(()) }
    }
}

const NOT_UTF8: Refused = (code::INVALID_UTF8, "text that is not UTF-8");

fn text(message: Vec<u8>) -> Result<Received, Refused> {
    String::from_utf8(message).map(Received::Text).map_err(|_| NOT_UTF8)
}

fn close_body(number: u16, reason: &str) -> Bytes {
    [&number.to_be_bytes(), reason.as_bytes()].concat().into()
}

/// Pings in a row whose answers cannot be written.
const MAX_UNREAD_PONGS: u32 = 256;

/// After a violation, at most this much is read and thrown away.
const MAX_LINGER: usize = 1 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for WebSocketTransport<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if self.outgoing.owes() {
            // What goes wrong there is seen by whoever writes, or reads on.
            let _ = self.poll_flush(cx);
        }
        loop {
            let collected = self.collected.as_ref().map_or(0, |(_, message)| message.len());
            let taken = match self.incoming.next(collected) {
                Ok(Some(frame)) => self.take(frame, cx),
                Ok(None) => match ready!(self.incoming.poll_read(&mut self.stream, cx)) {
                    Ok(0) | Err(_) => return Poll::Ready(Received::Lost),
                    Ok(read) => {
                        self.read += read as u64;
                        continue;
                    }
                },
                Err(refused) => Err(refused),
            };
            return Poll::Ready(taken.unwrap_or_else(|(code, why)| Received::Violation(code, why)));
        }
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        self.sendable()?;
        self.outgoing.send(BINARY, message);
        Ok(())
    }

    fn start_send_tailed(&mut self, head: Bytes, tail: Bytes) -> Result<(), SendLost> {
        self.sendable()?;
        self.outgoing.send_tailed(BINARY, head, tail);
        Ok(())
    }

    fn start_text(&mut self, text: String) -> Result<(), SendLost> {
        self.sendable()?;
        self.outgoing.send(TEXT, text.into());
        Ok(())
    }

    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost> {
        self.sendable()?;
        self.closing = true;
        self.outgoing.send(CLOSE, close_body(code, reason));
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        self.outgoing.poll_flush(&mut self.stream, cx, &mut self.written).map_err(|_| SendLost)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = &mut self.stream;
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
        self.read
    }

    fn written(&self) -> u64 {
        self.written
    }
}
