//! Text messages beside the service (R39, P7).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{self, BoxStream, Stream, StreamExt};

use crate::engine::{NextText, SentText};
use crate::error::SendError;
use crate::shared::Shared;

/// The text messages that the other side sends beside the service, in order; ends with the connection. Made by
/// [`Connection::texts`](crate::Connection::texts).
///
/// It keeps the connection as little as a peer does. Several of one connection share its texts: each goes to one of
/// them.
pub struct Texts {
    texts: BoxStream<'static, String>,
    shared: Arc<Shared>,
}

impl Texts {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let texts = stream::unfold(Arc::clone(&shared), |shared| async {
            let text = next(&shared).await?;
            Some((text, shared))
        });
        Self { texts: texts.boxed(), shared }
    }

    /// The next one; none once the connection has ended.
    ///
    /// # Cancel safety
    /// Safe: no text is lost.
    pub async fn next(&mut self) -> Option<String> {
        next(&self.shared).await
    }
}

impl Stream for Texts {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<String>> {
        self.texts.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("connection", &self.shared.id).finish_non_exhaustive()
    }
}

async fn next(shared: &Arc<Shared>) -> Option<String> {
    loop {
        let told = shared.news_told();
        match shared.ask(|engine| engine.next_text()) {
            NextText::Text(text) => return Some(text),
            NextText::Over => return None,
            NextText::Nothing => told.await,
        }
    }
}

pub(crate) async fn send(shared: &Arc<Shared>, text: String) -> Result<(), SendError> {
    let sending = async {
        let mut text = text;
        loop {
            let told = shared.news_told();
            match shared.ask(|engine| engine.send_text(text)) {
                SentText::Sent => return Ok(()),
                SentText::NotAccepted => return Err(SendError::NotAccepted),
                SentText::TooLarge => return Err(SendError::TooLarge),
                SentText::Closed(info) => return Err(SendError::Closed(info)),
                SentText::Full(back) => text = back,
            }
            told.await;
        }
    };
    tokio::time::timeout(shared.limits.send_timeout, sending).await.unwrap_or(Err(SendError::Full))
}
