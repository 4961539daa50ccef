//! The event for a sealed window, the lag, and the names of partitions.

use windrow_base::telemetry::{Counters, Event};
use windrow_config::WindowPolicy;
use windrow_record::Partition;
use windrow_windows::Manifest;

pub(crate) fn sealed(manifest: &Manifest, policy: WindowPolicy) -> Event {
    Event::WindowSealed {
        window: manifest.window.get(),
        period: manifest.times.period(policy),
        rows: manifest.rows.count,
        unlabelled: manifest.rows.count - manifest.rows.labelled,
        quarantined: manifest.quarantine.count,
        reason: manifest.sealed.to_string(),
    }
}

/// Reports the number of messages in each partition that are not read yet, and their sum.
pub(crate) fn report_lags(counters: &Counters, lags: &[(Partition, Option<u64>)]) {
    counters.lag.set(lags.iter().map(|(_, lag)| *lag).sum());
    counters.partitions.set_lags(lags.iter().map(|(partition, lag)| (index_of(*partition), *lag)));
}

/// Returns a partition's place among the counters. The broker numbers partitions from 0.
pub(crate) fn index_of(partition: Partition) -> usize {
    usize::try_from(partition.0).unwrap_or_default()
}

pub(crate) fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
