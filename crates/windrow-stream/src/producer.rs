//! The producer: replays the dataset into the topic, row by row, at the pace that the pipeline asks for.
//!
//! Promises: rows go out in order, each once, round-robin over the partitions, behind what the topic holds already; the end
//! marker follows only when the broker has confirmed every row. A row that is behind its time is sent at once, as a source
//! would have queued it, unless that exceeds the rate that was asked for. Knows nothing of windows or models.

mod error;
mod pace;
mod plan;
mod replay;
mod rounds;
mod share;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::pace::{Governor, Pacer};
use self::plan::Plan;
use self::rounds::{Rounds, count};
use windrow_base::runtime::blocking;
use windrow_base::telemetry::{Event, Progress};
use windrow_config::Schema;
use windrow_dataset::DatasetReader;
use windrow_kafka::topics;
use windrow_kafka::{Connection, PublishError, Publisher, Survey, TopicState};
use windrow_record::{Partition, RecordParser, RowNumber, RunId};

pub use self::error::ProducerError;
pub use self::replay::Replay;
pub use self::share::Share;

/// Waits shorter than this are added up instead of slept: timers are no finer.
const TIMER_GRAIN: Duration = Duration::from_millis(1);
/// How long a wait may be before the producer looks whether it is to stop.
const LONGEST_NAP: Duration = Duration::from_millis(50);
/// Delivery reports are served at least once in so many rows.
const ROWS_BETWEEN_REPORTS: u64 = 1024;

/// What a producer needs.
#[derive(Debug)]
pub struct Producer {
    /// What to replay.
    pub dataset: windrow_config::Dataset,
    /// How fast, and into which topic.
    pub stream: windrow_config::Stream,
    /// The columns, for a replay by event time.
    pub schema: Arc<Schema>,
    /// Where to.
    pub connection: Connection,
    /// Names this replay.
    pub run: RunId,
    /// Which rows.
    pub replay: Replay,
    /// Where to tell of it.
    pub progress: Progress,
}

impl Producer {
    /// Sends what the topic lacks of the replay, then marks the end of every partition.
    ///
    /// # Errors
    /// The dataset cannot be read, the topic is not there or holds something else, or a row cannot be delivered. A stop is
    /// no error: what was sent until then is delivered or not, and the next replay finds out.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ProducerError> {
        // The client library needs half a second until a producer may send; that passes while the topic is looked at.
        let delivered = {
            let progress = self.progress.clone();
            move |rows| progress.counters().delivered.add(rows)
        };
        let publisher = Publisher::connect(&self.connection, &self.stream.topic, delivered)?;
        let described = topics::describe(&self.connection, &self.stream.topic);
        let state = tokio::select! {
            state = described => state?,
            () = stop.cancelled() => return Ok(()),
        };
        blocking(move || self.replay(&state, &publisher, &stop)).await
    }

    fn replay(self, state: &TopicState, publisher: &Publisher, stop: &CancellationToken) -> Result<(), ProducerError> {
        let is_stopped = || stop.is_cancelled();
        let survey = Survey { connection: &self.connection, topic: &self.stream.topic, run: &self.run };
        let Some(contents) = survey.take(state, &is_stopped)? else { return Ok(()) };
        let Some(rows) = count(DatasetReader::open(&self.dataset)?, stop)? else { return Ok(()) };
        let (share, partitions) = (self.replay.share, contents.len());
        if !share.fits(partitions) {
            return Err(ProducerError::FewPartitions { share, partitions });
        }
        let plan = Plan::new(&self.replay, rows, contents, &self.stream.topic)?;
        let counters = self.progress.counters();
        let ours = plan.our_rows().unwrap_or(0);
        counters.dataset.set(ours);
        let before = plan.ours_before(plan.start);
        counters.sent.set(before);
        counters.delivered.set(before);
        let began = Instant::now();
        let sent = self.send_rows(&plan, publisher, began, stop)?;
        if stop.is_cancelled() || !wait_for_delivery(publisher, stop)? {
            return Ok(());
        }
        for partition in plan.without_end() {
            publisher.send_end(partition, &self.run, plan.from, plan.rows().unwrap_or(0))?;
        }
        if wait_for_delivery(publisher, stop)? {
            let before = ours.saturating_sub(sent);
            self.progress.report(Event::ProducerDone { rows: sent, before, took: began.elapsed() });
        }
        Ok(())
    }

    /// Gives how many rows were sent.
    fn send_rows(
        &self,
        plan: &Plan,
        publisher: &Publisher,
        began: Instant,
        stop: &CancellationToken,
    ) -> Result<u64, ProducerError> {
        let mut parser = RecordParser::new(self.dataset.delimiter);
        let mut pacer = Pacer::new(self.stream.pace, self.stream.seed, plan.start);
        let mut governor = Governor::new(self.replay.max_rate);
        let mut due = Duration::ZERO;
        let mut rows = Rounds::open(&self.dataset, plan)?;
        let mut sent: u64 = 0;
        while let Some((number, bytes)) = rows.next(stop)? {
            let happened = if pacer.needs_time() {
                // A row whose time cannot be read is the consumer's to judge; it does not wait.
                parser.parse(bytes).ok().and_then(|fields| self.schema.time(&fields).ok().flatten())
            } else {
                None
            };
            let delay = pacer.delay(happened);
            if !plan.is_ours(number) {
                // Its time passes for the other process, and for this one.
                due = due.saturating_add(delay);
                if number.get().is_multiple_of(ROWS_BETWEEN_REPORTS) && stop.is_cancelled() {
                    break;
                }
                continue;
            }
            if plan.has(number) {
                self.progress.counters().sent.add(1);
                continue;
            }
            due = due.saturating_add(delay);
            // At full speed a look at the clock for each row would cost more than the row.
            if !due.is_zero() || governor.has_rate() {
                let turn = governor.turn(due, began.elapsed(), TIMER_GRAIN);
                wait_until(turn, began, publisher, stop)?;
            }
            if stop.is_cancelled() {
                break;
            }
            let Some(contents) = plan.contents().get(plan.slot(number)) else { break };
            self.send(publisher, contents.partition, number, bytes, stop)?;
            sent += 1;
            self.progress.counters().sent.add(1);
            if sent.is_multiple_of(ROWS_BETWEEN_REPORTS) {
                publisher.wait(Duration::ZERO)?;
            }
        }
        Ok(sent)
    }

    fn send(
        &self,
        publisher: &Publisher,
        partition: Partition,
        row: RowNumber,
        value: &[u8],
        stop: &CancellationToken,
    ) -> Result<(), ProducerError> {
        loop {
            match publisher.send_row(partition, row, &self.run, value) {
                Err(PublishError::QueueFull) if !stop.is_cancelled() => publisher.wait(LONGEST_NAP)?,
                Err(PublishError::QueueFull) | Ok(()) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn wait_until(
    due: Duration,
    began: Instant,
    publisher: &Publisher,
    stop: &CancellationToken,
) -> Result<(), ProducerError> {
    loop {
        let early = due.saturating_sub(began.elapsed());
        if early < TIMER_GRAIN || stop.is_cancelled() {
            return Ok(());
        }
        publisher.wait(Duration::ZERO)?;
        std::thread::sleep(early.min(LONGEST_NAP));
    }
}

/// Whether everything sent is confirmed; `false` when it was told to stop first.
fn wait_for_delivery(publisher: &Publisher, stop: &CancellationToken) -> Result<bool, ProducerError> {
    while !publisher.flush(LONGEST_NAP)? {
        if stop.is_cancelled() {
            return Ok(false);
        }
    }
    Ok(true)
}
