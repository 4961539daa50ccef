//! What a consumer tells of its work: events, counters, and what is lost.

use windrow_base::telemetry::{Event, Progress};
use windrow_config::WindowPolicy;
use windrow_kafka::Deleted;
use windrow_record::Offset;
use windrow_windows::{BatchWriter, Counts, Manifest, OffsetRange};

/// A sealed window as an event.
pub(crate) fn told(manifest: &Manifest, policy: WindowPolicy) -> Event {
    Event::WindowSealed {
        window: manifest.window.get(),
        period: policy.period(manifest.span.map(|span| span.from)),
        rows: manifest.rows,
        unlabelled: manifest.rows - manifest.labelled,
        quarantined: manifest.quarantined,
        reason: manifest.sealed.to_string(),
    }
}

/// Moves the counters by what the writer has taken since the last call; gives that.
pub(crate) fn count(progress: &Progress, writer: &mut BatchWriter) -> Counts {
    let counts = writer.take_counts();
    let counters = progress.counters();
    counters.stored.add(counts.stored);
    counters.repeated.add(counts.repeated);
    counters.quarantined.add(counts.quarantined);
    counters.received.add(counts.stored + counts.repeated + counts.quarantined);
    counts
}

/// Tells at once what is gone for good, and has the next manifest tell it.
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
