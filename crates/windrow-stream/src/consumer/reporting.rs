//! The event for a sealed window, and the names of partitions.

use windrow_base::telemetry::Event;
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

pub(crate) fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
