//! Numbers that a stage changes while other threads read them, without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

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

/// The stored value of a gauge or a countdown whose number is unknown.
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

/// A time left that runs down by itself, or is unknown.
#[derive(Debug)]
pub struct Countdown {
    /// The moment from which the end is measured.
    origin: Instant,
    /// The end, in milliseconds after the origin.
    ends: AtomicU64,
}

impl Default for Countdown {
    fn default() -> Self {
        Self { origin: Instant::now(), ends: AtomicU64::new(UNKNOWN) }
    }
}

impl Countdown {
    /// Sets the time left from now on; `None` makes it unknown.
    pub fn set(&self, left: Option<Duration>) {
        self.set_at(self.origin.elapsed(), left);
    }

    /// Returns the whole seconds that are left now, 0 after the end; `None` if they are unknown.
    pub fn get(&self) -> Option<u64> {
        self.get_at(self.origin.elapsed())
    }

    /// Sets the time left from a moment on, which is given as the time since the origin.
    fn set_at(&self, moment: Duration, left: Option<Duration>) {
        let ends = left.map_or(UNKNOWN, |left| milliseconds(moment.saturating_add(left)));
        self.ends.store(ends, Relaxed);
    }

    fn get_at(&self, moment: Duration) -> Option<u64> {
        let ends = Some(self.ends.load(Relaxed)).filter(|ends| *ends != UNKNOWN)?;
        Some(ends.saturating_sub(milliseconds(moment)) / 1000)
    }
}

/// Returns a time in milliseconds, which is less than [`UNKNOWN`].
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(UNKNOWN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_runs_down_until_it_is_set_again() {
        let countdown = Countdown::default();
        assert_eq!(countdown.get(), None);
        let seconds = Duration::from_secs;
        countdown.set_at(seconds(10), Some(seconds(190)));
        assert_eq!([10, 110, 200, 700].map(|moment| countdown.get_at(seconds(moment))), [190, 90, 0, 0].map(Some));
        countdown.set_at(seconds(110), Some(seconds(300)));
        assert_eq!(countdown.get_at(seconds(120)), Some(290));
        countdown.set(Some(Duration::MAX));
        assert!(countdown.get().is_some(), "an endless time is not unknown");
        countdown.set(None);
        assert_eq!(countdown.get(), None);
    }
}
