//! What a caller uploads while its call runs.

use std::sync::Arc;

use futures::{Stream, StreamExt};

use super::ItemSink;
use crate::engine::Key;
use crate::error::Never;
use crate::failure::Report;
use crate::service::scope::Scope;
use crate::service::{Answer, HandlerFuture, Payload};
use crate::shared::Shared;

/// A stream of the caller's that will be uploaded, its type forgotten. It is given its sink once its call is made.
pub(crate) type Uploading = Box<dyn FnOnce(ItemSink) -> HandlerFuture + Send>;

pub(crate) fn uploading<T: Payload>(items: impl Stream<Item = T> + Send + 'static) -> Uploading {
    Box::new(move |sink| Box::pin(upload(sink, items)))
}

/// Nothing of the caller's runs before its call was sent.
async fn upload<T: Payload>(mut sink: ItemSink, items: impl Stream<Item = T> + Send + 'static) -> Answer {
    if let Err(end) = sink.ready().await {
        return end;
    }
    match sink.forward(items.map(Ok::<T, Never>), ItemSink::send::<T>).await {
        Ok(Some(never)) => match never {},
        Ok(None) => sink.completed(),
        Err(end) => end,
    }
}

/// An upload on its way to the driver, which polls it beside the handlers.
pub(crate) struct Upload {
    pub(crate) flow: Key,
    pub(crate) future: HandlerFuture,
    /// That of its call: the callee's handler waits for the items, so that what they wait for is deeper (R11).
    pub(crate) scope: Scope,
    pub(crate) report: Report,
}

impl Shared {
    /// Hands an upload to the driver. On a connection that has ended it is dropped.
    pub(crate) fn upload(self: &Arc<Self>, upload: Upload) {
        let (refused, driver) = {
            let mut state = self.lock();
            if state.engine.closed().is_some() {
                (Some(upload), None)
            } else {
                state.mail().uploads.push(upload);
                (None, state.driver.take())
            }
        };
        drop(refused);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}
