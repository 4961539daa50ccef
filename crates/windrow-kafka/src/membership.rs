//! Reading as one of a group: the broker says which partitions are ours, and when they are no more.
//!
//! The positions come from the caller, as with a [`Subscription`](crate::Subscription). A change is handed out by
//! [`Membership::poll`], and holds only when the caller has answered it: what it still writes for a partition that is taken
//! away is written before another member may begin.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _, RebalanceProtocol};

use crate::reader::{self, Client, INQUIRY_EVERY, Reading, Turn, list};
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
#[derive(Debug)]
pub struct Membership {
    client: Client,
    reading: Reading,
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
        let client = Client::new(connection, topic, &settings)?;
        client.subscribe(&[topic]).map_err(|error| connection.refused(&error))?;
        Ok(Self { client, reading: Reading::new(connection, topic)? })
    }

    fn list(&self, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, BrokerError> {
        list(&self.reading.topic, positions).map_err(|error| self.reading.failed("read", &error))
    }

    /// Whether the group moves only the partitions that change.
    fn is_cooperative(&self) -> bool {
        matches!(self.client.rebalance_protocol(), RebalanceProtocol::Cooperative)
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
        if let Some(change) = self.client.context().next_change() {
            return Ok(Some(change));
        }
        match self.client.poll(timeout) {
            None => Ok(self.client.context().next_change()),
            polled => self.reading.turn(polled),
        }
    }

    /// Tells an outage; gives, every ten seconds, how the topic stands. Call it between polls; it never waits.
    pub fn look_after(&mut self) -> Option<TopicState> {
        self.reading.look(self.client.context(), INQUIRY_EVERY).and_then(|(state, _)| state.ok())
    }

    /// Begins to read partitions that were assigned, each from its offset on; those without one wait for
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// When the client library refuses them.
    pub fn take_up(&mut self, positions: &[(Partition, Option<Offset>)]) -> Result<(), BrokerError> {
        let known = |(partition, offset): &(Partition, Option<Offset>)| (*partition, offset.unwrap_or(Offset(0)));
        let all: Vec<(Partition, Offset)> = positions.iter().map(known).collect();
        all.iter().for_each(|(partition, offset)| self.reading.positions.set(*partition, *offset));
        let (assigned, client) = (self.list(&all)?, &self.client);
        let taken = if self.is_cooperative() { client.incremental_assign(&assigned) } else { client.assign(&assigned) };
        let waiting: Vec<_> = positions.iter().filter(|(_, offset)| offset.is_none()).map(known).collect();
        let waiting = self.list(&waiting)?;
        taken.and_then(|()| client.pause(&waiting)).map_err(|error| self.reading.failed("read", &error))
    }

    /// Begins to read a partition that was taken up without an offset.
    ///
    /// # Errors
    /// When the client library does not move there in time.
    pub fn begin(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        self.reading.positions.set(partition, offset);
        let (one, place) = (self.list(&[(partition, offset)])?, rdkafka::Offset::Offset(offset.0));
        let moved = self.client.seek(&self.reading.topic, partition.0, place, SEEK_PATIENCE);
        moved.and_then(|()| self.client.resume(&one)).map_err(|error| self.reading.failed("read", &error))
    }

    /// Goes on at another offset of a partition that the client library has stopped reading.
    fn go_on_at(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        let moved = if self.is_cooperative() {
            let one = self.list(&[(partition, offset)])?;
            self.client.incremental_unassign(&one).and_then(|()| self.client.incremental_assign(&one))
        } else {
            self.client.assign(&self.list(&self.reading.positions.all())?)
        };
        moved.map_err(|error| self.reading.failed("read", &error))
    }

    /// Lets partitions go that were taken away.
    ///
    /// # Errors
    /// When the client library refuses that.
    pub fn give_up(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.reading.positions.0.retain(|partition, _| !partitions.contains(partition));
        let gone: Vec<(Partition, Offset)> = partitions.iter().map(|partition| (*partition, Offset(0))).collect();
        let gone = self.list(&gone)?;
        let given =
            if self.is_cooperative() { self.client.incremental_unassign(&gone) } else { self.client.unassign() };
        given.map_err(|error| self.reading.failed("read", &error))
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Does not wait for the answer.
    ///
    /// # Errors
    /// When the client library does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = list(&self.reading.topic, positions);
        let committed = list.and_then(|list| self.client.commit(&list, CommitMode::Async));
        committed.map_err(|error| self.reading.failed("commit positions of", &error))
    }

    /// The messages that are in our partitions and were not handed out yet, as of the last half second; `None` while that
    /// cannot be known.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.client.context().lag(&self.reading.positions)
    }
}
