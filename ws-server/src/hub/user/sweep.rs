//! Kicks users who are offline for too long.

use std::sync::{Arc, Weak};

use crate::hub::Directory;

/// One task of each server; ends with it.
pub(crate) async fn sweep(directory: Weak<Directory>) {
    loop {
        let Some(alive) = directory.upgrade() else { return };
        let (next, on_offline) = (alive.sweep(), Arc::clone(&alive.on_offline));
        drop(alive);
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => on_offline.notified().await,
        }
    }
}
