//! A socket that flushes after each message, or when there is nothing more to read.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;

use super::socket::Socket;
use crate::Outcome;

/// `COALESCED` is whether what is sent waits for the next pause in what is read.
pub struct Line<S, const COALESCED: bool>(pub S);

impl<S: Socket, const COALESCED: bool> Line<S, COALESCED> {
    pub async fn dial(address: SocketAddr) -> Outcome<Self> {
        S::dial(address).await.map(Self)
    }

    pub async fn accept(stream: TcpStream) -> Outcome<Self> {
        stream.set_nodelay(true)?;
        S::accept(stream).await.map(Self)
    }

    /// The next message; what was sent goes out before it is waited for. `None` at the end.
    pub async fn next(&mut self) -> Outcome<Option<Bytes>> {
        if !COALESCED {
            return self.0.next().await.transpose();
        }
        poll_fn(|cx| match self.0.poll_next_unpin(cx) {
            Poll::Ready(next) => Poll::Ready(next.transpose()),
            Poll::Pending => match self.0.poll_flush_unpin(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            },
        })
        .await
    }

    /// The next message, where the end is a failure.
    pub async fn answer(&mut self) -> Outcome<Bytes> {
        Ok(self.next().await?.ok_or("the connection has ended")?)
    }

    pub async fn send(&mut self, message: Bytes) -> Outcome<()> {
        if COALESCED { self.0.feed(message).await } else { self.0.send(message).await }
    }

    pub async fn flush(&mut self) -> Outcome<()> {
        self.0.flush().await
    }

    /// Sends, and waits for what comes back.
    pub async fn ask(&mut self, message: Bytes) -> Outcome<Bytes> {
        self.0.send(message).await?;
        self.answer().await
    }
}
