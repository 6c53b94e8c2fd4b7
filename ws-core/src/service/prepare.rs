//! What a provider must do before it serves.

use std::error::Error;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

/// The future that [`Provider::prepared`](super::Provider::prepared) returns.
pub type Preparing<'a> = Pin<Box<dyn Future<Output = Result<(), PrepareError>> + Send + 'a>>;

/// A provider could not be prepared, so nothing is accepted with it; the next one that asks tries again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the provider could not be prepared")]
pub struct PrepareError(#[source] Arc<dyn Error + Send + Sync>);

/// What is done once, before the first connection is accepted. Clones share it: it runs once for them all.
#[derive(Clone, Default)]
pub struct Preparation(Option<Arc<Once>>);

type Prepare = dyn Fn() -> BoxFuture<'static, Result<(), PrepareError>> + Send + Sync;
type Running = Shared<BoxFuture<'static, Result<(), PrepareError>>>;

struct Once {
    prepare: Arc<Prepare>,
    /// Nothing before the first asks, and after a failure.
    running: Mutex<Option<Running>>,
}

impl Preparation {
    /// Nothing to do.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Runs `prepare` when it is first asked for, in a task of its own: whoever waits for it may leave.
    #[must_use]
    pub fn new<F, E>(prepare: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let prepare = move || -> BoxFuture<'static, Result<(), PrepareError>> {
            let preparing = prepare();
            Box::pin(async move { preparing.await.map_err(|error| PrepareError(error.into().into())) })
        };
        Self(Some(Arc::new(Once { prepare: Arc::new(prepare), running: Mutex::new(None) })))
    }

    /// Waits until it is done, and starts it where nobody did.
    ///
    /// # Errors
    /// It failed, or panicked. The next one that asks tries again.
    pub fn done(&self) -> Preparing<'_> {
        let Some(once) = &self.0 else { return Box::pin(ready(Ok(()))) };
        Box::pin(async move {
            let running = once.running();
            let outcome = running.clone().await;
            if outcome.is_err() {
                once.forget(&running);
            }
            outcome
        })
    }
}

impl Once {
    fn running(&self) -> Running {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let prepare = Arc::clone(&self.prepare);
            let task = tokio::spawn(async move { prepare().await });
            let outcome =
                async move { task.await.unwrap_or_else(|error| Err(PrepareError(Arc::new(error)))) };
            outcome.boxed().shared()
        };
        running.get_or_insert_with(start).clone()
    }

    fn forget(&self, failed: &Running) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|running| running.ptr_eq(failed)) {
            *running = None;
        }
    }
}

impl std::fmt::Debug for Preparation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Preparation").field(&self.0.is_some()).finish()
    }
}
