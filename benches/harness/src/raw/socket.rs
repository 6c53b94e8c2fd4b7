//! What carries messages: a WebSocket, or TCP with lengths.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Sink, Stream, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::dial;
use crate::{Failure, Outcome};

/// The longest message that a raw system takes.
const LONGEST: usize = 64 << 20;
/// Bytes that are written without being asked to flush.
const WRITE_BUFFER: usize = 128 << 10;

/// Takes and gives messages; what is given waits until it is flushed.
pub trait Socket:
    Stream<Item = Outcome<Bytes>> + Sink<Bytes, Error = Failure> + Unpin + Send + Sync + 'static
{
    fn dial(address: SocketAddr) -> impl Future<Output = Outcome<Self>> + Send
    where
        Self: Sized;

    fn accept(stream: TcpStream) -> impl Future<Output = Outcome<Self>> + Send
    where
        Self: Sized;
}

/// `READ` is the size of its read buffer.
pub struct WebSocket<const READ: usize>(WebSocketStream<TcpStream>);

impl<const READ: usize> WebSocket<READ> {
    fn config() -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(WRITE_BUFFER)
            .max_frame_size(Some(LONGEST))
    }
}

impl<const READ: usize> Socket for WebSocket<READ> {
    async fn dial(address: SocketAddr) -> Outcome<Self> {
        let (stream, url) = (dial(address).await?, format!("ws://{address}/"));
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(url, stream, Some(Self::config())).await?;
        Ok(Self(socket))
    }

    async fn accept(stream: TcpStream) -> Outcome<Self> {
        Ok(Self(tokio_tungstenite::accept_async_with_config(stream, Some(Self::config())).await?))
    }
}

impl<const READ: usize> Stream for WebSocket<READ> {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.0.poll_next_unpin(cx)) {
            Some(Ok(Message::Binary(bytes))) => Some(Ok(bytes)),
            Some(Ok(Message::Close(_))) | None => None,
            Some(Ok(other)) => Some(Err(format!("{other:?} is not binary").into())),
            Some(Err(error)) => Some(Err(error.into())),
        })
    }
}

impl<const READ: usize> Sink<Bytes> for WebSocket<READ> {
    type Error = Failure;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Pin::new(&mut self.0).poll_ready(cx).map_err(Into::into)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Outcome<()> {
        Ok(Pin::new(&mut self.0).start_send(Message::Binary(bytes))?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(Into::into)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(Into::into)
    }
}

/// Four bytes of length before each message.
pub struct Plain(Framed<TcpStream, LengthDelimitedCodec>);

impl Plain {
    fn new(stream: TcpStream) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(LONGEST).new_codec();
        let mut framed = Framed::new(stream, codec);
        framed.set_backpressure_boundary(WRITE_BUFFER);
        Self(framed)
    }
}

impl Socket for Plain {
    async fn dial(address: SocketAddr) -> Outcome<Self> {
        Ok(Self::new(dial(address).await?))
    }

    async fn accept(stream: TcpStream) -> Outcome<Self> {
        Ok(Self::new(stream))
    }
}

impl Stream for Plain {
    type Item = Outcome<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.0.poll_next_unpin(cx));
        Poll::Ready(next.map(|bytes| bytes.map(BytesMut::freeze).map_err(Into::into)))
    }
}

impl Sink<Bytes> for Plain {
    type Error = Failure;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Sink::<Bytes>::poll_ready(Pin::new(&mut self.0), cx).map_err(Into::into)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Outcome<()> {
        Ok(Pin::new(&mut self.0).start_send(bytes)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Sink::<Bytes>::poll_flush(Pin::new(&mut self.0), cx).map_err(Into::into)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<()>> {
        Sink::<Bytes>::poll_close(Pin::new(&mut self.0), cx).map_err(Into::into)
    }
}
