//! Sends rows to a topic, each exactly once and in order within its partition.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext};

use crate::{BrokerError, Connection, connection, error};
use windrow_record::{END_HEADER, FIRST_HEADER, Partition, ROW_HEADER, RUN_HEADER, RowNumber, RunId};

/// Settings that a user can override.
const DEFAULTS: &[(&str, &str)] = &[
    // An outage of a few minutes is waited out. After that, the run ends with an error instead of waiting forever.
    (MESSAGE_TIMEOUT, "300000"),
    // Limits the memory for unconfirmed messages. The library's own data for a message takes twice the memory of a
    // short row.
    ("queue.buffering.max.messages", "40000"),
    ("max.in.flight", "4"),
    ("queue.buffering.max.kbytes", "32768"),
    // Long enough for full batches at full speed, and short enough that a paced row is visible at once.
    ("linger.ms", "5"),
    // Every client must be able to read the topic, and not every client has the codecs.
    ("compression.type", "none"),
];

/// Settings that correctness depends on.
const FIXED: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // After a rejected row, the rows after it must not be sent: a replay continues after the last row in the topic.
    ("enable.gapless.guarantee", "true"),
    // The library would give up each message separately, with the same effect. The publisher applies one limit to all
    // of them.
    (MESSAGE_TIMEOUT, "0"),
];

/// The property with the time without a confirmation after which sending fails, in milliseconds. 0 means no limit.
const MESSAGE_TIMEOUT: &str = "message.timeout.ms";

/// The value for messages that are not rows, in place of a row number.
const NO_ROW: usize = 0;

/// The error for a row that was not accepted or not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue is full: call [`Publisher::wait`] and send the row again.
    #[error("the send queue is full")]
    QueueFull,
    /// A row was rejected or not confirmed. Every later call reports the first failure again.
    #[error("{} was not delivered to topic `{topic}` at {address}: {reason}", .row.map_or_else(|| "the end of the dataset".to_owned(), |row| format!("row {row}")))]
    Failed {
        /// The row. `None` for the end marker.
        row: Option<RowNumber>,
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The reason of the failure.
        reason: String,
    },
    /// The broker has confirmed nothing for too long.
    #[error(
        "the broker at {address} has confirmed nothing for {} s, and {messages} messages for topic `{topic}` are \
         waiting; when it answers again, start again: the replay continues after the last row that it has",
        waited.as_secs()
    )]
    Unconfirmed {
        /// The number of messages that wait.
        messages: u64,
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The time since the last confirmation.
        waited: Duration,
    },
}

/// The limits of the pause between two polls for confirmations.
const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(20);
/// The time without a confirmation after which a warning names the broker.
const OUTAGE_WARNING_DELAY: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct LastConfirmation {
    settled: u64,
    since: Instant,
    is_reported: bool,
}

/// Sends rows to one topic through a queue of limited size. The sending thread takes the broker's confirmations while
/// it waits. The memory of a message is freed with its confirmation. An allocator is faster with one thread than with
/// two threads that wait for each other.
pub struct Publisher {
    producer: BaseProducer<DeliveryContext>,
    accepted: AtomicU64,
    /// The time without a confirmation after which sending fails. `None` for no limit.
    timeout: Option<Duration>,
    quiet: Mutex<LastConfirmation>,
}

/// The outcomes that the confirmations have reported so far.
struct DeliveryContext {
    topic: String,
    address: String,
    /// The number of messages that were confirmed or have failed.
    settled: AtomicU64,
    failure: OnceLock<PublishError>,
    /// A message that failed because the client library had stopped. It is not the cause.
    halted: OnceLock<PublishError>,
    delivered: Box<dyn Fn(u64) + Send + Sync>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, unconfirmed) = (&self.reports().topic, self.unconfirmed());
        f.debug_struct("Publisher").field("topic", topic).field("unconfirmed", &unconfirmed).finish()
    }
}

impl Publisher {
    /// Prepares to send to a topic. The connection is made in the background, and again after it is lost.
    ///
    /// The publisher calls `delivered` with the number of newly confirmed rows while its caller waits.
    ///
    /// # Errors
    /// The client library rejects the connection's properties.
    pub fn connect(
        connection: &Connection,
        topic: &str,
        delivered: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        let reports = DeliveryContext {
            topic: topic.to_owned(),
            address: connection.address().to_owned(),
            settled: AtomicU64::new(0),
            failure: OnceLock::new(),
            halted: OnceLock::new(),
            delivered: Box::new(delivered),
        };
        let settings = connection.settings(DEFAULTS, &[]);
        let timeout = settings.get(MESSAGE_TIMEOUT).and_then(|millis| millis.trim().parse().ok()).unwrap_or(0);
        let settings = connection.settings(DEFAULTS, FIXED);
        let producer = BaseProducer::from_config_and_context(&settings, reports);
        Ok(Self {
            producer: producer.map_err(|error| connection.refused(&error))?,
            accepted: AtomicU64::new(0),
            timeout: (timeout > 0).then_some(Duration::from_millis(timeout)),
            quiet: Mutex::new(LastConfirmation { settled: 0, since: Instant::now(), is_reported: false }),
        })
    }

    fn reports(&self) -> &DeliveryContext {
        self.producer.context()
    }

    /// Accepts a row for sending. Never blocks.
    ///
    /// # Errors
    /// [`PublishError::QueueFull`] if the row was not accepted and should be sent again after [`Publisher::wait`].
    /// [`PublishError::Failed`] if this message or an earlier one cannot be delivered. [`PublishError::Unconfirmed`] if
    /// an earlier [`Publisher::wait`] has given up.
    pub fn send_row(&self, partition: Partition, row: RowNumber, run: &RunId, text: &[u8]) -> Result<(), PublishError> {
        let mut digits = itoa::Buffer::new();
        let number = digits.format(row.get()).as_bytes();
        let opaque = usize::try_from(row.get()).unwrap_or(usize::MAX);
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: ROW_HEADER, value: Some(number) })
            .insert(Header { key: RUN_HEADER, value: Some(run.as_str()) });
        self.send(partition, headers, Some(number), text, opaque)
    }

    /// Accepts the end marker of a partition, with the replay's first row and its number of rows. That number covers
    /// all partitions and all runs of the producer.
    ///
    /// # Errors
    /// The same as [`Publisher::send_row`].
    pub fn send_end(&self, partition: Partition, run: &RunId, first: RowNumber, rows: u64) -> Result<(), PublishError> {
        let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
        let headers = OwnedHeaders::new_with_capacity(3)
            .insert(Header { key: END_HEADER, value: Some(digits.format(rows)) })
            .insert(Header { key: RUN_HEADER, value: Some(run.as_str()) })
            .insert(Header { key: FIRST_HEADER, value: Some(more.format(first.get())) });
        self.send(partition, headers, None, &[], NO_ROW)
    }

    fn send(
        &self,
        partition: Partition,
        headers: OwnedHeaders,
        key: Option<&[u8]>,
        value: &[u8],
        opaque: usize,
    ) -> Result<(), PublishError> {
        if let Some(failure) = self.reports().failure.get() {
            return Err(failure.clone());
        }
        let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.reports().topic, opaque)
            .partition(partition.0)
            .payload(value)
            .headers(headers);
        message.key = key;
        match self.producer.send(message) {
            Ok(()) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err((KafkaError::MessageProduction(Code::QueueFull), _)) => Err(PublishError::QueueFull),
            // The report on the message that stopped the client library names the cause. That report is on its way.
            Err((error, _)) if is_halt(&error) => {
                self.reports().halt(opaque, &error);
                Err(PublishError::QueueFull)
            }
            Err((error, _)) => Err(self.reports().fail(opaque, &error, value.len())),
        }
    }

    /// Waits until more messages are confirmed or have failed, until `timeout` has passed, or until no message is
    /// unconfirmed.
    ///
    /// # Errors
    /// A message cannot be delivered, or the broker has confirmed nothing for too long.
    pub fn wait(&self, timeout: Duration) -> Result<(), PublishError> {
        let before = self.reports().settled.load(Ordering::Acquire);
        let deadline = Instant::now() + timeout;
        // At full speed, a small part of the queue drains in a millisecond. During an outage, longer pauses avoid
        // useless polls.
        let mut pause = Duration::ZERO;
        loop {
            self.producer.poll(pause);
            self.check_deliveries()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if self.reports().settled.load(Ordering::Acquire) != before || self.unconfirmed() == 0 || left.is_zero() {
                return Ok(());
            }
            pause = (pause * 2).clamp(MIN_PAUSE, MAX_PAUSE).min(left);
        }
    }

    /// Returns an error if a message has failed, or if the broker has confirmed nothing for too long.
    fn check_deliveries(&self) -> Result<(), PublishError> {
        if let Some(failure) = self.reports().failure.get() {
            return Err(failure.clone());
        }
        if self.unconfirmed() == 0
            && let Some(halt) = self.reports().halted.get()
        {
            return Err(self.reports().failure.get_or_init(|| halt.clone()).clone());
        }
        let (settled, messages) = (self.reports().settled.load(Ordering::Acquire), self.unconfirmed());
        let waited = self.time_since_confirmation(settled, messages);
        if self.timeout.is_none_or(|timeout| waited < timeout) {
            return Ok(());
        }
        let (topic, address) = (self.reports().topic.clone(), self.reports().address.clone());
        let failure = PublishError::Unconfirmed { messages, topic, address, waited };
        Err(self.reports().failure.get_or_init(|| failure).clone())
    }

    /// Returns the time since the last confirmation. Logs an outage once after [`OUTAGE_WARNING_DELAY`], and once when it is
    /// over.
    fn time_since_confirmation(&self, settled: u64, messages: u64) -> Duration {
        let (topic, address) = (&self.reports().topic, &self.reports().address);
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if messages == 0 || settled != quiet.settled {
            if quiet.is_reported {
                tracing::warn!("the broker at {address} confirms messages for topic `{topic}` again");
            }
            *quiet = LastConfirmation { settled, since: Instant::now(), is_reported: false };
        }
        let waited = quiet.since.elapsed();
        if waited > OUTAGE_WARNING_DELAY && !quiet.is_reported {
            quiet.is_reported = true;
            tracing::warn!(
                "the broker at {address} has confirmed nothing for {} s: {messages} messages for topic `{topic}` wait \
                 until it answers and has as many in-sync replicas as the topic requires",
                waited.as_secs()
            );
        }
        waited
    }

    /// Waits until all accepted messages are confirmed, and returns true. Returns false if `timeout` passes first.
    ///
    /// # Errors
    /// [`PublishError::Failed`] if a message cannot be delivered. [`PublishError::Unconfirmed`] if the broker has
    /// confirmed nothing for too long.
    pub fn flush(&self, timeout: Duration) -> Result<bool, PublishError> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check_deliveries()?;
            if self.unconfirmed() == 0 {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait(left)?;
        }
    }

    /// The number of messages that were accepted and not yet confirmed.
    #[must_use]
    pub(crate) fn unconfirmed(&self) -> u64 {
        // This order matters: a message is settled after it was accepted, but its report may arrive before `accepted`
        // is increased.
        let settled = self.reports().settled.load(Ordering::Acquire);
        self.accepted.load(Ordering::Relaxed).saturating_sub(settled)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let unconfirmed = self.producer.in_flight_count();
        if unconfirmed > 0 {
            tracing::debug!(unconfirmed, topic = self.reports().topic, "the publisher ended with unconfirmed messages");
        }
    }
}

impl DeliveryContext {
    fn fail(&self, opaque: usize, error: &KafkaError, bytes: usize) -> PublishError {
        self.failure.get_or_init(|| self.failed(opaque, describe(error, bytes))).clone()
    }

    fn halt(&self, opaque: usize, error: &KafkaError) {
        self.halted.get_or_init(|| self.failed(opaque, describe(error, 0)));
    }

    fn failed(&self, opaque: usize, reason: String) -> PublishError {
        let row = u64::try_from(opaque).ok().and_then(RowNumber::new);
        PublishError::Failed { row, topic: self.topic.clone(), address: self.address.clone(), reason }
    }
}

/// Returns true if the client library accepts no more messages because of another message.
fn is_halt(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::Fatal | Code::GaplessGuarantee))
}

fn describe(error: &KafkaError, bytes: usize) -> String {
    match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge) => format!(
            "its {bytes} bytes, or those of a row sent with it, are more than the limit: raise message.max.bytes of \
             the client (with -X) and max.message.bytes of the topic, and start again: no row after it was sent"
        ),
        Some(Code::UnknownPartition) => "the topic does not have this partition".to_owned(),
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => "the topic does not exist".to_owned(),
        _ => error::reason(error),
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "client library");
    }
}

impl ProducerContext<NoCustomPartitioner> for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &rdkafka::producer::DeliveryResult<'_>, opaque: usize) {
        match result {
            Ok(_) if opaque == NO_ROW => {}
            Ok(_) => (self.delivered)(1),
            // A dropped publisher discards its messages, and no caller waits for them.
            Err((KafkaError::MessageProduction(Code::PurgeQueue | Code::PurgeInflight), _)) => {}
            Err((error, _)) if is_halt(error) => self.halt(opaque, error),
            Err((error, message)) => {
                self.fail(opaque, error, message.payload().map_or(0, <[u8]>::len));
            }
        }
        self.settled.fetch_add(1, Ordering::Release);
    }
}
