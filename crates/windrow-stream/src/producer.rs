//! The producer: replays the dataset into the topic, row by row, at the pace of the pipeline file.
//!
//! It sends the rows in order, each once, round-robin over the partitions, after the rows that the topic already holds.
//! It sends the end markers only after the broker has confirmed every row. It sends a late row at once, as if a source
//! had queued it, unless that exceeds the maximum rate. It does not know about windows or models.

mod error;
mod pace;
mod plan;
mod replay;
mod rounds;
mod share;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::pace::{Governor, Pacer};
use self::plan::ReplayPlan;
use self::rounds::{Rounds, count};
use crate::growth::{GrowthError, TopicRows};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::Schema;
use windrow_dataset::{DatasetError, DatasetReader};
use windrow_kafka::{
    Connection, PartitionContents, PublishError, Publisher, SurveyError, TopicState, TopicSurvey, topics,
};
use windrow_record::{Partition, RecordParser, RowNumber, RunId};

pub use self::error::ProducerError;
pub use self::replay::Replay;
pub use self::share::Share;

/// Waits shorter than this are added up, because timers are not finer.
const TIMER_RESOLUTION: Duration = Duration::from_millis(1);
/// The maximum time that a wait lasts before the producer checks `stop`.
const MAX_SLEEP: Duration = Duration::from_millis(50);
/// The maximum number of rows between two polls for delivery reports, and between two checks of `stop`.
const ROWS_PER_POLL: u64 = 1024;

/// The thread that counts the rows of the dataset. It returns `None` if it was stopped.
type Counting = JoinHandle<Result<Option<u64>, DatasetError>>;

/// The inputs of a producer.
#[derive(Debug)]
pub struct Producer {
    /// The dataset to replay.
    pub dataset: windrow_config::Dataset,
    /// The pace of the replay, and the topic.
    pub stream: windrow_config::Stream,
    /// The columns of the dataset, for a replay by event time.
    pub schema: Arc<Schema>,
    /// The connection to the broker.
    pub connection: Connection,
    /// The name of this replay.
    pub run: RunId,
    /// The rows to send, and their maximum rate.
    pub replay: Replay,
    /// True if the dataset may be a newer extract of the one whose replay the topic holds.
    pub may_grow: bool,
    /// Receives the counters and the events of the replay.
    pub progress: Progress,
}

impl Producer {
    /// Sends the rows of the replay that the topic lacks, and then the end marker of every partition.
    ///
    /// # Errors
    /// The dataset cannot be read, the topic does not exist or holds other records, or a row cannot be delivered. A
    /// stop is not an error. Rows that were sent before it may or may not be delivered; the next replay finds out.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ProducerError> {
        // The client library needs half a second until a producer may send. That time passes while the topic is
        // surveyed.
        let progress = self.progress.clone();
        let delivered = move |rows| progress.counters().delivered.add(rows);
        let publisher = Publisher::connect(&self.connection, &self.stream.topic, delivered)?;
        // Ends the count if the broker gives an error first.
        let stop_count = stop.child_token();
        let _guard = stop_count.clone().drop_guard();
        let counting = self.begin_count(stop_count);
        let described = topics::describe(&self.connection, &self.stream.topic);
        let state = tokio::select! {
            state = described => state?,
            () = stop.cancelled() => return Ok(()),
        };
        blocking(move || self.replay(&state, &publisher, counting, &stop)).await
    }

    /// Counts the rows of the dataset on a thread of its own, while the broker answers.
    fn begin_count(&self, stop: CancellationToken) -> Counting {
        let dataset = self.dataset.clone();
        std::thread::spawn(move || count(DatasetReader::open(&dataset)?, &stop))
    }

    fn replay(
        mut self,
        state: &TopicState,
        publisher: &Publisher,
        counting: Counting,
        stop: &CancellationToken,
    ) -> Result<(), ProducerError> {
        let Some(contents) = self.survey(state, stop)? else { return Ok(()) };
        let counted = counting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let Some(rows) = counted? else { return Ok(()) };
        let rows = rows.saturating_add(self.replay.begins.get() - 1);
        let (share, partitions) = (self.replay.share, contents.len());
        if !share.fits(partitions) {
            return Err(ProducerError::FewPartitions { share, partitions });
        }
        let plan = ReplayPlan::new(&self.replay, rows, contents, &self.stream.topic)?;
        let counters = self.progress.counters();
        let ours = plan.assigned_rows().unwrap_or(0);
        counters.dataset.set(ours);
        let before = plan.assigned_before(plan.start);
        counters.sent.set(before);
        counters.delivered.set(before);
        let sending = Sending { publisher, run: &self.run, began: Instant::now(), stop };
        let sent = self.send_rows(&plan, &sending)?;
        if stop.is_cancelled() || !sending.wait_for_delivery()? {
            return Ok(());
        }
        for partition in plan.without_end() {
            publisher.send_end(partition, &self.run, plan.from, plan.rows().unwrap_or(0))?;
        }
        if sending.wait_for_delivery()? {
            let before = ours.saturating_sub(sent);
            self.progress.report(Event::ProducerDone { rows: sent, before, took: sending.began.elapsed() });
        }
        Ok(())
    }

    /// Returns the contents of the topic; `None` if `stop` is cancelled. If the topic holds a replay of an earlier
    /// extract of this dataset, that replay goes on.
    fn survey(
        &mut self,
        state: &TopicState,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<PartitionContents>>, ProducerError> {
        let held = match self.contents(state, stop) {
            Err(SurveyError::OtherReplay { run: Some(run), .. }) if self.may_grow => run,
            taken => return Ok(taken?),
        };
        let Self { dataset, schema, connection, stream, .. } = &*self;
        let rows = TopicRows { dataset, schema, connection, topic: &stream.topic, state, run: &held };
        let begins = match rows.begin(stop) {
            Ok(Some(begins)) => begins,
            Ok(None) => return Ok(None),
            Err(GrowthError::Dataset(error)) => return Err(error.into()),
            Err(GrowthError::Broker(error)) => return Err(error.into()),
            Err(source) => {
                let (topic, ours) = (stream.topic.clone(), self.run.clone());
                return Err(ProducerError::NotGrown { topic, run: held, ours, source });
            }
        };
        tracing::info!(run = %held, %begins, "the dataset is a newer extract of the one in the topic: going on");
        (self.run, self.replay.begins, self.replay.grows) = (held, begins, true);
        Ok(self.contents(state, stop)?)
    }

    fn contents(
        &self,
        state: &TopicState,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<PartitionContents>>, SurveyError> {
        let survey = TopicSurvey { connection: &self.connection, topic: &self.stream.topic, run: &self.run };
        survey.take(state, &|| stop.is_cancelled())
    }

    /// Returns the number of rows that were sent.
    fn send_rows(&self, plan: &ReplayPlan, sending: &Sending<'_>) -> Result<u64, ProducerError> {
        let Sending { publisher, began, stop, .. } = sending;
        let mut parser = RecordParser::new(self.dataset.delimiter);
        let mut pacer = Pacer::new(self.stream.pace, self.stream.seed, plan.start);
        let mut governor = Governor::new(self.replay.max_rate);
        let mut due = Duration::ZERO;
        let mut rows = Rounds::open(&self.dataset, plan)?;
        let mut sent: u64 = 0;
        while let Some((number, bytes)) = rows.next(stop)? {
            // Not all rows are sent, so this counts rows of the dataset.
            if number.get().is_multiple_of(ROWS_PER_POLL) && stop.is_cancelled() {
                break;
            }
            // The consumer handles a row whose time cannot be read. Such a row has no delay.
            let fields = if pacer.needs_time() { parser.parse(bytes).ok() } else { None };
            let happened = fields.and_then(|fields| self.schema.time(&fields).ok().flatten());
            let delay = pacer.delay(happened);
            if !plan.is_assigned(number) {
                // The delay of another process's row also passes for this process.
                due = due.saturating_add(delay);
                continue;
            }
            if plan.has(number) {
                self.progress.counters().sent.add(1);
                continue;
            }
            due = due.saturating_add(delay);
            // At full speed, a check of the clock and of `stop` for each row would cost more than the row.
            let is_paced = !due.is_zero() || governor.has_rate();
            if is_paced {
                let send_time = governor.send_time(due, began.elapsed(), TIMER_RESOLUTION);
                sending.wait_until(send_time)?;
            }
            if (is_paced || sent.is_multiple_of(ROWS_PER_POLL)) && stop.is_cancelled() {
                break;
            }
            let Some(contents) = plan.contents().get(plan.slot(number)) else { break };
            if !sending.send(contents.partition, number, bytes)? {
                break;
            }
            sent += 1;
            self.progress.counters().sent.add(1);
            if sent.is_multiple_of(ROWS_PER_POLL) {
                publisher.wait(Duration::ZERO)?;
            }
        }
        Ok(sent)
    }
}

/// A replay that is being sent.
struct Sending<'a> {
    publisher: &'a Publisher,
    run: &'a RunId,
    began: Instant,
    stop: &'a CancellationToken,
}

impl Sending<'_> {
    /// Sends a row. Returns false if `stop` is cancelled before the queue takes it. No later row may be sent then.
    fn send(&self, partition: Partition, row: RowNumber, value: &[u8]) -> Result<bool, ProducerError> {
        loop {
            match self.publisher.send_row(partition, row, self.run, value) {
                Ok(()) => return Ok(true),
                Err(PublishError::QueueFull) if self.stop.is_cancelled() => return Ok(false),
                Err(PublishError::QueueFull) => self.publisher.wait(MAX_SLEEP)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn wait_until(&self, due: Duration) -> Result<(), ProducerError> {
        loop {
            let early = due.saturating_sub(self.began.elapsed());
            if early < TIMER_RESOLUTION || self.stop.is_cancelled() {
                return Ok(());
            }
            self.publisher.wait(Duration::ZERO)?;
            std::thread::sleep(early.min(MAX_SLEEP));
        }
    }

    /// Waits until everything that was sent is confirmed. Returns false if `stop` is cancelled first.
    fn wait_for_delivery(&self) -> Result<bool, ProducerError> {
        while !self.publisher.flush(MAX_SLEEP)? {
            if self.stop.is_cancelled() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
