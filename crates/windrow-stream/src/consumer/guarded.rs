//! A batch writer that counts its outcomes, and ends the stream if too many messages are refused.

use std::time::Instant;

use crate::consumer::error::ConsumerError;
use crate::consumer::fetcher::Incoming;
use crate::consumer::ingest::{Ingested, ingest};
use crate::consumer::intake::Intake;
use crate::consumer::rejections::Rejections;
use crate::consumer::reporting::index_of;
use windrow_base::telemetry::Progress;
use windrow_kafka::Deleted;
use windrow_record::{Offset, Partition};
use windrow_windows::{BatchWriter, OffsetRange};

pub(crate) struct GuardedWriter {
    pub(crate) writer: BatchWriter,
    rejections: Rejections,
    progress: Progress,
    /// The partition of the messages that are not counted yet.
    partition: Partition,
}

impl GuardedWriter {
    pub(crate) fn new(writer: BatchWriter, rejections: Rejections, progress: Progress) -> Self {
        Self { writer, rejections, progress, partition: Partition(0) }
    }

    /// Takes a message. Checks the share of refused messages after each refused one, so that the result does not depend
    /// on how many messages arrive at once.
    pub(crate) fn take(
        &mut self,
        intake: &mut Intake,
        incoming: Incoming<'_>,
        now: Instant,
    ) -> Result<Ingested, ConsumerError> {
        // Messages of one partition arrive in runs, so the counters are rarely changed.
        if incoming.partition != self.partition {
            self.count()?;
            self.partition = incoming.partition;
        }
        let ingested = ingest(intake, &mut self.writer, incoming, now)?;
        if ingested == Ingested::OtherEnd || self.writer.has_refused() {
            self.count()?;
        }
        if ingested == Ingested::OtherEnd {
            self.rejections.check_at_other_end(self.writer.rejections())?;
        }
        Ok(ingested)
    }

    /// Adds the outcomes of the messages since the last call to the counters of the process.
    pub(crate) fn count(&mut self) -> Result<(), ConsumerError> {
        let counts = self.writer.take_counts();
        let counters = self.progress.counters();
        counters.stored.add(counts.stored);
        counters.repeated.add(counts.repeated);
        counters.quarantined.add(counts.quarantined);
        let read = counts.stored + counts.repeated + counts.quarantined;
        if read > 0 {
            counters.received.add(read);
            counters.partitions.add_read(index_of(self.partition), read);
        }
        self.rejections.add(counts, self.writer.rejections())
    }

    /// Ends the stream, unless too many of its messages were refused.
    pub(crate) fn finish(&mut self) -> Result<(), ConsumerError> {
        self.rejections.check(self.writer.rejections())?;
        Ok(self.writer.finish()?)
    }

    /// Logs that messages are lost, and adds them to the next manifest.
    pub(crate) fn record_deleted(&mut self, deleted: Deleted) {
        let Deleted { partition, wanted, low } = deleted;
        let range = OffsetRange { partition, first: wanted, last: Offset(low.0 - 1) };
        let messages = range.count().unwrap_or(0);
        tracing::error!(
            "the broker has deleted offsets {} to {} of partition {partition} before they were read: {messages} messages, and the \
             rows in them, are lost",
            range.first,
            range.last
        );
        self.writer.record_deleted(range);
    }
}
