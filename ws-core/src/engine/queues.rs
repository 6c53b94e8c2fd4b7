//! How the calls of one method queue: `serial`, `busy` and `latest`. They hold their slots while they wait, so what
//! waits is bounded by those.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Key, Start};
use crate::service::Queueing;
use crate::service::scope::Awaiting;

/// One queue for each method that has one and was called; nothing until then.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_method: Option<Box<ByMethod>>,
}

type ByMethod = HashMap<usize, Queue>;

#[derive(Debug)]
struct Queue {
    running: Key,
    /// Whether the running call awaits one of its own.
    awaiting: Arc<Awaiting>,
    waiting: VecDeque<Start>,
}

/// What becomes of a call that arrives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It starts.
    Now,
    /// It waits for those before it.
    Wait,
    /// It is refused.
    Overloaded,
    /// It starts in place of this one.
    Replace(Key),
}

impl Queues {
    /// What becomes of a call of `method` at `depth`.
    pub(super) fn turn(&self, method: usize, queueing: Queueing, depth: u8) -> Turn {
        let queue = self.by_method.as_ref().and_then(|queues| queues.get(&method));
        let Some(queue) = queue else { return Turn::Now };
        match queueing {
            Queueing::None => Turn::Now,
            Queueing::Busy => Turn::Overloaded,
            Queueing::Latest => Turn::Replace(queue.running),
            // The running call may wait for this one, through others (R11).
            Queueing::Serial if depth > 0 && queue.awaiting.is_awaiting() => Turn::Overloaded,
            Queueing::Serial => Turn::Wait,
        }
    }

    /// The call of `key` runs. What its handler awaits is told to what this gives.
    pub(super) fn begin(&mut self, method: usize, key: Key) -> Arc<Awaiting> {
        let awaiting = Arc::<Awaiting>::default();
        let queue = self.by_method.get_or_insert_default().entry(method).or_insert_with(|| Queue {
            running: key,
            awaiting: Arc::clone(&awaiting),
            waiting: VecDeque::new(),
        });
        queue.running = key;
        queue.awaiting = Arc::clone(&awaiting);
        awaiting
    }

    pub(super) fn wait(&mut self, start: Start) {
        let queues = self.by_method.as_mut();
        if let Some(queue) = queues.and_then(|queues| queues.get_mut(&start.method)) {
            queue.waiting.push_back(start);
        }
    }

    /// The call of `key` is over, whether it ran or waited; gives the one whose turn it is.
    pub(super) fn end(&mut self, method: usize, key: Key) -> Option<Start> {
        let queues = self.by_method.as_mut()?;
        let queue = queues.get_mut(&method)?;
        if queue.running != key {
            queue.waiting.retain(|start| start.key != key);
            return None;
        }
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queues.remove(&method);
        }
        next
    }

    pub(super) fn clear(&mut self) {
        self.by_method = None;
    }
}
