//! Reads a topic from given positions on.

mod delivery;
mod watchdog;
mod watcher;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;

use self::watchdog::Watchdog;
use self::watcher::Watcher;
use crate::broker::{BrokerError, Connection, topics};
use crate::record::{Offset, Partition};

pub use self::delivery::Delivery;

/// What a user may change.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    // What is read ahead: more is asked for below 20,000 messages, and an answer has two megabytes, compressed. Beside each
    // message the library keeps several hundred bytes, which its own limit of kilobytes does not count.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "8192"),
    ("fetch.max.bytes", "2097152"),
    // The library's own second of rest, each time that this much is waiting, would be most of the time.
    ("fetch.queue.backoff.ms", "10"),
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
pub(super) const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
    ("enable.partition.eof", "false"),
];

/// How long a broker may take to tell the offsets of a partition that was read out of range.
const BOUNDS_PATIENCE: Duration = Duration::from_secs(5);

/// Reads the assigned partitions of one topic. What it reads ahead is bounded to some 30 MiB.
pub struct Subscription {
    /// `None` only while it is dropped.
    client: Option<Arc<BaseConsumer<Watcher>>>,
    connection: Connection,
    topic: String,
    group: String,
    /// Messages handed out. A clock for each of them would cost more than they do.
    handed: Cell<u64>,
    watchdog: Watchdog,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).field("lag", &self.lag()).finish()
    }
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
        Ok(Self {
            client: Some(client(connection, topic, group, positions)?),
            connection: connection.clone(),
            topic: topic.to_owned(),
            group: group.to_owned(),
            handed: Cell::new(0),
            watchdog: Watchdog::default(),
        })
    }

    /// The same, taken for stuck after another time than half a minute without a message.
    #[must_use]
    pub fn with_stall(mut self, stall: Duration) -> Self {
        self.watchdog = Watchdog::new(stall);
        self
    }

    fn client(&self) -> &BaseConsumer<Watcher> {
        let Some(client) = &self.client else { unreachable!("it is there until the subscription is dropped") };
        client
    }

    /// Looks, now and then, whether reading has silently stopped although the topic goes on, and then starts it again
    /// where it was: librdkafka's consumers have been seen to do that. Call it between polls; it never waits.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn look_after(&mut self) -> Result<(), BrokerError> {
        let positions: Vec<(Partition, Offset)> =
            self.context().partitions.iter().map(|watched| (watched.partition, watched.position())).collect();
        let Some((partition, position, high)) =
            self.watchdog.look(&self.connection, &self.topic, &positions, self.handed.get())
        else {
            return Ok(());
        };
        tracing::warn!(
            topic = self.topic,
            "reading stopped at offset {position} of partition {partition} without a word, though the topic goes on to \
             {high}; starting it again"
        );
        let fresh = client(&self.connection, &self.topic, &self.group, &positions)?;
        let stuck = self.client.replace(fresh);
        retire(stuck);
        Ok(())
    }

    fn context(&self) -> &Watcher {
        self.client().context()
    }

    /// The next message, in the order of its partition; `None` when none came in this time. A broker that is away is
    /// waited out.
    ///
    /// # Errors
    /// What waiting does not mend: the topic or the offset is not there, or the broker does not let us read.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Delivery<'_>>, BrokerError> {
        let watcher = self.context();
        match self.client().poll(timeout) {
            Some(Ok(message)) => {
                if watcher.is_away.load(Relaxed) {
                    watcher.is_away.store(false, Relaxed);
                    tracing::info!(address = watcher.address, "the broker answers again");
                }
                self.handed.set(self.handed.get() + 1);
                if let Some(watched) = watcher.find(Partition(message.partition())) {
                    watched.position.store(message.offset() + 1, Relaxed);
                }
                Ok(Some(Delivery::of(message)))
            }
            Some(Err(error)) => self.judge(&error).map_or(Ok(None), Err),
            None => Ok(None),
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
                Some(self.out_of_range().unwrap_or_else(|| self.failed(code)))
            }
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::InvalidTopic
            | Code::UnsupportedFeature => Some(self.failed(code)),
            _ => {
                if !self.context().is_away.swap(true, Relaxed) {
                    tracing::warn!(address = self.connection.address(), %error, "the broker does not answer; waiting for it");
                }
                None
            }
        }
    }

    /// The partition that does not have the offset at which reading goes on; the library does not say which one it is.
    fn out_of_range(&self) -> Option<BrokerError> {
        self.context().partitions.iter().find_map(|watched| {
            let (partition, wanted) = (watched.partition, watched.position());
            let (low, high) = self.client().fetch_watermarks(&self.topic, partition.0, BOUNDS_PATIENCE).ok()?;
            let is_there = (low..=high).contains(&wanted.0);
            (!is_there).then(|| BrokerError::OutOfRange {
                topic: self.topic.clone(),
                address: self.connection.address().to_owned(),
                partition,
                wanted,
                end: (wanted.0 > high).then_some(Offset(high)),
            })
        })
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
        for watched in &self.context().partitions {
            let high = u64::try_from(watched.high.load(Relaxed)).ok()?;
            lag += high.saturating_sub(u64::try_from(watched.position.load(Relaxed)).unwrap_or(0));
        }
        Some(lag)
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Does not wait for the broker's
    /// answer, which the client library keeps for itself.
    ///
    /// # Errors
    /// When the client library does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let committed = list(&self.topic, positions).and_then(|list| self.client().commit(&list, CommitMode::Async));
        committed.map_err(|error| uncommitted(&self.topic, self.connection.address(), &error))
    }

    /// The same for the last time: waits for the answer, but no longer than it has patience.
    ///
    /// # Errors
    /// When the broker does not take them. Not that it does not answer in time.
    pub fn commit_last(&self, positions: &[(Partition, Offset)], patience: Duration) -> Result<(), BrokerError> {
        let (topic, address) = (self.topic.clone(), self.connection.address().to_owned());
        let last = list(&topic, positions).map_err(|error| uncommitted(&topic, &address, &error))?;
        let (answer, question) = channel();
        let client = self.client.clone();
        std::thread::spawn(move || {
            let committed = client.map_or(Ok(()), |client| client.commit(&last, CommitMode::Sync));
            // Whoever asked may have stopped waiting.
            let _ = answer.send(committed.map_err(|error| uncommitted(&topic, &address, &error)));
        });
        question.recv_timeout(patience).unwrap_or(Ok(()))
    }

    /// Stops reading without a word, as the client library has been seen to.
    #[cfg(test)]
    pub(crate) fn fall_silent(&self) {
        let assigned = self.client().assignment().expect("an assignment");
        self.client().pause(&assigned).expect("partitions to pause");
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        retire(self.client.take());
    }
}

/// Gives a client up. That can take long, and has been seen to hang; nobody need wait for it.
fn retire(client: Option<Arc<BaseConsumer<Watcher>>>) {
    if let Some(client) = client {
        std::thread::spawn(move || drop(client));
    }
}

fn client(
    connection: &Connection,
    topic: &str,
    group: &str,
    positions: &[(Partition, Offset)],
) -> Result<Arc<BaseConsumer<Watcher>>, BrokerError> {
    let mut settings = connection.settings(DEFAULTS, FIXED);
    settings.set("group.id", group);
    let refused = |error: KafkaError| connection.refused(&error);
    let watcher = Watcher::new(topic, connection.address(), positions);
    let client = BaseConsumer::from_config_and_context(&settings, watcher).map_err(refused)?;
    client.assign(&list(topic, positions).map_err(refused)?).map_err(refused)?;
    Ok(Arc::new(client))
}

fn uncommitted(topic: &str, address: &str, error: &KafkaError) -> BrokerError {
    BrokerError::Topic {
        action: "commit positions of",
        topic: topic.to_owned(),
        address: address.to_owned(),
        reason: topics::reason(error),
    }
}

pub(super) fn list(topic: &str, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(topic, partition.0, rdkafka::Offset::Offset(offset.0))?;
    }
    Ok(list)
}
