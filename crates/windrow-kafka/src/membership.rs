//! Reading as one of a group: the broker says which partitions are ours, and when they are no more.
//!
//! The positions come from the caller, as with a [`Subscription`](crate::Subscription). A change is handed out by
//! [`Membership::poll`], and holds only when the caller has answered it: what it still writes for a partition that is taken
//! away is written before another member may begin.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

use crate::reader::{self, Context, Delivery, INQUIRY_EVERY, Reading, Turn, list};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_record::{Offset, Partition};

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
    client: Option<BaseConsumer<Context>>,
    reading: Reading,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl Membership {
    /// Joins a group; the connection is made in the background, and made again when it is lost.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn join(connection: &Connection, topic: &str, group: &str) -> Result<Self, BrokerError> {
        let defaults = [reader::DEFAULTS, DEFAULTS].concat();
        let mut settings = connection.settings(&defaults, reader::FIXED);
        settings.set("group.id", group);
        let refused = |error: KafkaError| connection.refused(&error);
        let client = BaseConsumer::from_config_and_context(&settings, Context::new(topic)).map_err(refused)?;
        client.subscribe(&[topic]).map_err(refused)?;
        Ok(Self { client: Some(client), reading: Reading::new(connection, topic)? })
    }

    fn client(&self) -> &BaseConsumer<Context> {
        let Some(client) = &self.client else { unreachable!("it is there until the membership is dropped") };
        client
    }

    /// The next message or change; `None` when none came in this time. A broker that is away is waited out. Messages that
    /// the broker has deleted are reported, and reading goes on behind them.
    ///
    /// # Errors
    /// What waiting does not mend.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Turn<'_>>, BrokerError> {
        if let Some(deleted) = self.reading.find_deleted()? {
            self.go_on_at(deleted.partition, deleted.low)?;
            return Ok(Some(Turn::Deleted(deleted)));
        }
        let Some(client) = &self.client else { unreachable!("it is there until the membership is dropped") };
        if let Some(change) = client.context().next_change() {
            return Ok(Some(change));
        }
        match client.poll(timeout) {
            None => Ok(client.context().next_change()),
            Some(Err(error)) => self.reading.note(&error).map(|()| None),
            Some(Ok(message)) => {
                self.reading.hand_out(Partition(message.partition()), Offset(message.offset()));
                Ok(Some(Turn::Message(Delivery::of(message))))
            }
        }
    }

    /// Tells an outage; gives, every ten seconds, how the topic stands. Call it between polls; it never waits.
    pub fn look_after(&mut self) -> Option<TopicState> {
        let Some(client) = &self.client else { unreachable!("it is there until the membership is dropped") };
        self.reading.look(client.context(), INQUIRY_EVERY).and_then(|(state, _)| state.ok())
    }

    /// Begins to read partitions that were assigned, each from its offset on; those without one wait for
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// When the client library refuses them.
    pub fn take_up(&mut self, positions: &[(Partition, Option<Offset>)]) -> Result<(), BrokerError> {
        for (partition, offset) in positions {
            self.reading.positions.set(*partition, offset.unwrap_or(Offset(0)));
        }
        let failed = |error: KafkaError| self.reading.failed("read", &error);
        let known: Vec<(Partition, Offset)> =
            positions.iter().map(|(partition, offset)| (*partition, offset.unwrap_or(Offset(0)))).collect();
        let assigned = list(&self.reading.topic, &known).map_err(failed)?;
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
        self.client().pause(&list(&self.reading.topic, &waiting).map_err(failed)?).map_err(failed)
    }

    /// Begins to read a partition that was taken up without an offset.
    ///
    /// # Errors
    /// When the client library does not move there in time.
    pub fn begin(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        self.reading.positions.set(partition, offset);
        let failed = |error: KafkaError| self.reading.failed("read", &error);
        let place = rdkafka::Offset::Offset(offset.0);
        self.client().seek(&self.reading.topic, partition.0, place, SEEK_PATIENCE).map_err(failed)?;
        let one = list(&self.reading.topic, &[(partition, offset)]).map_err(failed)?;
        self.client().resume(&one).map_err(failed)
    }

    /// Goes on at another offset of a partition that the client library has stopped reading.
    fn go_on_at(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        let failed = |error: KafkaError| self.reading.failed("read", &error);
        match self.client().rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                let one = list(&self.reading.topic, &[(partition, offset)]).map_err(failed)?;
                self.client().incremental_unassign(&one).and_then(|()| self.client().incremental_assign(&one))
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => {
                self.client().assign(&list(&self.reading.topic, &self.reading.positions.all()).map_err(failed)?)
            }
        }
        .map_err(failed)
    }

    /// Lets partitions go that were taken away.
    ///
    /// # Errors
    /// When the client library refuses that.
    pub fn give_up(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        partitions.iter().for_each(|partition| self.reading.positions.remove(*partition));
        let failed = |error: KafkaError| self.reading.failed("read", &error);
        let gone: Vec<(Partition, Offset)> = partitions.iter().map(|partition| (*partition, Offset(0))).collect();
        match self.client().rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.client().incremental_unassign(&list(&self.reading.topic, &gone).map_err(failed)?)
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
        let list = list(&self.reading.topic, positions);
        let committed = list.and_then(|list| self.client().commit(&list, CommitMode::Async));
        committed.map_err(|error| self.reading.failed("commit positions of", &error))
    }

    /// The messages that are in our partitions and were not handed out yet, as of the last half second; `None` while that
    /// cannot be known.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.client().context().lag(&self.reading.positions)
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
