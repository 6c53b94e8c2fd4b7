//! The hold on a listener.

use std::fmt;
use std::sync::Weak;

/// What a subscription leaves.
pub(super) trait Leave: Send + Sync {
    fn leave(&self, id: u64);
}

/// Holds a listener: dropped, the listener sees nothing more. It keeps nothing else alive.
#[must_use = "a listener is off when its subscription is dropped; `forever` keeps it on"]
pub struct Subscription {
    set: Weak<dyn Leave>,
    id: u64,
}

impl Subscription {
    pub(super) const fn new(set: Weak<dyn Leave>, id: u64) -> Self {
        Self { set, id }
    }

    /// Turns the listener off, as dropping does.
    pub fn off(self) {}

    /// Keeps the listener on for as long as its set is there.
    pub fn forever(mut self) {
        self.id = u64::MAX;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(set) = self.set.upgrade() {
            set.leave(self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
