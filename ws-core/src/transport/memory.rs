//! Two ends in one process, without bytes of WebSocket between them: for tests and for services within a process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Received, SendLost, Transport};

/// One end of a pair in memory.
#[derive(Debug)]
pub struct MemoryTransport {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    /// Taken, and not in the pipe yet.
    held: Option<Received>,
    closing: bool,
    written: u64,
}

/// Two connected ends; each direction holds up to `messages` messages.
#[must_use]
pub fn memory_pair(messages: usize) -> (MemoryTransport, MemoryTransport) {
    let (there, back) = (Pipe::new(messages), Pipe::new(messages));
    (MemoryTransport::new(Arc::clone(&back), Arc::clone(&there)), MemoryTransport::new(there, back))
}

#[derive(Debug)]
struct Pipe {
    state: Mutex<PipeState>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct PipeState {
    messages: VecDeque<Received>,
    gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(messages: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), capacity: messages.max(1) })
    }

    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        let wakers = {
            let mut state = self.lock();
            state.gone = true;
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl MemoryTransport {
    fn new(incoming: Arc<Pipe>, outgoing: Arc<Pipe>) -> Self {
        Self { incoming, outgoing, held: None, closing: false, written: 0 }
    }
}

impl Transport for MemoryTransport {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let (received, writer) = {
            let mut state = self.incoming.lock();
            match state.messages.pop_front() {
                Some(received) => (received, state.writer.take()),
                None if state.gone => return Poll::Ready(Received::Lost),
                None => {
                    state.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        };
        if let Some(writer) = writer {
            writer.wake();
        }
        // As a WebSocket does, a close frame is answered by the transport.
        if matches!(received, Received::Close(_)) && !self.closing {
            self.closing = true;
            self.held = Some(received.clone());
        }
        Poll::Ready(received)
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), SendLost> {
        if self.closing {
            return Err(SendLost);
        }
        self.held = Some(Received::Message(message));
        Ok(())
    }

    fn start_text(&mut self, text: String) -> Result<(), SendLost> {
        if self.closing {
            return Err(SendLost);
        }
        self.held = Some(Received::Text(text));
        Ok(())
    }

    fn start_close(&mut self, code: u16, reason: &str) -> Result<(), SendLost> {
        if self.closing {
            return Err(SendLost);
        }
        self.closing = true;
        self.held = Some(Received::Close(Some((code, reason.to_owned()))));
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendLost>> {
        let Some(held) = self.held.take() else { return Poll::Ready(Ok(())) };
        let reader = {
            let mut state = self.outgoing.lock();
            if state.gone {
                return Poll::Ready(Err(SendLost));
            }
            if state.messages.len() >= self.outgoing.capacity {
                state.writer = Some(cx.waker().clone());
                self.held = Some(held);
                return Poll::Pending;
            }
            self.written += 1;
            state.messages.push_back(held);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_linger(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn received(&self) -> u64 {
        // Messages come whole here, and are heard as such.
        0
    }

    fn written(&self) -> u64 {
        self.written
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.incoming.leave();
        self.outgoing.leave();
    }
}
