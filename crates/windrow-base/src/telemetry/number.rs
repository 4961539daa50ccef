//! Numbers that a stage changes while other threads read them, without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that many threads can change.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `by` to the number.
    #[inline]
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Sets the number to `to`.
    #[inline]
    pub fn set(&self, to: u64) {
        self.0.store(to, Relaxed);
    }

    /// Returns the present number.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that may be unknown.
#[derive(Debug)]
pub struct Gauge(AtomicU64);

/// The stored value of a gauge whose number is unknown.
const UNKNOWN: u64 = u64::MAX;

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicU64::new(UNKNOWN))
    }
}

impl Gauge {
    /// Sets the number to `to`; `None` makes it unknown.
    #[inline]
    pub fn set(&self, to: Option<u64>) {
        self.0.store(to.unwrap_or(UNKNOWN), Relaxed);
    }

    /// Returns the present number; `None` if it is unknown.
    #[inline]
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|number| *number != UNKNOWN)
    }
}
