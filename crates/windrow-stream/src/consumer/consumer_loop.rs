//! The loop of a consumer of all partitions: it takes messages and seals windows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::consumer::error::ConsumerError;
use crate::consumer::fetcher::{Fetched, Fetcher, Fetching, Messages, Request};
use crate::consumer::guarded::GuardedWriter;
use crate::consumer::ingest::Ingested;
use crate::consumer::inputs::Consumer;
use crate::consumer::intake::Intake;
use crate::consumer::reporting::{names, report_lags, sealed};
use windrow_base::telemetry::Event;
use windrow_kafka::{Deleted, Subscription, TopicState};
use windrow_record::{Offset, Partition};
use windrow_windows::{Manifest, OffsetRange};

/// The time that the consumer waits for messages before it checks the clock and `stop`.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(50);
/// The maximum number of reports of the fetcher that wait for the consumer.
const CHANNEL_CAPACITY: usize = 4;
/// The interval between two updates of the window's progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// The maximum time between the end markers of two partitions, if both are in the topic.
const MARKER_TIMEOUT: Duration = Duration::from_secs(1);
/// The time without messages after which a warning reports that only some partitions have ended.
const END_WARNING_DELAY: Duration = Duration::from_secs(5);

pub(crate) struct ConsumerLoop<'a> {
    consumer: &'a Consumer,
    intake: Intake,
    guarded: GuardedWriter,
    /// The positions that were committed last.
    committed: Vec<(Partition, Offset)>,
    /// The partitions of which the broker has no more messages than were taken.
    at_end: BTreeSet<Partition>,
}

pub(crate) struct ConsumerResult {
    /// The messages that the broker had deleted.
    pub(crate) deleted: Vec<OffsetRange>,
    /// The number of rows of the replay that are neither in a window nor in quarantine, and the number of all its rows.
    pub(crate) missing_rows: Option<(u64, u64)>,
}

impl<'a> ConsumerLoop<'a> {
    pub(crate) fn new(consumer: &'a Consumer, guarded: GuardedWriter) -> Self {
        let intake = Intake::new(Arc::clone(&consumer.schema), consumer.cut.span().is_some());
        Self { consumer, intake, guarded, committed: Vec::new(), at_end: BTreeSet::new() }
    }

    /// Reads to the end of the stream, or until `stop` is cancelled.
    pub(crate) fn work(
        mut self,
        subscription: Subscription,
        stop: &CancellationToken,
    ) -> Result<ConsumerResult, ConsumerError> {
        let (fetched, receiver) = sync_channel(CHANNEL_CAPACITY);
        let (sender, requests) = channel();
        let fetcher = Fetcher { subscription, progress: self.consumer.progress.clone(), fetched, requests };
        let fetching = Fetching { fetched: receiver, requests: sender };
        std::thread::scope(|scope| {
            scope.spawn(|| fetcher.work());
            // Moved into the closure, so that the fetcher ends however this ends.
            let fetching = fetching;
            self.consume(&fetching, stop)
        })?;
        Ok(ConsumerResult { deleted: self.guarded.writer.deleted(), missing_rows: self.guarded.writer.missing_rows() })
    }

    fn consume(&mut self, fetching: &Fetching, stop: &CancellationToken) -> Result<(), ConsumerError> {
        let (mut last_message, mut last_told) = (Instant::now(), Instant::now());
        let (mut is_waiting_logged, mut is_end_asked) = (false, false);
        while !stop.is_cancelled() {
            let mut is_through = false;
            let fetched = match fetching.fetched.recv_timeout(RECEIVE_TIMEOUT) {
                Ok(fetched) => Some(fetched),
                Err(RecvTimeoutError::Timeout) => None,
                // The fetcher ends on its own only after an error, which it has already reported.
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let now = Instant::now();
            match fetched {
                Some(Fetched::Messages(messages)) => {
                    // A window that is cut by the clock ends at its time, before the messages that arrive now.
                    self.seal(now, fetching, stop)?;
                    (last_message, is_end_asked) = (now, false);
                    self.take(&messages, now)?;
                    fetching.ask(Request::Reuse(messages));
                }
                Some(Fetched::AtEnd(partition)) => {
                    self.at_end.insert(partition);
                }
                Some(Fetched::Deleted(deleted)) => self.guarded.record_deleted(deleted),
                Some(Fetched::Topic(topic)) => self.add_new_partitions(&topic, fetching),
                // The report does not count if a message has arrived since the request.
                Some(Fetched::ReachedEnd) => is_through = is_end_asked,
                Some(Fetched::Failed(error)) => return Err(error.into()),
                None => {}
            }
            let silence = now.saturating_duration_since(last_message);
            if is_through || self.has_ended(silence) {
                self.guarded.finish()?;
            } else if !is_end_asked && self.consumer.end_after_idle.is_some_and(|limit| silence > limit) {
                fetching.ask(Request::ReportEnd);
                is_end_asked = true;
            } else if silence > END_WARNING_DELAY && !is_waiting_logged {
                is_waiting_logged = self.log_missing_end_markers();
            }
            self.seal(now, fetching, stop)?;
            if let Some(end) = self.guarded.writer.end() {
                fetching.ask(Request::CommitLast(std::mem::take(&mut self.committed)));
                self.consumer.progress.report(Event::StreamEnded { windows: end.windows });
                // Waits until the fetcher ends: commits that were not waited for may still be on their way.
                while fetching.fetched.recv().is_ok() {}
                let lags: Vec<_> = self.guarded.writer.partitions().map(|partition| (partition, Some(0))).collect();
                report_lags(self.consumer.progress.counters(), &lags);
                break;
            }
            if now.saturating_duration_since(last_told) > PROGRESS_INTERVAL {
                last_told = now;
                self.report_window_progress();
            }
        }
        Ok(())
    }

    fn take(&mut self, messages: &Messages, now: Instant) -> Result<(), ConsumerError> {
        for incoming in messages.iter() {
            self.at_end.remove(&incoming.partition);
            let ingested = self.guarded.take(&mut self.intake, incoming, now)?;
            if ingested == Ingested::End && self.guarded.writer.has_all_ends() {
                break;
            }
        }
        self.guarded.count()
    }

    /// Seals the windows that are due, one by one, so that it can be stopped between two of them.
    fn seal(&mut self, now: Instant, fetching: &Fetching, stop: &CancellationToken) -> Result<(), ConsumerError> {
        while !stop.is_cancelled()
            && let Some(manifest) = self.guarded.writer.seal_next(now)?
        {
            self.commit_and_report(&manifest, fetching);
        }
        Ok(())
    }

    /// Returns true if no more rows can come. Either every partition has its end marker, or the whole replay has
    /// arrived and the partitions without a marker have no more messages. A partition that was added later has no
    /// marker. The markers of the others were sent together, so the loop waits for the rest of them.
    fn has_ended(&self, silence: Duration) -> bool {
        self.guarded.writer.has_all_ends()
            || silence > MARKER_TIMEOUT
                && self.guarded.writer.has_whole_replay()
                && self.guarded.writer.partitions_without_end().iter().all(|partition| self.at_end.contains(partition))
    }

    fn add_new_partitions(&mut self, topic: &TopicState, fetching: &Fetching) {
        for state in &topic.partitions {
            if self.guarded.writer.has_partition(state.partition) {
                continue;
            }
            tracing::info!(partition = %state.partition, "the topic has a new partition; reading it too");
            self.guarded.writer.add_partition(state.partition);
            if state.low > Offset(0) {
                let (partition, low) = (state.partition, state.low);
                self.guarded.record_deleted(Deleted { partition, wanted: Offset(0), low });
            }
            fetching.ask(Request::Add(state.partition, state.low));
        }
    }

    /// Logs the partitions whose end markers are missing, because such a stream seems to hang. Returns false if no
    /// partition has ended.
    fn log_missing_end_markers(&self) -> bool {
        let (unended, all) = (self.guarded.writer.partitions_without_end(), self.guarded.writer.partitions().len());
        if unended.len() == all {
            return false;
        }
        let waited_for = names(&unended);
        tracing::warn!(
            "{} of {all} partitions have ended; waiting for the end marker of {waited_for} (a message with the header \
             windrow-end on each; --end-after-idle ends the stream without them)",
            all - unended.len()
        );
        true
    }

    fn report_window_progress(&self) {
        let (window, rows, expected) = self.guarded.writer.filling();
        let counters = self.consumer.progress.counters();
        counters.window.set(u64::from(window.get()));
        counters.window_rows.set(rows);
        counters.window_expected.set(expected.unwrap_or(0));
    }

    /// Commits the offsets of a sealed window and reports it. The manifest is on disk, so the broker may know the
    /// position.
    fn commit_and_report(&mut self, manifest: &Manifest, fetching: &Fetching) {
        self.committed = manifest.messages.resume.iter().map(|point| (point.partition, point.offset)).collect();
        fetching.ask(Request::Commit(self.committed.clone()));
        self.consumer.progress.report(sealed(manifest, self.consumer.cut.policy));
    }
}
