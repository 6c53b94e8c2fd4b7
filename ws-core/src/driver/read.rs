//! What comes in: one message after another into the engine, what handles left before it.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::closing::Closing;
use super::drive::{Budget, Driver};
use crate::clock;
use crate::protocol::{CloseInfo, ClosedBy, code};
use crate::transport::{Received, Transport};

impl<T: Transport> Driver<T> {
    /// Reads once, and takes over what handles left: nothing is started on a connection that they closed. Whether there
    /// was nothing to read.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> bool {
        let work = self.work();
        (work.now, work.rests) = (None, None);
        if self.closing.is_some() {
            return false;
        }
        let polled = self.transport.poll_receive(cx);
        // A message is looked at under the same lock as what handles left; so is what is to be written.
        let waits = match &polled {
            Poll::Ready(received) => matches!(received, Received::Message(_)),
            Poll::Pending => self.is_idle(),
        };
        if !waits {
            self.with_engine(|_, _| ());
            self.apply(None, budget);
        }
        match polled {
            Poll::Ready(received) => {
                self.take_in(received, budget);
                false
            }
            Poll::Pending => {
                self.note_bytes();
                true
            }
        }
    }

    pub(super) fn read(&mut self, cx: &mut Context<'_>, budget: &mut Budget) {
        while budget.reads > 0 && budget.bytes > 0 && self.closing.is_none() {
            let Poll::Ready(received) = self.transport.poll_receive(cx) else {
                return self.note_bytes();
            };
            self.take_in(received, budget);
        }
    }

    fn take_in(&mut self, received: Received, budget: &mut Budget) {
        self.received = self.transport.received();
        budget.reads -= 1;
        match received {
            Received::Message(message) => {
                budget.bytes = budget.bytes.saturating_sub(message.len());
                self.receive(&message, budget);
            }
            Received::Text(text) => {
                let now = self.read_clock();
                budget.bytes = budget.bytes.saturating_sub(text.len());
                self.with_engine(|engine, effects| engine.receive_text(now, text, effects));
                self.apply(None, budget);
            }
            Received::Alive => self.with_engine(|engine, _| engine.heard(clock::now())),
            Received::Close(frame) => {
                let (code, reason) = frame.unwrap_or((code::NO_STATUS, String::new()));
                self.close(CloseInfo::new(code, reason, ClosedBy::Peer), Closing::answer);
            }
            Received::Violation(code, reason) => {
                self.close(CloseInfo::new(code, reason, ClosedBy::Local), Closing::unreadable);
            }
            Received::Lost => self.lost(),
        }
    }

    /// What handles left comes before the message: it may have ended the connection, and its arguments are no part of
    /// this message.
    fn receive(&mut self, message: &Bytes, budget: &mut Budget) {
        let now = self.read_clock();
        loop {
            let received = self.with_state(|state, effects, had_mail| {
                if !had_mail {
                    state.engine.receive(now, message, effects);
                }
                !had_mail
            });
            self.apply(Some(message).filter(|_| received), budget);
            if received || self.closing.is_some() {
                return;
            }
        }
    }

    /// A large message on a slow line: bytes come, though no message is whole yet (R33).
    fn note_bytes(&mut self) {
        let received = self.transport.received();
        if received != self.received {
            self.received = received;
            self.last_bytes = Some(clock::now());
        }
    }
}
