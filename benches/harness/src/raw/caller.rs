//! A raw transport as a system: one call after another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::line::Line;
use super::message::{SMALL, Verb, message, read};
use super::socket::Socket;
use crate::{Counter, Outcome, Record, System};

/// A line that its clones take turns on; events take it away.
pub struct Caller<S, const COALESCED: bool>(Arc<Mutex<Option<Line<S, COALESCED>>>>);

impl<S, const COALESCED: bool> Clone for Caller<S, COALESCED> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Socket, const COALESCED: bool> Caller<S, COALESCED> {
    async fn ask(&self, asked: Bytes) -> Outcome<Bytes> {
        self.0.lock().await.as_mut().ok_or("gets events")?.ask(asked).await
    }
}

impl<S: Socket, const COALESCED: bool> System for Caller<S, COALESCED> {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        Ok(Self(Arc::new(Mutex::new(Some(Line::dial(address).await?)))))
    }

    async fn echo(&self, record: Record) -> Outcome<Record> {
        let answer = self.ask(message(Verb::Echo, [record.id as u32, 0], SMALL)).await?;
        if answer.len() == SMALL { Ok(record) } else { Err("an echo of another length".into()) }
    }

    async fn echo_bytes(&self, bytes: Bytes) -> Outcome<usize> {
        Ok(self.ask(bytes).await?.len())
    }

    async fn items(&self, count: u64) -> Outcome<u64> {
        let mut line = self.0.lock().await;
        let line = line.as_mut().ok_or("gets events")?;
        line.send(message(Verb::Items, [u32::try_from(count)?, SMALL as u32], 0)).await?;
        line.flush().await?;
        let mut came = 0;
        loop {
            came += 1;
            if matches!(read(&line.answer().await?), Some((Verb::End, _))) {
                return Ok(came);
            }
        }
    }

    async fn subscribe(&self, events: Arc<Counter>) -> Outcome<()> {
        let mut line = self.0.lock().await.take().ok_or("gets events")?;
        line.ask(message(Verb::Subscribe, [0, 0], 0)).await?;
        tokio::spawn(async move {
            while let Ok(Some(_)) = line.next().await {
                events.count();
            }
        });
        Ok(())
    }

    async fn broadcast(&self) -> Outcome<Option<u64>> {
        self.ask(message(Verb::Broadcast, [0, 0], 0)).await?;
        Ok(None)
    }

    async fn reverse(&self, in_flight: usize, duration: Duration) -> Outcome<u64> {
        let mut line = self.0.lock().await;
        let line = line.as_mut().ok_or("gets events")?;
        let milliseconds = u32::try_from(duration.as_millis())?;
        line.send(message(Verb::Reverse, [u32::try_from(in_flight)?, milliseconds], 0)).await?;
        line.flush().await?;
        loop {
            let next = line.answer().await?;
            match read(&next) {
                Some((Verb::Echo, _)) => line.send(next).await?,
                Some((Verb::End, [answered, _])) => return Ok(answered.into()),
                _ => return Err("a message of no meaning".into()),
            }
        }
    }
}
