//! Reading a topic from given offsets on: no group decides what is read, and nothing is committed by itself.

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

/// How often the client library tells where partitions end.
const STATISTICS_MS: &str = "250";

/// A reader of one topic.
pub struct Subscription {
    consumer: BaseConsumer<Ends>,
    connection: Connection,
    topic: String,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Reads each partition from the offset given.
    ///
    /// # Errors
    /// A property that the client library does not take.
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
        let assignment = list(topic, positions).map_err(|source| connection.failed(source))?;
        consumer.assign(&assignment).map_err(|source| connection.failed(source))?;
        Ok(Self { consumer, connection: connection.clone(), topic: topic.to_owned() })
    }

    /// The next message, or `None` when none came in time. A broker that is away is waited for.
    ///
    /// # Errors
    /// The topic is gone, offsets to be read are gone, or the cluster does not let us in.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Delivery<'_>>, BrokerError> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(Delivery { message })),
            Some(Err(error)) => self.judge(error),
        }
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
