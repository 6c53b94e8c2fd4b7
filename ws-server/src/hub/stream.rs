//! Events for whoever wants to read them, at their own pace and within a bound.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::Stream;

/// How many events wait for one reader.
const CAPACITY: usize = 1024;

/// A stream of events with a queue of its own: 1,024 wait for the reader. Nothing waits for a slow one; the newest
/// events beyond that are missed, and counted.
///
/// # Cancel safety
/// Safe: an event that was not yielded stays in the queue.
pub struct Events<T> {
    queue: Arc<Queue<T>>,
}

struct Queue<T>(Mutex<State<T>>);

struct State<T> {
    waiting: VecDeque<T>,
    missed: u64,
    reader: Option<Waker>,
    ended: bool,
}

impl<T> Events<T> {
    /// How many events did not find a place in the queue since the stream was made.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.lock().missed
    }

    /// A stream that has ended.
    pub(crate) fn ended() -> Self {
        Self { queue: Queue::new(true) }
    }
}

impl<T> Queue<T> {
    fn new(ended: bool) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { waiting: VecDeque::new(), missed: 0, reader: None, ended })))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, change: impl FnOnce(&mut State<T>)) {
        let reader = {
            let mut state = self.lock();
            change(&mut state);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waker = cx.waker().clone();
        let mut state = self.queue.lock();
        if let Some(event) = state.waiting.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        let replaced = state.reader.replace(waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.queue.lock();
        f.debug_struct("Events")
            .field("waiting", &state.waiting.len())
            .field("missed", &state.missed)
            .finish_non_exhaustive()
    }
}

/// Those who read: they leave by dropping their stream.
pub(super) struct Readers<T>(Mutex<Vec<Weak<Queue<T>>>>);

impl<T> Default for Readers<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Readers<T> {
    pub(super) fn subscribe(&self) -> Events<T> {
        let queue = Queue::new(false);
        self.lock().push(Arc::downgrade(&queue));
        Events { queue }
    }

    pub(super) fn tell(&self, event: &T) {
        for queue in self.alive() {
            queue.wake(|state| {
                if state.waiting.len() < CAPACITY {
                    state.waiting.push_back(event.clone());
                } else {
                    state.missed += 1;
                }
            });
        }
    }

    /// So many were lost before they came here.
    pub(super) fn miss(&self, count: u64) {
        for queue in self.alive() {
            queue.lock().missed += count;
        }
    }
}

impl<T> Readers<T> {
    fn alive(&self) -> Vec<Arc<Queue<T>>> {
        let mut queues = self.lock();
        let alive: Vec<_> = queues.iter().filter_map(Weak::upgrade).collect();
        if alive.len() < queues.len() {
            queues.retain(|queue| queue.strong_count() > 0);
        }
        alive
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Queue<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Readers<T> {
    fn drop(&mut self) {
        for queue in self.alive() {
            queue.wake(|state| state.ended = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn a_slow_reader_misses_the_newest_and_knows_how_many() {
        let readers = Readers::default();
        let (mut slow, gone) = (readers.subscribe(), readers.subscribe());
        drop(gone);
        for number in 0..CAPACITY + 3 {
            readers.tell(&number);
        }
        assert_eq!(readers.lock().len(), 1, "who left is forgotten");
        assert_eq!(slow.missed(), 3);
        assert_eq!(slow.next().now_or_never(), Some(Some(0)));
        readers.tell(&7);
        drop(readers);
        let rest: Vec<_> = slow.collect::<Vec<_>>().now_or_never().expect("it has ended");
        assert_eq!((rest.len(), rest.last()), (CAPACITY, Some(&7)));
    }
}
