//! Tells that users say something, not what.

use ws_core::{Denial, Interception, Interceptor};

use crate::hub::connection::Home;

/// Sees every message that a connection sends; installed only where messages are asked for.
#[derive(Debug)]
pub(crate) struct Messages;

impl Interceptor for Messages {
    fn receive(&self, message: &mut Interception<'_>) -> Result<(), Denial> {
        if let Some(directory) = Home::directory(message.peer()) {
            directory.with(|tables| tables.message(message.peer().id(), message.method()));
        }
        Ok(())
    }
}
