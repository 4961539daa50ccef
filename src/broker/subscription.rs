//! Reading a topic from given offsets on: no group decides what is read, and nothing is committed by itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{self, TopicPartitionList};

use crate::broker::client::Quiet;
use crate::broker::{BrokerError, Connection};
use crate::record::{Envelope, Offset, Partition};

/// What is read ahead holds at most so much memory, in KiB.
const READ_AHEAD_KIB: &str = "32768";
/// The embedded broker does not wake a fetch that waits when messages come: so it must not wait long.
const FETCH_WAIT_MS: &str = "20";

/// Reading begins so many messages early, and passes over what is not wanted: asked for an offset in the middle of a
/// batch, the embedded broker answers with the next batch, where others answer with the one that holds it. The client
/// library puts at most so many messages into a batch unless told otherwise.
const HEAD_START: i64 = 10_000;
/// How long the broker may take to tell where a partition begins and ends.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often the client library tells where partitions end.
const STATISTICS_MS: &str = "250";

/// A reader of one topic.
pub struct Subscription {
    consumer: BaseConsumer<Ends>,
    connection: Connection,
    topic: String,
    /// Partitions whose first wanted message has not come yet.
    approaches: RefCell<HashMap<i32, Approach>>,
}

/// The way to the first wanted message of a partition.
#[derive(Debug, Clone, Copy)]
struct Approach {
    wanted: i64,
    begun: i64,
    low: i64,
    /// Whether a message from before the wanted one has come, so that the wanted one cannot be skipped.
    is_near: bool,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Reads each partition from the offset given; from 0 means from the oldest message that is there. Blocks until the
    /// broker has told where partitions begin and end.
    ///
    /// # Errors
    /// No broker answers, the offsets are not there, or a property that the client library does not take.
    pub fn assign(
        connection: &Connection,
        topic: &str,
        group: &str,
        positions: &[(Partition, Offset)],
    ) -> Result<Self, BrokerError> {
        let config = connection.config_with(&[
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("allow.auto.create.topics", "false"),
            // Rows that the topic has dropped must be missed aloud.
            ("auto.offset.reset", "error"),
            ("fetch.wait.max.ms", FETCH_WAIT_MS),
            ("queued.max.messages.kbytes", READ_AHEAD_KIB),
            ("statistics.interval.ms", STATISTICS_MS),
        ]);
        let consumer: BaseConsumer<Ends> =
            config.create_with_context(Ends::default()).map_err(|source| connection.failed(source))?;
        let mut approaches = HashMap::new();
        let mut begin = Vec::with_capacity(positions.len());
        for (partition, wanted) in positions {
            let watermarks = consumer.fetch_watermarks(topic, partition.0, ANSWER_LIMIT);
            let (low, high) = watermarks.map_err(|source| connection.failed(source))?;
            if wanted.0 > high || (wanted.0 < low && wanted.0 > 0) {
                return Err(connection.offsets_gone(topic));
            }
            let wanted = wanted.0.max(low);
            let begun = (wanted - HEAD_START).max(low);
            approaches.insert(partition.0, Approach { wanted, begun, low, is_near: begun == wanted });
            begin.push((*partition, Offset(begun)));
        }
        let assignment = list(topic, &begin).map_err(|source| connection.failed(source))?;
        consumer.assign(&assignment).map_err(|source| connection.failed(source))?;
        let (connection, topic) = (connection.clone(), topic.to_owned());
        Ok(Self { consumer, connection, topic, approaches: RefCell::new(approaches) })
    }

    /// The next message, or `None` when none came in time. A broker that is away is waited for.
    ///
    /// # Errors
    /// The topic is gone, offsets to be read are gone, or the cluster does not let us in.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Delivery<'_>>, BrokerError> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(self.is_wanted(&message)?.then_some(Delivery { message })),
            Some(Err(error)) => self.judge(error),
        }
    }

    /// Whether a message is one that was asked for; steps further back when the first of these was skipped.
    fn is_wanted(&self, message: &BorrowedMessage<'_>) -> Result<bool, BrokerError> {
        let mut approaches = self.approaches.borrow_mut();
        let (partition, offset) = (message.partition(), message.offset());
        let Some(approach) = approaches.get_mut(&partition) else { return Ok(true) };
        if offset < approach.wanted {
            approach.is_near = true;
            return Ok(false);
        }
        // Offsets that no message has are normal where transactions or compaction leave gaps.
        if approach.is_near || offset == approach.wanted || approach.begun == approach.low {
            approaches.remove(&partition);
            return Ok(true);
        }
        let step = (approach.wanted - approach.begun).saturating_mul(10);
        approach.begun = approach.wanted.saturating_sub(step).max(approach.low);
        let to = topic_partition_list::Offset::Offset(approach.begun);
        self.consumer
            .seek(&self.topic, partition, to, ANSWER_LIMIT)
            .map_err(|source| self.connection.failed(source))?;
        Ok(false)
    }

    fn judge(&self, error: KafkaError) -> Result<Option<Delivery<'_>>, BrokerError> {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Err(self.connection.no_topic(&self.topic))
            }
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => Err(BrokerError::OffsetsGone {
                topic: self.topic.clone(),
                address: self.connection.address().to_owned(),
            }),
            Some(
                Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::Fatal,
            ) => Err(self.connection.failed(error)),
            _ => {
                tracing::warn!(%error, topic = self.topic, "reading is held up; waiting for the broker");
                Ok(None)
            }
        }
    }

    /// Messages in the topic behind what has been read, as far as the client knows without asking.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        let positions = self.consumer.position().ok()?;
        let ends = self.consumer.client().context().0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lag = 0;
        for element in positions.elements() {
            let end = ends.get(&element.partition())?;
            if let topic_partition_list::Offset::Offset(position) = element.offset() {
                lag += u64::try_from(end - position).unwrap_or_default();
            }
        }
        Some(lag)
    }

    /// Tells the group where reading would go on. Does not wait for the broker.
    ///
    /// # Errors
    /// The client library does not take the request.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        if positions.is_empty() {
            return Ok(());
        }
        let offsets = list(&self.topic, positions).map_err(|source| self.connection.failed(source))?;
        self.consumer.commit(&offsets, CommitMode::Async).map_err(|source| self.connection.failed(source))
    }
}

/// Where each partition ends, as far as the client library knows.
#[derive(Debug, Default)]
struct Ends(Mutex<HashMap<i32, i64>>);

impl ClientContext for Ends {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in statistics.topics.values().flat_map(|topic| topic.partitions.values()) {
            if partition.partition >= 0 && partition.hi_offset >= 0 {
                ends.insert(partition.partition, partition.hi_offset);
            }
        }
    }
}

impl ConsumerContext for Ends {}

fn list(topic: &str, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(topic, partition.0, topic_partition_list::Offset::Offset(offset.0))?;
    }
    Ok(list)
}

/// A message as it came.
pub struct Delivery<'a> {
    message: BorrowedMessage<'a>,
}

impl std::fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("partition", &self.partition()).field("offset", &self.offset()).finish()
    }
}

impl Delivery<'_> {
    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition(self.message.partition())
    }

    /// Its offset.
    #[must_use]
    pub fn offset(&self) -> Offset {
        Offset(self.message.offset())
    }

    /// Its value; empty for none.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }

    /// What its headers say.
    ///
    /// # Errors
    /// The text of a `windrow-row` header that is no row number.
    pub fn envelope(&self) -> Result<Envelope<'_>, String> {
        let Some(headers) = self.message.headers() else { return Ok(Envelope::Foreign) };
        Envelope::open(headers.iter().map(|header| (header.key, header.value)))
    }
}
