//! Handlers that run in tasks of their own: `#[ws(spawn)]`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::task::JoinHandle;

use super::guarded::Guarded;
use crate::engine::Verdict;

/// How many tasks of this connection are alive. One that is aborted while it blocks its thread lives on for a while:
/// it no longer holds a slot, but the connection does not count as ended before it is gone.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    alive: AtomicUsize,
    on_end: AtomicWaker,
}

impl Tasks {
    pub(super) fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    pub(super) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        self.on_end.register(cx.waker());
        if self.alive() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct Alive(Arc<Tasks>);

impl Alive {
    fn new(tasks: &Arc<Tasks>) -> Self {
        tasks.alive.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(tasks))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::AcqRel);
        self.0.on_end.wake();
    }
}

struct Running {
    handler: Guarded,
    _alive: Alive,
}

/// The task of one handler, aborted when this is dropped.
#[derive(Debug)]
pub(super) struct Spawned {
    task: JoinHandle<Verdict>,
}

impl Spawned {
    pub(super) fn new(handler: Guarded, tasks: &Arc<Tasks>) -> Self {
        // In this order: counted out only after the handler is dropped, and with it its hold on the provider.
        let mut running = Running { handler, _alive: Alive::new(tasks) };
        let mut others_wake = false;
        let task = tokio::spawn(poll_fn(move |cx| {
            // The whole of it: a closure would capture the handler alone.
            let running = &mut running;
            if !std::mem::replace(&mut others_wake, true) {
                // What a thread has spawned, it runs next, and wakes no other for it: were this one the only thread that
                // is awake, and the handler to block it, nobody would look at sockets and timers. What yields goes into
                // the queue, and another thread is woken to share it.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Pin::new(&mut running.handler).poll(cx)
        }));
        Self { task }
    }
}

impl Future for Spawned {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        // The task catches its panics, so that it fails only where the runtime ends it.
        Pin::new(&mut self.task).poll(cx).map(|joined| joined.unwrap_or(Verdict::Nothing))
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.task.abort();
    }
}
