//! The consumer: reads the topic and hands every message to the batch writer, as a row or as one for quarantine.
//!
//! Promises: offsets are committed only behind a sealed window, and reading goes on where the manifests say. Knows
//! nothing of models.

mod intake;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::intake::Intake;
use crate::batch::{Arrival, BatchError, BatchStore, BatchWriter, Cut, Manifest, Rejected, Taken};
use crate::broker::{BrokerError, Connection, Delivery, Subscription, topics};
use crate::config::{self, Schema, WindowPolicy};
use crate::record::{Envelope, Partition};
use crate::telemetry::{Event, Progress};

/// How long a poll waits before the consumer looks at its clock and whether it is to stop.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// How often the number of unread messages is renewed.
const LAG_INTERVAL: Duration = Duration::from_millis(200);

/// What a consumer needs.
#[derive(Debug)]
pub struct Consumer {
    /// The columns.
    pub schema: Arc<Schema>,
    /// Which topic.
    pub stream: config::Stream,
    /// How the stream is cut.
    pub cut: Cut,
    /// Where the windows go.
    pub store: BatchStore,
    /// Where the rows come from.
    pub connection: Connection,
    /// Taken as the end of a stream that has no end marker: so long without a message.
    pub end_after_idle: Option<Duration>,
    /// Where to tell of it.
    pub progress: Progress,
}

impl Consumer {
    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// Another consumer works in the same folder, the topic is not there, or a file cannot be written. A stop is no
    /// error: what was not sealed until then is read again next time.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        let state = topics::describe(&self.connection, &self.stream.topic).await?;
        let partitions: Vec<Partition> = state.partitions.iter().map(|partition| partition.partition).collect();
        let reading = tokio::task::spawn_blocking(move || self.read(&partitions, &stop));
        reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn read(self, partitions: &[Partition], stop: &CancellationToken) -> Result<(), ConsumerError> {
        let needs_time = matches!(self.cut.policy, WindowPolicy::Event { .. });
        let intake = Intake::new(Arc::clone(&self.schema), needs_time);
        let lock = self.store.lock()?;
        if self.store.end()?.is_some() {
            return Ok(());
        }
        let (writer, resume) =
            BatchWriter::resume(self.store, lock, self.cut, &self.schema.columns, self.schema.delimiter, partitions)?;
        let counters = self.progress.counters();
        counters.stored.set(resume.rows);
        counters.quarantined.set(resume.quarantined);
        let subscription =
            Subscription::assign(&self.connection, &self.stream.topic, &self.stream.topic, &resume.positions)?;
        let desk = Desk { intake, writer, subscription, progress: self.progress };
        desk.work(self.end_after_idle, stop)
    }
}

/// Where messages come in and sealed windows go out.
struct Desk {
    intake: Intake,
    writer: BatchWriter,
    subscription: Subscription,
    progress: Progress,
}

impl Desk {
    fn work(mut self, end_after_idle: Option<Duration>, stop: &CancellationToken) -> Result<(), ConsumerError> {
        let (mut last_message, mut last_lag) = (Instant::now(), Instant::now());
        while !stop.is_cancelled() {
            let polled = self.subscription.poll(POLL_WAIT)?;
            let now = Instant::now();
            match &polled {
                Some(delivery) => {
                    take(&mut self.intake, &mut self.writer, &self.progress, delivery, now)?;
                    last_message = now;
                }
                None => self.writer.tick(now)?,
            }
            drop(polled);
            if end_after_idle.is_some_and(|limit| now - last_message > limit) {
                self.writer.finish(now)?;
            }
            for manifest in self.writer.sealed() {
                self.settle(&manifest);
            }
            if let Some(end) = self.writer.end() {
                self.progress.counters().lag.set(0);
                self.progress.tell(Event::StreamEnded { windows: end.windows });
                return Ok(());
            }
            if now - last_lag > LAG_INTERVAL {
                last_lag = now;
                self.writer.tick(now)?;
                if let Some(lag) = self.subscription.lag() {
                    self.progress.counters().lag.set(lag);
                }
            }
        }
        Ok(())
    }

    /// The manifest is in place, so the broker may know how far we are.
    fn settle(&self, manifest: &Manifest) {
        let positions: Vec<_> = manifest.resume.iter().map(|point| (point.partition, point.offset)).collect();
        // The manifests are the truth; the group's offsets serve only those who watch the lag from outside.
        if let Err(error) = self.subscription.commit(&positions) {
            tracing::warn!(%error, window = %manifest.window, "offsets not committed");
        }
        self.progress.tell(Event::WindowSealed {
            window: manifest.window.get(),
            rows: manifest.rows,
            unlabelled: manifest.rows - manifest.labelled,
            quarantined: manifest.quarantined,
            reason: manifest.sealed.to_string(),
        });
    }
}

fn take(
    intake: &mut Intake,
    writer: &mut BatchWriter,
    progress: &Progress,
    delivery: &Delivery<'_>,
    now: Instant,
) -> Result<(), ConsumerError> {
    let (partition, offset) = (delivery.partition(), delivery.offset());
    let value = delivery.value();
    let (row, run, refusal) = match delivery.envelope() {
        Ok(Envelope::End { run, .. }) => return Ok(writer.end_partition(partition, offset, run, now)?),
        Ok(Envelope::Row { row, run }) => (Some(row), run, None),
        Ok(Envelope::Foreign) => (None, None, None),
        Err(text) => (None, None, Some(format!("its windrow-row header `{text}` is not a row number"))),
    };
    progress.counters().received.add(1);
    let accepted = match refusal {
        Some(refusal) => Err(refusal),
        None => intake.read(value, row.is_none()).map_err(|refusal| refusal.to_string()),
    };
    let taken = match accepted {
        Ok(accepted) => writer.take(Arrival {
            partition,
            offset,
            run,
            row,
            labelled: accepted.labelled,
            time: accepted.time.map(|time| time.seconds()),
            record: accepted.record,
            now,
        })?,
        Err(reason) => writer.quarantine(Rejected { partition, offset, run, row, reason, raw: value, now })?,
    };
    match taken {
        Taken::Stored { .. } => progress.counters().stored.add(1),
        Taken::Repeated => progress.counters().repeated.add(1),
        Taken::Quarantined { .. } => progress.counters().quarantined.add(1),
    }
    Ok(())
}

/// Why reading ended before the stream did.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A file cannot be written, or another consumer is at work.
    #[error(transparent)]
    Batch(#[from] BatchError),
}
