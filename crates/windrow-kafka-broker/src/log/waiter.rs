//! The wait for new messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A task that waits for messages in one or several logs.
#[derive(Debug)]
pub(crate) struct Waiter {
    wanted: usize,
    come: AtomicUsize,
    notify: Notify,
}

impl Waiter {
    /// Creates a waiter that is woken after `wanted` bytes.
    pub(crate) fn new(wanted: usize) -> Arc<Self> {
        Arc::new(Self { wanted, come: AtomicUsize::new(0), notify: Notify::new() })
    }

    /// Returns when the wanted bytes have arrived.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    /// Counts bytes that have arrived or were available before.
    pub(crate) fn count(&self, bytes: usize) {
        let counted = |come: usize| Some(come.saturating_add(bytes));
        let before = self.come.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).unwrap_or(usize::MAX);
        if before.saturating_add(bytes) >= self.wanted {
            self.notify.notify_one();
        }
    }
}
