//! Those who wait for messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Someone who waits for messages, in one log or in several.
#[derive(Debug)]
pub(crate) struct Waiter {
    wanted: usize,
    come: AtomicUsize,
    notify: Notify,
}

impl Waiter {
    /// Waits for so many bytes.
    pub(crate) fn new(wanted: usize) -> Arc<Self> {
        Arc::new(Self { wanted, come: AtomicUsize::new(0), notify: Notify::new() })
    }

    /// Returns when they have come.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    /// Counts bytes that have come, or were there already.
    pub(crate) fn count(&self, bytes: usize) {
        let counted = |come: usize| Some(come.saturating_add(bytes));
        let before = self.come.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).unwrap_or(usize::MAX);
        if before.saturating_add(bytes) >= self.wanted {
            self.notify.notify_one();
        }
    }
}
