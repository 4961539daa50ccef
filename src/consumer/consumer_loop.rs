//! One consumer of all partitions: messages come in, sealed windows go out.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::batch::{BatchWriter, Counts, Manifest, OffsetRange};
use crate::broker::{Deleted, Subscription, TopicState, Turn};
use crate::consumer::ingest::{Ingested, ingest};
use crate::consumer::intake::Intake;
use crate::consumer::rejections::Rejections;
use crate::consumer::{ConsumerError, told};
use crate::record::{Offset, Partition};
use crate::telemetry::{Event, Progress};

/// How long a poll waits before the consumer looks at its clock and whether it is to stop.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// So many messages are taken between two looks at the clock, at the latest: a few milliseconds' worth.
const MESSAGES_A_STEP: u32 = 1024;
/// How often the number of unread messages is renewed.
const LAG_INTERVAL: Duration = Duration::from_millis(200);
/// How long the broker may take to answer the last commit; the manifests do not depend on it.
const COMMIT_PATIENCE: Duration = Duration::from_secs(1);
/// After so long a silence a stream that has ended in part is told.
const SILENCE: Duration = Duration::from_secs(5);

/// All that a consumer works with.
pub(crate) struct ConsumerLoop {
    pub(crate) intake: Intake,
    pub(crate) writer: BatchWriter,
    pub(crate) subscription: Subscription,
    pub(crate) rejections: Rejections,
    pub(crate) progress: Progress,
    /// Taken as the end of a stream that has no end marker: so long without a message, when the broker has no more.
    pub(crate) end_after_idle: Option<Duration>,
    /// The positions that were committed last.
    pub(crate) committed: Vec<(Partition, Offset)>,
}

/// What is to be said of a stream behind its end.
pub(crate) struct Read {
    /// The messages that the broker had deleted.
    pub(crate) deleted: Vec<OffsetRange>,
    /// Rows of the replay that are in no window and not in quarantine, and all of its rows.
    pub(crate) missing_rows: Option<(u64, u64)>,
}

impl ConsumerLoop {
    /// Reads to the end of the stream, or until it is told to stop.
    pub(crate) fn work(mut self, stop: &CancellationToken) -> Result<Read, ConsumerError> {
        let (mut last_message, mut last_look) = (Instant::now(), Instant::now());
        let mut is_told = false;
        while !stop.is_cancelled() {
            let now = self.step(&mut last_message)?;
            let silence = now.saturating_duration_since(last_message);
            if self.is_through(silence)? {
                self.rejections.judge(self.writer.refusals())?;
                self.writer.finish()?;
            } else if silence > SILENCE && !is_told {
                is_told = self.tell_who_is_waited_for();
            }
            self.seal(now, stop)?;
            if let Some(end) = self.writer.end() {
                self.commit_last();
                self.progress.counters().lag.set(Some(0));
                self.progress.tell(Event::StreamEnded { windows: end.windows });
                break;
            }
            if now.saturating_duration_since(last_look) > LAG_INTERVAL {
                last_look = now;
                if let Some(topic) = self.subscription.look_after()? {
                    self.take_up_new_partitions(&topic)?;
                }
                self.tell_filling();
                self.progress.counters().lag.set(self.subscription.lag());
            }
        }
        Ok(Read { deleted: self.writer.deleted().to_vec(), missing_rows: self.writer.missing_rows() })
    }

    /// Takes the messages that are there, at most so many that the clock need not be read for each; waits for the first.
    /// Gives the time.
    fn step(&mut self, last_message: &mut Instant) -> Result<Instant, ConsumerError> {
        let Self { intake, writer, subscription, rejections, progress, .. } = self;
        let mut now = *last_message;
        let mut deleted = None;
        for place in 0..MESSAGES_A_STEP {
            let turn = subscription.poll(if place == 0 { POLL_WAIT } else { Duration::ZERO })?;
            if place == 0 {
                now = Instant::now();
            }
            let delivery = match turn {
                None | Some(Turn::Assigned(_) | Turn::Revoked(_)) => break,
                Some(Turn::Deleted(found)) => {
                    deleted = Some(found);
                    break;
                }
                Some(Turn::Message(delivery)) => delivery,
            };
            *last_message = now;
            match ingest(intake, writer, &delivery, now)? {
                Ingested::Message => {}
                Ingested::End => break,
                Ingested::OtherEnd => {
                    rejections.add(count(progress, writer), writer.refusals())?;
                    rejections.judge_at_other_end(writer.refusals())?;
                }
            }
        }
        rejections.add(count(progress, writer), writer.refusals())?;
        if let Some(deleted) = deleted {
            note_deleted(&mut self.writer, deleted);
        }
        Ok(now)
    }

    /// Seals what is due, window by window, so that it can be stopped between two.
    fn seal(&mut self, now: Instant, stop: &CancellationToken) -> Result<(), ConsumerError> {
        while !stop.is_cancelled()
            && let Some(manifest) = self.writer.seal_next(now)?
        {
            self.settle(&manifest);
        }
        Ok(())
    }

    /// Whether nothing more can come: by the end markers, by the replay that is there as a whole, or by a silence of which
    /// the broker says that it is the end.
    fn is_through(&mut self, silence: Duration) -> Result<bool, ConsumerError> {
        if self.writer.has_all_ends() {
            return Ok(true);
        }
        if silence > Duration::ZERO && self.writer.has_whole_replay() {
            // A partition that was added later has no end marker.
            let unended = self.writer.unended();
            if unended.iter().all(|partition| self.subscription.is_at_end(*partition)) {
                return Ok(true);
            }
        }
        match self.end_after_idle {
            Some(limit) if silence > limit => Ok(self.subscription.is_through()?),
            _ => Ok(false),
        }
    }

    fn take_up_new_partitions(&mut self, topic: &TopicState) -> Result<(), ConsumerError> {
        for state in &topic.partitions {
            if self.writer.has_partition(state.partition) {
                continue;
            }
            tracing::info!(partition = %state.partition, "the topic has a further partition; reading it too");
            self.writer.add_partition(state.partition);
            if state.low > Offset(0) {
                let (partition, low) = (state.partition, state.low);
                note_deleted(&mut self.writer, Deleted { partition, wanted: Offset(0), low });
            }
            self.subscription.add(state.partition, state.low)?;
        }
        Ok(())
    }

    /// What was committed without waiting may still be on its way when the process ends.
    fn commit_last(&self) {
        if let Err(error) = self.subscription.commit_last(&self.committed, COMMIT_PATIENCE) {
            tracing::warn!(%error, "offsets not committed");
        }
    }

    /// A stream with several partitions of which some have ended looks as if it stood still.
    fn tell_who_is_waited_for(&self) -> bool {
        let (unended, all) = (self.writer.unended(), self.writer.partitions());
        if unended.len() == all {
            return false;
        }
        let waited_for = unended.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            "{} of {all} partitions have ended; waiting for the end marker of {waited_for} (a message with the header \
             windrow-end on each; --end-after-idle takes a silence for it)",
            all - unended.len()
        );
        true
    }

    fn tell_filling(&self) {
        let (window, rows, expected) = self.writer.filling();
        let counters = self.progress.counters();
        counters.window.set(u64::from(window.get()));
        counters.window_rows.set(rows);
        counters.window_expected.set(expected.unwrap_or(0));
    }

    /// The manifest is in place, so the broker may know how far we are.
    fn settle(&mut self, manifest: &Manifest) {
        let positions: Vec<_> = manifest.resume.iter().map(|point| (point.partition, point.offset)).collect();
        if let Err(error) = self.subscription.commit(&positions) {
            tracing::warn!(%error, window = %manifest.window, "offsets not committed");
        }
        self.committed = positions;
        self.progress.tell(told(manifest));
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
