//! Reports of a consumer's work: events, counters, and lost messages.

use windrow_base::telemetry::{Event, Progress};
use windrow_config::WindowPolicy;
use windrow_kafka::Deleted;
use windrow_record::Offset;
use windrow_windows::{BatchWriter, Counts, Manifest, OffsetRange};

/// The event for a sealed window.
pub(crate) fn sealed(manifest: &Manifest, policy: WindowPolicy) -> Event {
    Event::WindowSealed {
        window: manifest.window.get(),
        period: policy.period(manifest.span.map(|span| span.from)),
        rows: manifest.rows,
        unlabelled: manifest.rows - manifest.labelled,
        quarantined: manifest.quarantined,
        reason: manifest.sealed.to_string(),
    }
}

/// Adds the writer's counts since the last call to the counters, and returns them.
pub(crate) fn count(progress: &Progress, writer: &mut BatchWriter) -> Counts {
    let counts = writer.take_counts();
    let counters = progress.counters();
    counters.stored.add(counts.stored);
    counters.repeated.add(counts.repeated);
    counters.quarantined.add(counts.quarantined);
    counters.received.add(counts.stored + counts.repeated + counts.quarantined);
    counts
}

/// Logs that messages are lost, and adds them to the next manifest.
pub(crate) fn note_deleted(writer: &mut BatchWriter, deleted: Deleted) {
    let Deleted { partition, wanted, low } = deleted;
    let range = OffsetRange { partition, first: wanted, last: Offset(low.0 - 1) };
    let messages = range.count().unwrap_or(0);
    tracing::error!(
        "the broker has deleted offsets {} to {} of partition {partition} before they were read: {messages} messages, and the \
         rows in them, are lost",
        range.first,
        range.last
    );
    writer.note_deleted(range);
}
