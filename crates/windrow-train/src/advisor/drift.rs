//! The drift of features between two windows. Every policy asks for the same drift, and the next window asks for it
//! again, so it is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windrow_learn::model::FeatureDrift;
use windrow_record::WindowIndex;
use windrow_registry::Snapshot;

/// The known drift by two windows: `true` if features of the second window have drifted since the first.
#[derive(Debug, Default)]
pub(super) struct KnownDrift(Mutex<HashMap<(u32, u32), bool>>);

impl KnownDrift {
    /// Returns `true` if features of window `now` have drifted since window `since`. Parts of the calendar do not count.
    pub(super) fn is_between(&self, snapshot: &Snapshot, since: u32, now: u32) -> bool {
        let stored = self.known().get(&(since, now)).copied();
        stored.unwrap_or_else(|| {
            let is_drift = measured(snapshot, since, now);
            self.known().insert((since, now), is_drift);
            is_drift
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(u32, u32), bool>> {
        // Each entry is inserted at once, so a panic of another thread leaves no half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn measured(snapshot: &Snapshot, since: u32, now: u32) -> bool {
    let report = |window: u32| WindowIndex::new(window).and_then(|window| snapshot.window(window));
    let drift = report(since).zip(report(now)).and_then(|(since, now)| now.profile.drift_since(&since.profile));
    drift.is_some_and(|drift| drift.without_calendar().any(FeatureDrift::is_shift))
}
