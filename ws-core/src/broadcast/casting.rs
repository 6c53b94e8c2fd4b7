//! An event on its way to many.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::frames::PerEncoding;
use super::{Delivery, SlowConsumer};
use crate::clock;
use crate::codec::Body;
use crate::context::CallOptions;
use crate::engine::{LatestKey, Post, Posted, SharedFrame, Slow};
use crate::error::SendError;
use crate::event::{MessageIds, Sending};
use crate::interceptor::Leaving;
use crate::peer::Peer;
use crate::service::{MethodId, MethodSpec};
use crate::shared::Shared;

/// An event to an audience: `audience.remote().typing(name).await`. Its arguments are encoded and its audience is known
/// when it is made; it is sent when it is first polled, to all of them at once, and gives other tasks a turn before it
/// resolves.
///
/// It waits for nobody, except with [`SlowConsumer::Wait`]. Broadcasts that one task awaits one after another arrive
/// everywhere in that order; those of several threads at once may arrive here in one order and there in another.
///
/// # Cancel safety
/// Dropped before it is polled, nothing is sent. With [`SlowConsumer::Wait`], dropped later, those that it still waits
/// for may not get it.
#[must_use = "a broadcast is sent when it is awaited"]
pub struct Casting {
    cast: Cast,
    delivery: Delivery,
    state: State,
    /// Those who are waited for.
    slow: FuturesUnordered<Waiting>,
}

/// To so many connections an event is sent at the same time, as far as their deadlines are concerned.
const SAME_TIME: usize = 16;

/// An event that is ready to be sent.
pub(super) struct Cast {
    pub(super) peers: Vec<Peer>,
    pub(super) frames: PerEncoding<SharedFrame>,
    pub(super) id: MethodId,
    pub(super) method: &'static MethodSpec,
    pub(super) options: Option<Arc<CallOptions>>,
    pub(super) slow: SlowConsumer,
    pub(super) latest: Option<LatestKey>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unsent,
    Sent,
}

impl Casting {
    pub(super) fn new(cast: Cast) -> Self {
        Self { cast, delivery: Delivery::default(), state: State::Unsent, slow: FuturesUnordered::new() }
    }

    /// Sends the event now, without waiting for anybody: with [`SlowConsumer::Wait`] those who have no room at once do
    /// not get it.
    pub fn now(mut self) -> Delivery {
        self.deliver();
        for waiting in &self.slow {
            waiting.count_dropped();
        }
        self.delivery.dropped += self.slow.len();
        self.delivery
    }

    fn deliver(&mut self) {
        self.state = State::Sent;
        let mut now = clock::now();
        for (index, peer) in std::mem::take(&mut self.cast.peers).into_iter().enumerate() {
            // Interceptors may take their time.
            if index % SAME_TIME == SAME_TIME - 1 || peer.shared().interceptors.is_some() {
                now = clock::now();
            }
            match self.cast.send(&peer, now) {
                Ok(posted) => self.delivery.count(posted),
                Err(waits) => self.slow.push(*waits),
            }
        }
    }
}

impl Cast {
    /// To one of them; gives what is to be awaited where the event shall wait.
    fn send(&self, peer: &Peer, now: Instant) -> Result<Posted, Box<Waiting>> {
        let Some(frame) = self.frames.get(peer.encoding()) else { return Ok(Posted::Refused) };
        let Some((id, frame)) = self.intercepted(peer, frame) else { return Ok(Posted::Refused) };
        let shared = peer.shared();
        let post = Post {
            method: id,
            frame,
            slow: match self.slow {
                SlowConsumer::Close => Slow::Close,
                SlowConsumer::DropNewest | SlowConsumer::Wait => Slow::Drop,
            },
            stall: shared.limits.send_timeout,
            latest: self.latest.clone(),
        };
        if self.slow != SlowConsumer::Wait {
            return Ok(shared.with(|engine, effects| engine.post(now, post, effects)));
        }
        let waits = |post: Post| Waiting {
            sending: Sending::broadcast(Arc::clone(shared), post.method, self.method, post.frame),
            to: Arc::clone(shared),
        };
        shared
            .with(|engine, effects| engine.post_now(now, post, effects))
            .map_err(|post| Box::new(waits(post)))
    }

    /// What interceptors make of it for this peer; none where they deny it.
    fn intercepted(&self, peer: &Peer, frame: &SharedFrame) -> Option<(MethodId, SharedFrame)> {
        let Some(interceptors) = &peer.shared().interceptors else { return Some((self.id, frame.clone())) };
        let (method, id, options) = (self.method.name, self.id, self.options.as_deref());
        let began = clock::now();
        let leaving = Leaving { interceptors, peer, method, id, is_call: false, options, began };
        let (to, body) = leaving.send(Body::from_bytes(frame.payload())).ok()?;
        if to == id && body.payload() == frame.payload() {
            return Some((id, frame.clone()));
        }
        Some((to, SharedFrame::new(to, &crate::call::metadata(options), body)))
    }
}

impl Future for Casting {
    type Output = Delivery;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Delivery> {
        if self.state == State::Unsent {
            self.deliver();
            // Those who are waited for have the event in their queues from now on, so that none sent later overtakes it.
            while let Poll::Ready(Some(posted)) = self.slow.poll_next_unpin(cx) {
                self.delivery.count(posted);
            }
            // What was woken shall run before the next broadcast, also where the caller never waits for anything.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let Poll::Ready(sent) = self.slow.poll_next_unpin(cx) else { return Poll::Pending };
            match sent {
                None => return Poll::Ready(self.delivery),
                Some(posted) => self.delivery.count(posted),
            }
        }
    }
}

/// The event on its way to one who is waited for.
struct Waiting {
    sending: Sending,
    to: Arc<Shared>,
}

impl Waiting {
    /// Tells the connection that it did not get the event.
    fn count_dropped(&self) {
        self.to.ask(|engine| engine.count_dropped_broadcast());
    }
}

impl Future for Waiting {
    type Output = Posted;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Posted> {
        let Poll::Ready(sent) = Pin::new(&mut self.sending).poll(cx) else { return Poll::Pending };
        let posted = posted(&sent);
        if posted == Posted::Dropped {
            self.count_dropped();
        }
        Poll::Ready(posted)
    }
}

fn posted(sent: &Result<MessageIds, SendError>) -> Posted {
    match sent {
        Ok(_) => Posted::Sent,
        Err(SendError::Closed(_) | SendError::NotAccepted) => Posted::Closed,
        Err(SendError::SchemaMismatch | SendError::TooLarge | SendError::Denied) => Posted::Refused,
        Err(_) => Posted::Dropped,
    }
}

impl std::fmt::Debug for Casting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Casting")
            .field("method", &self.cast.method.name)
            .field("audience", &self.cast.peers.len())
            .finish_non_exhaustive()
    }
}
