//! The end of a connection: what is queued is written, close frames are exchanged, all within the grace (R3).

use std::task::{Context, Poll};
use std::time::Instant;

use super::drive::Driver;
use crate::clock;
use crate::protocol::{CloseInfo, ClosedBy};
use crate::transport::{Received, Transport};

pub(super) struct Closing {
    info: CloseInfo,
    stage: Stage,
    /// Whether the transport can still be read.
    readable: bool,
    until: Option<Instant>,
    let_go: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Write the outbox, then the close frame.
    Write,
    /// The close frame is on its way.
    Flush,
    /// Wait for the peer's close frame.
    Await,
    /// The transport answers the peer's close frame.
    Answer,
    /// Take in what still comes, so that the close frame is not lost to a reset.
    Linger,
    /// Wait for the tasks of spawned handlers.
    Tasks,
}

impl Closing {
    pub(super) const fn new(info: CloseInfo) -> Self {
        let stage = match info.by {
            ClosedBy::Local => Stage::Write,
            ClosedBy::Peer => Stage::Await,
            ClosedBy::Network => Stage::Tasks,
        };
        Self { info, stage, readable: true, until: None, let_go: false }
    }

    /// The peer's close frame came.
    pub(super) const fn answer(mut self) -> Self {
        self.stage = Stage::Answer;
        self
    }

    /// The transport cannot be read any more, but can be written.
    pub(super) const fn unreadable(mut self) -> Self {
        self.readable = false;
        self
    }

    /// The transport can neither be read nor written.
    pub(super) const fn dead(mut self) -> Self {
        self.stage = Stage::Tasks;
        self
    }

    pub(super) fn poll<T: Transport>(
        &mut self,
        driver: &mut Driver<T>,
        cx: &mut Context<'_>,
    ) -> Poll<CloseInfo> {
        let effects = &mut driver.work().effects;
        effects.wake();
        effects.starts.clear();
        effects.stops.clear();
        effects.verdicts.clear();
        effects.upload_stops.clear();
        // Before anything is awaited: the handlers' calls have failed already, and they must see it (R15).
        if !self.let_go {
            self.let_go = true;
            driver.let_go();
        }
        let until = *self.until.get_or_insert_with(|| clock::now() + driver.shared.limits.close_grace);
        while driver.timer.poll(Some(until), cx).is_ready() {
            if clock::now() >= until {
                return Poll::Ready(self.info.clone());
            }
        }
        loop {
            let before = self.stage;
            match before {
                Stage::Write => self.write(driver, cx),
                Stage::Flush => self.flush(driver, cx),
                Stage::Await => self.receive(driver, cx),
                Stage::Answer => self.answered(driver, cx),
                Stage::Linger => {
                    if driver.transport.poll_linger(cx).is_ready() {
                        self.stage = Stage::Tasks;
                    }
                }
                Stage::Tasks => {
                    return match driver.tasks.get().map(|tasks| tasks.poll_gone(cx)) {
                        None | Some(Poll::Ready(())) => Poll::Ready(self.info.clone()),
                        Some(Poll::Pending) => Poll::Pending,
                    };
                }
            }
            if self.stage == before {
                return Poll::Pending;
            }
        }
    }

    fn write<T: Transport>(&mut self, driver: &mut Driver<T>, cx: &mut Context<'_>) {
        loop {
            match driver.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(())) => return self.stage = Stage::Tasks,
                Poll::Pending if self.info.abrupt => return self.stage = Stage::Tasks,
                // A peer that writes and does not read may wait for us to read.
                Poll::Pending => return self.receive(driver, cx),
            }
            let batch = driver.with_engine(|engine, effects| engine.take_batch(clock::now(), effects));
            let sent = match batch {
                Some(batch) => driver.hand_over(batch),
                None => {
                    self.stage = Stage::Flush;
                    driver.transport.start_close(self.info.code, &self.info.reason)
                }
            };
            driver.progress.sent();
            if sent.is_err() {
                return self.stage = Stage::Tasks;
            }
            if self.stage == Stage::Flush {
                return;
            }
        }
    }

    fn flush<T: Transport>(&mut self, driver: &mut Driver<T>, cx: &mut Context<'_>) {
        match driver.poll_flush(cx) {
            // What can be written at once is; nothing more is expected.
            _ if self.info.abrupt => self.stage = Stage::Tasks,
            Poll::Ready(Ok(())) => self.stage = if self.readable { Stage::Await } else { Stage::Linger },
            Poll::Ready(Err(())) => self.stage = Stage::Tasks,
            Poll::Pending => self.receive(driver, cx),
        }
    }

    fn receive<T: Transport>(&mut self, driver: &mut Driver<T>, cx: &mut Context<'_>) {
        while self.readable {
            let Poll::Ready(received) = driver.transport.poll_receive(cx) else { return };
            match received {
                Received::Message(_) | Received::Text(_) | Received::Alive => {}
                Received::Close(_) => return self.stage = Stage::Answer,
                Received::Lost => return self.stage = Stage::Tasks,
                Received::Violation(..) => {
                    self.readable = false;
                    if self.stage == Stage::Await {
                        self.stage = Stage::Linger;
                    }
                }
            }
        }
    }

    /// The transport answers a close frame by itself; it only wants flushing.
    fn answered<T: Transport>(&mut self, driver: &mut Driver<T>, cx: &mut Context<'_>) {
        match driver.transport.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.info.clean = true;
                self.stage = Stage::Tasks;
            }
            Poll::Ready(Err(_)) => self.stage = Stage::Tasks,
            Poll::Pending => {}
        }
    }
}
