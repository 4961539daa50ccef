//! A reader that is a member of a group. The broker assigns partitions to it and revokes them.
//!
//! The positions come from the caller, as for a [`Subscription`](crate::Subscription). [`Membership::poll`] returns
//! each change of the assignment. A change takes effect only when the caller answers it. So the caller can finish the
//! writes for a revoked partition before another member begins with it.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer as _, RebalanceProtocol};

use crate::reader::{self, Client, PollEvent, ReaderState, TOPIC_STATE_INTERVAL, list};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_record::{Offset, Partition};

/// Settings that a user can override, in addition to those of every reader.
const DEFAULTS: &[(&str, &str)] = &[
    // Only the partitions that move are revoked; the others are read without a pause. Every member must use the same
    // strategy.
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("heartbeat.interval.ms", "1000"),
];
/// The time limit to move a reader to its position.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);

/// One member of a group that reads one topic.
#[derive(Debug)]
pub struct Membership {
    client: Client,
    reading: ReaderState,
}

impl Membership {
    /// Joins a group. The connection is made in the background, and again after it is lost.
    ///
    /// # Errors
    /// The client library rejects the connection's properties.
    pub fn join(connection: &Connection, topic: &str, group: &str) -> Result<Self, BrokerError> {
        let defaults = [reader::DEFAULTS, DEFAULTS].concat();
        let mut settings = connection.settings(&defaults, reader::FIXED);
        settings.set("group.id", group);
        let client = Client::new(connection, topic, &settings)?;
        client.subscribe(&[topic]).map_err(|error| connection.refused(&error))?;
        Ok(Self { client, reading: ReaderState::new(connection, topic)? })
    }

    fn list(&self, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, BrokerError> {
        list(&self.reading.topic, positions).map_err(|error| self.reading.failed("read", &error))
    }

    /// Returns true if the group moves only the partitions that change.
    fn is_cooperative(&self) -> bool {
        matches!(self.client.rebalance_protocol(), RebalanceProtocol::Cooperative)
    }

    /// Returns the next message or change, or `None` if none arrived within `timeout`. Waits out an outage of the
    /// broker. Reports messages that the broker has deleted, and continues after them.
    ///
    /// # Errors
    /// An error that waiting does not resolve.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<PollEvent<'_>>, BrokerError> {
        if let Some(deleted) = self.reading.find_deleted()? {
            self.seek(deleted.partition, deleted.low)?;
            return Ok(Some(PollEvent::Deleted(deleted)));
        }
        if let Some(change) = self.client.context().next_change() {
            return Ok(Some(change));
        }
        match self.client.poll(timeout) {
            None => Ok(self.client.context().next_change()),
            polled => self.reading.poll_event(polled),
        }
    }

    /// Logs an outage. Returns the state of the topic every ten seconds. Call it between polls; it never blocks.
    pub fn check_topic(&mut self) -> Option<TopicState> {
        self.reading.check_topic(self.client.context(), TOPIC_STATE_INTERVAL).and_then(|(state, _)| state.ok())
    }

    /// Begins to read assigned partitions, each from its offset. A partition without an offset waits for
    /// [`start_partition`](Self::start_partition).
    ///
    /// # Errors
    /// The client library rejects the assignment.
    pub fn start_reading(&mut self, positions: &[(Partition, Option<Offset>)]) -> Result<(), BrokerError> {
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
    /// The client library does not move to the offset in time.
    pub fn start_partition(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        self.reading.positions.set(partition, offset);
        let (one, seek_offset) = (self.list(&[(partition, offset)])?, rdkafka::Offset::Offset(offset.0));
        let moved = self.client.seek(&self.reading.topic, partition.0, seek_offset, SEEK_TIMEOUT);
        moved.and_then(|()| self.client.resume(&one)).map_err(|error| self.reading.failed("read", &error))
    }

    /// Continues at another offset of a partition that the client library has stopped reading.
    fn seek(&mut self, partition: Partition, offset: Offset) -> Result<(), BrokerError> {
        let moved = if self.is_cooperative() {
            let one = self.list(&[(partition, offset)])?;
            self.client.incremental_unassign(&one).and_then(|()| self.client.incremental_assign(&one))
        } else {
            self.client.assign(&self.list(&self.reading.positions.all())?)
        };
        moved.map_err(|error| self.reading.failed("read", &error))
    }

    /// Gives up revoked partitions.
    ///
    /// # Errors
    /// The client library rejects the change.
    pub fn stop_reading(&mut self, partitions: &[Partition]) -> Result<(), BrokerError> {
        self.reading.positions.0.retain(|partition, _| !partitions.contains(partition));
        let gone: Vec<(Partition, Offset)> = partitions.iter().map(|partition| (*partition, Offset(0))).collect();
        let gone = self.list(&gone)?;
        let left = if self.is_cooperative() { self.client.incremental_unassign(&gone) } else { self.client.unassign() };
        left.map_err(|error| self.reading.failed("read", &error))
    }

    /// Commits the next offsets to read under the group's name, for other programs. Does not wait for the answer.
    ///
    /// # Errors
    /// The client library does not accept the positions.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = list(&self.reading.topic, positions);
        let committed = list.and_then(|list| self.client.commit(&list, CommitMode::Async));
        committed.map_err(|error| self.reading.failed("commit positions of", &error))
    }

    /// The number of messages in each assigned partition that were not returned yet, at most half a second old. `None`
    /// if it is not known.
    #[must_use]
    pub fn lags(&self) -> Vec<(Partition, Option<u64>)> {
        self.client.context().lags(&self.reading.positions)
    }
}
