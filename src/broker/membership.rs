//! Reading as one of a group: the broker says which partitions are ours, and when they are no more.
//!
//! The positions come from the caller, as with a [`Subscription`](crate::broker::Subscription). A change is handed out by
//! [`Membership::poll`], and holds only when the caller has answered it: what it still writes for a partition that is taken
//! away is written before another member may begin.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use serde::Deserialize;

use crate::broker::subscription::{self, Delivery};
use crate::broker::{BrokerError, Connection, connection, topics};
use crate::record::{Offset, Partition};

/// What a user may change, beside what holds for every reader.
const DEFAULTS: &[(&str, &str)] = &[
    // Only what moves is taken away, and the rest goes on; every member must have the same.
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("heartbeat.interval.ms", "1000"),
];
/// How long moving a reader to its position may take.
const SEEK_PATIENCE: Duration = Duration::from_secs(5);

/// One member of a group that reads one topic.
pub struct Membership {
    /// `None` only while it is dropped.
    client: Option<BaseConsumer<Member>>,
    connection: Connection,
    topic: String,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// What a poll brings.
#[derive(Debug)]
pub enum Turn<'a> {
    /// A message of a partition that is ours.
    Message(Delivery<'a>),
    /// These are ours now: answer with [`Membership::take_up`].
    Assigned(Vec<Partition>),
    /// These are no longer ours: answer with [`Membership::give_up`] when nothing more is written for them.
    Revoked(Vec<Partition>),
}

/// What the client library calls back.
struct Member {
    topic: String,
    changes: Mutex<VecDeque<Change>>,
    /// Then nobody answers a change any more.
    is_leaving: AtomicBool,
    is_away: AtomicBool,
    lag: AtomicU64,
}

enum Change {
    Assigned(Vec<Partition>),
    Revoked(Vec<Partition>),
}

impl Membership {
    /// Joins a group; the connection is made in the background, and made again when it is lost.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn join(connection: &Connection, topic: &str, group: &str) -> Result<Self, BrokerError> {
        let defaults = [subscription::DEFAULTS, DEFAULTS].concat();
        let mut settings = connection.settings(&defaults, subscription::FIXED);
        settings.set("group.id", group);
        let refused = |error: KafkaError| connection.refused(&error);
        let member = Member {
            topic: topic.to_owned(),
            changes: Mutex::default(),
            is_leaving: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            lag: AtomicU64::new(0),
        };
        let client = BaseConsumer::from_config_and_context(&settings, member).map_err(refused)?;
        client.subscribe(&[topic]).map_err(refused)?;
        Ok(Self { client: Some(client), connection: connection.clone(), topic: topic.to_owned() })
    }

    fn client(&self) -> &BaseConsumer<Member> {
        let Some(client) = &self.client else { unreachable!("it is there until the membership is dropped") };
        client
    }

    /// The next message or change; `None` when none came in this time. A broker that is away is waited out.
    ///
    /// # Errors
    /// What waiting does not mend.
    pub fn poll(&self, timeout: Duration) -> Result<Option<Turn<'_>>, BrokerError> {
        let member = self.client().context();
        if let Some(change) = member.next_change() {
            return Ok(Some(change));
        }
        match self.client().poll(timeout) {
            Some(Ok(message)) => {
                member.is_away.store(false, Relaxed);
                Ok(Some(Turn::Message(Delivery::of(message))))
            }
            Some(Err(error)) => self.judge(&error).map_or(Ok(None), Err),
            None => Ok(member.next_change()),
        }
    }

    /// The error that ends reading; `None` for one that waiting mends.
    fn judge(&self, error: &KafkaError) -> Option<BrokerError> {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code()? {
            Code::UnknownTopicOrPartition | Code::UnknownTopic => Some(BrokerError::NoSuchTopic {
                topic: self.topic.clone(),
                address: self.connection.address().to_owned(),
            }),
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InconsistentGroupProtocol
            | Code::InvalidSessionTimeout
            | Code::OffsetOutOfRange
            | Code::AutoOffsetReset
            | Code::UnsupportedFeature => Some(self.failed("read", error)),
            _ => {
                if !self.client().context().is_away.swap(true, Relaxed) {
                    tracing::warn!(address = self.connection.address(), %error, "the broker does not answer; waiting for it");
                }
                None
            }
        }
    }

    fn failed(&self, action: &'static str, error: &KafkaError) -> BrokerError {
        BrokerError::Topic {
            action,
            topic: self.topic.clone(),
            address: self.connection.address().to_owned(),
            reason: topics::reason(error),
        }
    }

    /// Begins to read partitions that were assigned, each from its offset on; those without one wait for
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// When the client library refuses them.
    pub fn take_up(&self, positions: &[(Partition, Option<Offset>)]) -> Result<(), BrokerError> {
        let failed = |error: KafkaError| self.failed("read", &error);
        let known: Vec<(Partition, Offset)> =
            positions.iter().map(|(partition, offset)| (*partition, offset.unwrap_or(Offset(0)))).collect();
        let assigned = subscription::list(&self.topic, &known).map_err(failed)?;
        match self.client().rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.client().incremental_assign(&assigned),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.client().assign(&assigned),
        }
        .map_err(failed)?;
        let waiting: Vec<(Partition, Offset)> = positions
            .iter()
            .filter(|(_, offset)| offset.is_none())
            .map(|(partition, _)| (*partition, Offset(0)))
            .collect();
        self.client().pause(&subscription::list(&self.topic, &waiting).map_err(failed)?).map_err(failed)
    }

    /// Begins to read a partition that was taken up without an offset.
    ///
    /// # Errors
    /// When the client library does not move there in time.
    pub fn begin(&self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        let failed = |error: KafkaError| self.failed("read", &error);
        let place = rdkafka::Offset::Offset(offset.0);
        self.client().seek(&self.topic, partition.0, place, SEEK_PATIENCE).map_err(failed)?;
        let one = subscription::list(&self.topic, &[(partition, offset)]).map_err(failed)?;
        self.client().resume(&one).map_err(failed)
    }

    /// Lets partitions go that were taken away.
    ///
    /// # Errors
    /// When the client library refuses that.
    pub fn give_up(&self, partitions: &[Partition]) -> Result<(), BrokerError> {
        let failed = |error: KafkaError| self.failed("read", &error);
        let gone: Vec<(Partition, Offset)> = partitions.iter().map(|partition| (*partition, Offset(0))).collect();
        match self.client().rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.client().incremental_unassign(&subscription::list(&self.topic, &gone).map_err(failed)?)
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.client().unassign(),
        }
        .map_err(failed)
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Does not wait for the answer.
    ///
    /// # Errors
    /// When the client library does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = subscription::list(&self.topic, positions);
        let committed = list.and_then(|list| self.client().commit(&list, CommitMode::Async));
        committed.map_err(|error| self.failed("commit positions of", &error))
    }

    /// The messages that are in our partitions and were not handed out yet, as of the last half second.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.client().context().lag.load(Relaxed)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        client.context().is_leaving.store(true, Relaxed);
        // Leaving a group takes an answer of the broker; nobody need wait for it.
        std::thread::spawn(move || drop(client));
    }
}

impl Member {
    fn next_change<'a>(&self) -> Option<Turn<'a>> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.pop_front().map(|change| match change {
            Change::Assigned(partitions) => Turn::Assigned(partitions),
            Change::Revoked(partitions) => Turn::Revoked(partitions),
        })
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics) else { return };
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let lag =
            topic.partitions.values().map(|one| u64::try_from(one.hi_offset - one.app_offset.max(0)).unwrap_or(0));
        self.lag.store(lag.sum(), Relaxed);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // poll returns it as well.
        tracing::debug!(%error, reason, "client library");
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, client: &BaseConsumer<Self>, change: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.is_leaving.load(Relaxed) {
            let let_go = match client.rebalance_protocol() {
                RebalanceProtocol::Cooperative => client.incremental_unassign(partitions),
                RebalanceProtocol::Eager | RebalanceProtocol::None => client.unassign(),
            };
            if let Err(error) = let_go {
                tracing::debug!(%error, "leaving a group");
            }
            return;
        }
        let partitions = partitions.elements().iter().map(|one| Partition(one.partition())).collect();
        let change = match change {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(partitions),
            _ => Change::Revoked(partitions),
        };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// The part of librdkafka's statistics that is of use here.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: std::collections::BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: std::collections::BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    hi_offset: i64,
    app_offset: i64,
}
