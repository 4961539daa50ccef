//! Sending rows: idempotent, confirmed by all replicas, bounded in memory.

use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::broker::client::Quiet;
use crate::broker::{BrokerError, Connection};
use crate::record::{END_HEADER, Partition, ROW_HEADER, RUN_HEADER, RowNumber, RunId};

/// Rows in flight hold at most so much memory, in KiB.
const QUEUE_KIB: &str = "32768";
const QUEUE_MESSAGES: &str = "200000";
/// How long a row waits for a broker that is away before it is given up.
const OUTAGE_LIMIT_MS: &str = "600000";
/// The delivery report of a message that is no row.
const NO_ROW: usize = 0;

/// A producer of rows for one topic.
pub struct Publisher {
    producer: BaseProducer<Reports>,
    topic: String,
    address: String,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("topic", &self.topic).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A producer for `topic`; `delivered` is told how many rows the broker has newly confirmed.
    ///
    /// # Errors
    /// A property that the client library does not take. Whether a broker is there shows when rows are sent.
    pub fn connect(
        connection: &Connection,
        topic: &str,
        delivered: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        let config = connection.config_with(&[
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("linger.ms", "5"),
            ("queue.buffering.max.kbytes", QUEUE_KIB),
            ("queue.buffering.max.messages", QUEUE_MESSAGES),
            ("message.timeout.ms", OUTAGE_LIMIT_MS),
        ]);
        let reports = Reports { delivered: Box::new(delivered), failure: OnceLock::new() };
        let producer = config.create_with_context(reports).map_err(|source| connection.failed(source))?;
        Ok(Self { producer, topic: topic.to_owned(), address: connection.address().to_owned() })
    }

    /// Queues a row; never waits.
    ///
    /// # Errors
    /// [`PublishError::QueueFull`] when [`wait`](Self::wait) should be called first; any other error is the end.
    pub fn send_row(
        &self,
        partition: Partition,
        row: RowNumber,
        run: &RunId,
        value: &[u8],
    ) -> Result<(), PublishError> {
        let mut digits = itoa::Buffer::new();
        let number = digits.format(row.get());
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: ROW_HEADER, value: Some(number) })
            .insert(Header { key: RUN_HEADER, value: Some(run.as_str()) });
        // A row number beyond the range of `usize` only makes the error less exact.
        let report = usize::try_from(row.get()).unwrap_or(NO_ROW);
        self.send(partition, number, value, headers, report)
    }

    /// Queues the mark that ends a partition.
    ///
    /// # Errors
    /// As [`send_row`](Self::send_row).
    pub fn send_end(&self, partition: Partition, run: &RunId, rows: u64) -> Result<(), PublishError> {
        let rows = rows.to_string();
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: END_HEADER, value: Some(&rows) })
            .insert(Header { key: RUN_HEADER, value: Some(run.as_str()) });
        self.send(partition, END_HEADER, &[], headers, NO_ROW)
    }

    fn send(
        &self,
        partition: Partition,
        key: &str,
        value: &[u8],
        headers: OwnedHeaders,
        report: usize,
    ) -> Result<(), PublishError> {
        self.failure()?;
        let record = BaseRecord::with_opaque_to(&self.topic, report);
        let record = record.partition(partition.0).key(key).payload(value).headers(headers);
        match self.producer.send(record) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(PublishError::QueueFull),
            Err((error, _)) => Err(self.failed(Failure { row: report, error })),
        }
    }

    /// Serves delivery reports, for so long at most.
    pub fn wait(&self, timeout: Duration) {
        self.producer.poll(timeout);
    }

    /// Waits, so long at most, for everything to be confirmed; tells whether it is.
    ///
    /// # Errors
    /// The first row that cannot be delivered.
    pub fn flush(&self, timeout: Duration) -> Result<bool, PublishError> {
        let flushed = self.producer.flush(timeout);
        self.failure()?;
        match flushed {
            Ok(()) => Ok(self.producer.in_flight_count() == 0),
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => Ok(false),
            Err(error) => Err(self.failed(Failure { row: NO_ROW, error })),
        }
    }

    fn failure(&self) -> Result<(), PublishError> {
        match self.producer.context().failure.get() {
            None => Ok(()),
            Some(failure) => Err(self.failed(failure.clone())),
        }
    }

    fn failed(&self, failure: Failure) -> PublishError {
        let (topic, address) = (self.topic.clone(), self.address.clone());
        let code = failure.error.rdkafka_error_code();
        match (failure.row, code) {
            (row, Some(RDKafkaErrorCode::MessageSizeTooLarge)) if row != NO_ROW => {
                PublishError::TooLarge { row, topic }
            }
            (_, Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {
                PublishError::TopicGone { topic, address }
            }
            (row, _) => PublishError::Failed { row, topic, address, source: failure.error },
        }
    }
}

/// Counts what is confirmed and keeps the first failure.
struct Reports {
    delivered: Box<dyn Fn(u64) + Send + Sync>,
    failure: OnceLock<Failure>,
}

#[derive(Debug, Clone)]
struct Failure {
    row: usize,
    error: KafkaError,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, row: usize) {
        match result {
            Ok(message) if row != NO_ROW => {
                tracing::trace!(row, partition = message.partition(), offset = message.offset(), "delivered");
                (self.delivered)(1);
            }
            Ok(_) => {}
            // Rows that are dropped because we are told to stop are no failure.
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight), _)) => {
            }
            // Only the first counts: those behind it fail because of it.
            Err((error, _)) => drop(self.failure.set(Failure { row, error: error.clone() })),
        }
    }
}

/// Why a row is not in the topic.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Too much is on its way.
    #[error("the producer's queue is full")]
    QueueFull,
    /// A record that the broker does not take.
    #[error(
        "row {row} is larger than the topic `{topic}` takes (1 MiB unless set otherwise); if that is no mistake of the \
         file, raise max.message.bytes of the topic and give `-X message.max.bytes=...`"
    )]
    TooLarge {
        /// Its number.
        row: usize,
        /// The topic.
        topic: String,
    },
    /// The topic was there and is no more.
    #[error("the topic `{topic}` is no longer at {address}: was it deleted? rows sent so far may be lost with it")]
    TopicGone {
        /// The topic.
        topic: String,
        /// The cluster.
        address: String,
    },
    /// Any other failure.
    #[error("row {row} could not be delivered to the topic `{topic}` at {address}: {source}")]
    Failed {
        /// Its number; 0 for the mark of the end.
        row: usize,
        /// The topic.
        topic: String,
        /// The cluster.
        address: String,
        /// Why.
        source: KafkaError,
    },
}
