//! The producer: replays the dataset into the topic, row by row, at the pace that the pipeline asks for.
//!
//! Promises: rows go out in order, each once, round-robin over the partitions; the end marker follows only when the
//! broker has confirmed every row. Knows nothing of windows or models.

mod pace;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::pace::Pacer;
use crate::broker::{BrokerError, Connection, PublishError, Publisher, topics};
use crate::config::{self, Schema};
use crate::dataset::{DatasetError, DatasetReader};
use crate::record::{Partition, RecordParser, RowNumber, RunId};
use crate::telemetry::{Event, Progress};

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
    pub dataset: config::Dataset,
    /// How fast, and into which topic.
    pub stream: config::Stream,
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

/// Which rows of the dataset are replayed, and how fast at most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// The first one.
    pub from: RowNumber,
    /// How many; `None` for all that follow.
    pub limit: Option<u64>,
    /// Whether the dataset begins again at its first row when it is through, for ever or to the limit; row numbers go on.
    pub again: bool,
    /// Rows per second, at most.
    #[serde(skip)]
    pub max_rate: Option<f64>,
    /// Rows before this one are in files already, and the topic has forgotten them with its broker: it is the first that
    /// is sent, where the topic holds none.
    #[serde(skip)]
    pub sealed_to: Option<RowNumber>,
}

impl Default for Replay {
    fn default() -> Self {
        Self { from: RowNumber::FIRST, limit: None, again: false, max_rate: None, sealed_to: None }
    }
}

impl Producer {
    /// Replays the whole dataset, then marks the end of every partition.
    ///
    /// # Errors
    /// The dataset cannot be read, the topic is not there or holds records already, or a row cannot be delivered.
    /// A stop is no error: what was sent until then is delivered, and no end is marked.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ProducerError> {
        let state = topics::describe(&self.connection, &self.stream.topic).await?;
        let held: i64 = state.partitions.iter().map(|partition| partition.high.0 - partition.low.0).sum();
        if held > 0 {
            return Err(ProducerError::TopicNotEmpty { topic: self.stream.topic, records: held });
        }
        let partitions: Vec<Partition> = state.partitions.iter().map(|partition| partition.partition).collect();
        let replay = tokio::task::spawn_blocking(move || self.replay(&partitions, &stop));
        replay.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn replay(self, partitions: &[Partition], stop: &CancellationToken) -> Result<(), ProducerError> {
        self.progress.counters().dataset.set(DatasetReader::open(&self.dataset)?.count()?);
        let delivered = {
            let progress = self.progress.clone();
            move |rows| progress.counters().delivered.add(rows)
        };
        let publisher = Publisher::connect(&self.connection, &self.stream.topic, delivered)?;
        let mut reader = DatasetReader::open(&self.dataset)?;
        let mut parser = RecordParser::new(self.dataset.delimiter);
        let mut pacer = Pacer::new(self.stream.pace, self.stream.seed);
        let (began, mut due) = (Instant::now(), Duration::ZERO);
        let mut sent: u64 = 0;
        let mut slots = partitions.iter().cycle();
        while let (Some(row), Some(partition)) = (reader.next_row()?, slots.next()) {
            if self.replay.sealed_to.is_some_and(|first| row.number < first) {
                continue;
            }
            let happened = if pacer.needs_time() {
                // A row whose time cannot be read is the consumer's to judge; it does not wait.
                parser.parse(row.bytes).ok().and_then(|fields| self.schema.time(&fields).ok().flatten())
            } else {
                None
            };
            due = due.saturating_add(pacer.delay(happened));
            wait_until(due, began, &publisher, stop);
            if stop.is_cancelled() {
                break;
            }
            self.send(&publisher, *partition, row.number, row.bytes, stop)?;
            sent += 1;
            self.progress.counters().sent.add(1);
            if sent.is_multiple_of(ROWS_BETWEEN_REPORTS) {
                publisher.wait(Duration::ZERO);
            }
        }
        let finished = !stop.is_cancelled();
        if finished && wait_for_delivery(&publisher, stop)? {
            for partition in partitions {
                publisher.send_end(*partition, &self.run, sent)?;
            }
            if wait_for_delivery(&publisher, stop)? {
                self.progress.tell(Event::ProducerDone { rows: sent, took: began.elapsed() });
            }
        }
        Ok(())
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
                Err(PublishError::QueueFull) if !stop.is_cancelled() => publisher.wait(LONGEST_NAP),
                Err(PublishError::QueueFull) | Ok(()) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn wait_until(due: Duration, began: Instant, publisher: &Publisher, stop: &CancellationToken) {
    loop {
        let early = due.saturating_sub(began.elapsed());
        if early < TIMER_GRAIN || stop.is_cancelled() {
            return;
        }
        publisher.wait(Duration::ZERO);
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

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The dataset cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A row cannot be delivered.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Somebody was here before.
    #[error(
        "the topic `{topic}` already holds {records} records, and a second replay would double its rows; empty it with \
         `windrow topic delete` and `windrow topic create`, or name another in stream.topic"
    )]
    TopicNotEmpty {
        /// The topic.
        topic: String,
        /// How many records it holds.
        records: i64,
    },
}
