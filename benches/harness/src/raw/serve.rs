//! The serving side of the raw transports.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::SplitSink;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::line::Line;
use super::message::{Verb, message, read};
use super::pipeline::pipeline;
use super::socket::Socket;
use crate::{EVENT_BYTES, Outcome};

/// Who gets events.
struct Subscribers<S> {
    /// Coalesced: the sockets themselves, for one loop over all of them.
    sockets: tokio::sync::Mutex<Vec<SplitSink<S, Bytes>>>,
    /// One flush for each message: a queue to the task of each connection, as chat examples have it.
    queues: Mutex<Vec<UnboundedSender<Bytes>>>,
}

pub async fn serve_all<S: Socket, const COALESCED: bool>(listener: TcpListener) -> Outcome<()> {
    let subscribers =
        Arc::new(Subscribers::<S> { sockets: tokio::sync::Mutex::default(), queues: Mutex::default() });
    loop {
        let (stream, _) = listener.accept().await?;
        let subscribers = Arc::clone(&subscribers);
        tokio::spawn(async move {
            if let Ok(line) = Line::<S, COALESCED>::accept(stream).await {
                // A connection that is torn down is the client's way to end.
                let _ended = serve_one(line, &subscribers).await;
            }
        });
    }
}

async fn serve_one<S: Socket, const COALESCED: bool>(
    mut line: Line<S, COALESCED>,
    subscribers: &Subscribers<S>,
) -> Outcome<()> {
    while let Some(asked) = line.next().await? {
        let (verb, [first, second]) = read(&asked).ok_or("a message of no meaning")?;
        match verb {
            Verb::Echo => line.send(asked).await?,
            Verb::Items => {
                for index in 1..=first {
                    let verb = if index == first { Verb::End } else { Verb::Items };
                    line.send(message(verb, [index, 0], second as usize)).await?;
                    if index % 64 == 0 {
                        tokio::task::consume_budget().await;
                    }
                }
                line.flush().await?;
            }
            Verb::Blocks => blocks(&mut line, first, second).await?,
            Verb::Subscribe => {
                line.send(asked).await?;
                line.flush().await?;
                return subscribed(line, subscribers).await;
            }
            Verb::Broadcast => {
                subscribers.tell::<COALESCED>().await?;
                line.send(asked).await?;
            }
            Verb::Reverse => {
                let duration = Duration::from_millis(second.into());
                let answered = pipeline(&mut line, first as usize, duration).await?;
                line.send(message(Verb::End, [answered as u32, 0], 0)).await?;
                line.flush().await?;
            }
            Verb::End => return Ok(()),
        }
    }
    Ok(())
}

/// Between two blocks it answers what has come meanwhile.
async fn blocks<S: Socket, const COALESCED: bool>(
    line: &mut Line<S, COALESCED>,
    count: u32,
    bytes: u32,
) -> Outcome<()> {
    let block = message(Verb::Blocks, [0, 0], bytes as usize);
    for _ in 0..count {
        while let Some(next) = line.0.next().now_or_never() {
            let Some(echo) = next.transpose()? else { return Ok(()) };
            line.send(echo).await?;
        }
        line.send(block.clone()).await?;
    }
    line.send(message(Verb::End, [0, 0], 0)).await?;
    line.flush().await
}

async fn subscribed<S: Socket, const COALESCED: bool>(
    line: Line<S, COALESCED>,
    subscribers: &Subscribers<S>,
) -> Outcome<()> {
    if COALESCED {
        let (socket, mut rest) = line.0.split();
        subscribers.sockets.lock().await.push(socket);
        while rest.next().await.transpose()?.is_some() {}
        return Ok(());
    }
    let (queue, mut events) = unbounded_channel();
    subscribers.queues.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
    let mut line = line;
    while let Some(event) = events.recv().await {
        line.send(event).await?;
    }
    Ok(())
}

impl<S: Socket> Subscribers<S> {
    async fn tell<const COALESCED: bool>(&self) -> Outcome<()> {
        let event = message(Verb::Items, [0, 0], EVENT_BYTES);
        if COALESCED {
            for socket in self.sockets.lock().await.iter_mut() {
                socket.send(event.clone()).await?;
            }
            return Ok(());
        }
        for queue in self.queues.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One whose connection has ended has nobody to tell.
            let _gone = queue.send(event.clone());
        }
        Ok(())
    }
}
