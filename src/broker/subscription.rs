//! Reads a topic from given positions on.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use serde::Deserialize;

use crate::broker::{BrokerError, Connection, connection, topics};
use crate::record::{Envelope, Offset, Partition};

/// What a user may change.
const DEFAULTS: &[(&str, &str)] = &[
    // What is read ahead: more is asked for below 20,000 messages, and an answer has a megabyte, compressed. Beside each
    // message the library keeps several hundred bytes, which its own limit of kilobytes does not count.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "8192"),
    ("fetch.max.bytes", "1048576"),
    // The library's own second of rest, each time that this much is waiting, would be most of the time.
    ("fetch.queue.backoff.ms", "10"),
    // The embedded broker answers when this is over, whether or not something has come meanwhile.
    ("fetch.wait.max.ms", "20"),
    ("fetch.error.backoff.ms", "100"),
    // A topic that is deleted while it is read is noticed within about this time.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("topic.metadata.propagation.max.ms", "10000"),
    // How long a commit may wait for a broker.
    ("session.timeout.ms", "10000"),
    // How fresh the lag on display is.
    ("statistics.interval.ms", "500"),
];

/// What correctness rests on: positions come from the caller alone.
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
    ("enable.partition.eof", "false"),
];

/// How often in a row a partition must be seen to end before the position in it. Once may be a leader that lags.
const PROOF: u32 = 3;

/// Reads the assigned partitions of one topic. What it reads ahead is bounded to some 30 MiB.
pub struct Subscription {
    consumer: BaseConsumer<Watcher>,
    connection: Connection,
    topic: String,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).field("lag", &self.lag()).finish()
    }
}

/// What is known of the partitions; the client library's statistics keep it fresh.
struct Watcher {
    topic: String,
    address: String,
    /// By partition.
    partitions: Vec<Watched>,
    is_away: AtomicBool,
}

struct Watched {
    partition: Partition,
    /// The next offset to hand out.
    position: AtomicI64,
    /// The offset that the partition's next message will have; negative while that is not known.
    high: AtomicI64,
    /// How often in a row the partition ended before the position in it.
    beyond: AtomicU32,
}

impl Subscription {
    /// Prepares to read each partition from the given offset on; the connection is made in the background, and made
    /// again when it is lost. `group` is the name under which positions are committed.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn assign(
        connection: &Connection,
        topic: &str,
        group: &str,
        positions: &[(Partition, Offset)],
    ) -> Result<Self, BrokerError> {
        let mut partitions: Vec<Watched> = positions
            .iter()
            .map(|(partition, offset)| Watched {
                partition: *partition,
                position: AtomicI64::new(offset.0),
                high: AtomicI64::new(-1),
                beyond: AtomicU32::new(0),
            })
            .collect();
        partitions.sort_by_key(|watched| watched.partition);
        let watcher = Watcher {
            topic: topic.to_owned(),
            address: connection.address().to_owned(),
            partitions,
            is_away: AtomicBool::new(false),
        };
        let mut settings = connection.settings(DEFAULTS, FIXED);
        settings.set("group.id", group);
        let refused = |error: KafkaError| connection.refused(&error);
        let consumer = BaseConsumer::from_config_and_context(&settings, watcher).map_err(refused)?;
        consumer.assign(&list(topic, positions).map_err(refused)?).map_err(refused)?;
        Ok(Self { consumer, connection: connection.clone(), topic: topic.to_owned() })
    }

    /// The next message, in the order of its partition; `None` when none came in this time. A broker that is away is
    /// waited out.
    ///
    /// # Errors
    /// What waiting does not mend: the topic or the offset is not there, or the broker does not let us read.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Delivery<'_>>, BrokerError> {
        let watcher = self.consumer.context();
        match self.consumer.poll(timeout) {
            Some(Ok(message)) => {
                if watcher.is_away.load(Relaxed) {
                    watcher.is_away.store(false, Relaxed);
                    tracing::info!(address = watcher.address, "the broker answers again");
                }
                if let Some(watched) = watcher.find(Partition(message.partition())) {
                    watched.position.store(message.offset() + 1, Relaxed);
                }
                Ok(Some(Delivery { message }))
            }
            Some(Err(error)) => self.judge(&error).map_or(Ok(None), Err),
            None => watcher.out_of_range().map_or(Ok(None), Err),
        }
    }

    /// The error that ends reading; `None` for one that waiting mends.
    fn judge(&self, error: &KafkaError) -> Option<BrokerError> {
        use RDKafkaErrorCode as Code;
        let code = match error {
            KafkaError::MessageConsumptionFatal(code) => return Some(self.failed(*code)),
            other => other.rdkafka_error_code()?,
        };
        match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                Some(BrokerError::NoSuchTopic {
                    topic: self.topic.clone(),
                    address: self.connection.address().to_owned(),
                })
            }
            Code::OffsetOutOfRange | Code::AutoOffsetReset => {
                Some(self.consumer.context().out_of_range().unwrap_or_else(|| self.failed(code)))
            }
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::InvalidTopic
            | Code::UnsupportedFeature => Some(self.failed(code)),
            _ => {
                if !self.consumer.context().is_away.swap(true, Relaxed) {
                    tracing::warn!(address = self.connection.address(), %error, "the broker does not answer; waiting for it");
                }
                None
            }
        }
    }

    fn failed(&self, code: RDKafkaErrorCode) -> BrokerError {
        BrokerError::Topic {
            action: "read",
            topic: self.topic.clone(),
            address: self.connection.address().to_owned(),
            reason: code.to_string(),
        }
    }

    /// The messages that are in the assigned partitions and were not handed out yet, as of the last half second;
    /// `None` until the broker has told. Costs no question to it.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        let mut lag = 0;
        for watched in &self.consumer.context().partitions {
            let high = u64::try_from(watched.high.load(Relaxed)).ok()?;
            lag += high.saturating_sub(u64::try_from(watched.position.load(Relaxed)).unwrap_or(0));
        }
        Some(lag)
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Waits for the broker, up to
    /// ten seconds.
    ///
    /// # Errors
    /// When the broker does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        list(&self.topic, positions).and_then(|list| self.consumer.commit(&list, CommitMode::Sync)).map_err(|error| {
            BrokerError::Topic {
                action: "commit positions of",
                topic: self.topic.clone(),
                address: self.connection.address().to_owned(),
                reason: topics::reason(&error),
            }
        })
    }
}

fn list(topic: &str, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(topic, partition.0, rdkafka::Offset::Offset(offset.0))?;
    }
    Ok(list)
}

impl Watcher {
    fn find(&self, partition: Partition) -> Option<&Watched> {
        self.partitions
            .binary_search_by_key(&partition, |watched| watched.partition)
            .ok()
            .map(|at| &self.partitions[at])
    }

    /// A partition that ends before the position in it, beyond doubt: the topic was made anew. Brokers should say so
    /// themselves; the embedded one answers that nothing has come yet.
    fn out_of_range(&self) -> Option<BrokerError> {
        let watched = self.partitions.iter().find(|watched| watched.beyond.load(Relaxed) >= PROOF)?;
        Some(BrokerError::OutOfRange {
            topic: self.topic.clone(),
            address: self.address.clone(),
            partition: watched.partition,
            wanted: Offset(watched.position.load(Relaxed)),
            end: Some(Offset(watched.high.load(Relaxed))),
        })
    }

    fn learn(&self, statistics: &Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        for seen in topic.partitions.values() {
            let Some(watched) = self.find(Partition(seen.partition)) else { continue };
            // Negative numbers are the library's signs for 'not known'.
            if seen.hi_offset < 0 {
                continue;
            }
            watched.high.store(seen.hi_offset, Relaxed);
            // Both from one moment: a position handed out since then would make an end look too early.
            if seen.next_offset > seen.hi_offset {
                watched.beyond.fetch_add(1, Relaxed);
            } else {
                watched.beyond.store(0, Relaxed);
            }
        }
    }
}

/// The part of librdkafka's statistics that is of use here.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    hi_offset: i64,
    next_offset: i64,
}

impl ClientContext for Watcher {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice(statistics) {
            Ok(statistics) => self.learn(&statistics),
            Err(error) => tracing::debug!(%error, "statistics of the client library"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // poll returns it as well.
        tracing::debug!(%error, reason, "client library");
    }
}

impl ConsumerContext for Watcher {}

/// A message that was read.
pub struct Delivery<'a> {
    message: BorrowedMessage<'a>,
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("bytes", &self.value().len())
            .finish()
    }
}

impl Delivery<'_> {
    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition(self.message.partition())
    }

    /// Its place in the partition.
    #[must_use]
    pub fn offset(&self) -> Offset {
        Offset(self.message.offset())
    }

    /// Its value; empty when it has none.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }

    /// What its headers say of the value.
    ///
    /// # Errors
    /// The text of a header that cannot be read.
    pub fn envelope(&self) -> Result<Envelope<'_>, String> {
        let Some(headers) = self.message.headers() else { return Ok(Envelope::Foreign) };
        // rdkafka panics on a header whose name is not UTF-8, which any stranger can send.
        let envelope =
            catch_unwind(AssertUnwindSafe(|| Envelope::open(headers.iter().map(|header| (header.key, header.value)))));
        envelope.unwrap_or_else(|_| Err("a header whose name is not UTF-8".to_owned()))
    }
}
