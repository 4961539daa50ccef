//! Reads a topic from given positions.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use crate::commits::{CommitOrder, Commits};
use crate::reader::{self, Client, DEFAULTS, FIXED, PollEvent, ReaderState, TOPIC_STATE_INTERVAL};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_record::{Offset, Partition};

/// The name of a commit in errors.
const COMMIT_ACTION: &str = "commit positions of";

/// A reader of the assigned partitions of one topic. Its read-ahead is limited to about 30 MiB.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    commits: Commits,
    group: String,
    reading: ReaderState,
    is_missing: bool,
}

impl Subscription {
    /// Prepares to read each partition from the given offset. The connection is made in the background, and again after
    /// it is lost. Positions are committed under the name `group`, unless the connection's properties name another
    /// group.
    ///
    /// # Errors
    /// The client library rejects the connection's properties.
    pub fn assign(
        connection: &Connection,
        topic: &str,
        group: &str,
        positions: &[(Partition, Offset)],
    ) -> Result<Self, BrokerError> {
        let mut reading = ReaderState::new(connection, topic)?;
        positions.iter().for_each(|(partition, offset)| reading.positions.set(*partition, *offset));
        let (client, group) = (client(&reading, group)?, group.to_owned());
        Ok(Self { client, commits: Commits::of(topic), group, reading, is_missing: false })
    }

    /// Returns the next message, in the order of its partition, or `None` if none arrived within `timeout`. Waits out
    /// an outage of the broker. Reports messages that the broker has deleted, and continues after them.
    ///
    /// # Errors
    /// An error that waiting does not resolve: the topic or the offset does not exist, or the broker denies access.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<PollEvent<'_>>, BrokerError> {
        if let Some(deleted) = self.reading.find_deleted()? {
            self.restart()?;
            return Ok(Some(PollEvent::Deleted(deleted)));
        }
        self.reading.poll_event(self.client.poll(timeout))
    }

    /// Reads another partition too, from an offset.
    ///
    /// # Errors
    /// The client library rejects the connection's properties.
    pub fn add(&mut self, partition: Partition, from: Offset) -> Result<(), BrokerError> {
        self.reading.positions.set(partition, from);
        self.restart()
    }

    fn restart(&mut self) -> Result<(), BrokerError> {
        self.client = client(&self.reading, &self.group)?;
        Ok(())
    }

    /// Logs an outage. Returns the state of the topic every ten seconds. Call it between polls; it never blocks.
    ///
    /// # Errors
    /// The topic no longer exists, or was replaced by another one.
    pub fn check_topic(&mut self) -> Result<Option<TopicState>, BrokerError> {
        self.inquire(TOPIC_STATE_INTERVAL)
    }

    /// Returns true if all partitions have been read to their ends, and a new answer of the broker confirms these ends.
    /// Call it repeatedly until it does; it never blocks.
    ///
    /// # Errors
    /// The same as [`check_topic`](Self::check_topic).
    pub fn has_reached_end(&mut self) -> Result<bool, BrokerError> {
        let fresh = self.inquire(Duration::ZERO)?;
        Ok(fresh.is_some_and(|fresh| self.client.context().are_at_end(&self.reading.positions, &fresh)))
    }

    /// Returns the partitions that have reached their end since the last call. More messages may have been read since
    /// then.
    pub fn take_ends(&mut self) -> Vec<Partition> {
        std::mem::take(&mut self.reading.ends)
    }

    /// Returns true if the broker has reported that a partition has no more messages than were read.
    #[must_use]
    pub fn is_at_end(&self, partition: Partition) -> bool {
        self.reading.positions.is_at_end(partition)
    }

    fn inquire(&mut self, every: Duration) -> Result<Option<TopicState>, BrokerError> {
        let (state, positions) = match self.reading.check_topic(self.client.context(), every) {
            None => return Ok(None),
            Some((Ok(state), positions)) => (state, positions),
            // A topic that is being created, or whose broker has just started, may be unknown for a moment.
            Some((Err(error @ BrokerError::NoSuchTopic { .. }), _)) if self.is_missing => return Err(error),
            Some((Err(error), _)) => {
                self.is_missing = matches!(error, BrokerError::NoSuchTopic { .. });
                return Ok(None);
            }
        };
        self.is_missing = false;
        for (partition, wanted) in positions {
            let found = state.partitions.iter().find(|state| state.partition == partition);
            let end = found.map_or(Offset(0), |state| state.high);
            if wanted > end {
                let ReaderState { connection, topic, .. } = &self.reading;
                let (topic, address) = (topic.clone(), connection.address().to_owned());
                return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end: Some(end) });
            }
        }
        Ok(Some(state))
    }

    /// The number of messages in each assigned partition that were not returned yet, at most half a second old. `None`
    /// if it is not known. Sends no request to the broker.
    #[must_use]
    pub fn lags(&self) -> Vec<(Partition, Option<u64>)> {
        self.client.context().lags(&self.reading.positions)
    }

    /// Commits the next offsets to read under the group's name, for other programs. Does not wait for the broker's
    /// answer.
    ///
    /// # Errors
    /// The positions cannot be passed to the client library.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = reader::list(&self.reading.topic, positions);
        list.map_err(|error| self.reading.failed(COMMIT_ACTION, &error))?;
        let client = Arc::clone(&self.client);
        self.commits.order(CommitOrder { client, positions: positions.to_vec(), answer: None });
        Ok(())
    }

    /// Commits positions for the last time: waits for the answer, but no longer than `timeout`.
    ///
    /// # Errors
    /// The broker rejects the positions. A missing answer is not an error.
    pub fn commit_last(&self, positions: &[(Partition, Offset)], timeout: Duration) -> Result<(), BrokerError> {
        let (answer, question) = channel();
        let client = Arc::clone(&self.client);
        self.commits.order(CommitOrder { client, positions: positions.to_vec(), answer: Some(answer) });
        let committed = question.recv_timeout(timeout).unwrap_or(Ok(()));
        committed.map_err(|error| self.reading.failed(COMMIT_ACTION, &error))
    }
}

fn client(reading: &ReaderState, group: &str) -> Result<Client, BrokerError> {
    let ReaderState { connection, topic, positions, .. } = reading;
    let settings = connection.settings(&[DEFAULTS, &[("group.id", group)]].concat(), FIXED);
    let client = Client::new(connection, topic, &settings)?;
    let assigned = reader::list(topic, &positions.all()).and_then(|list| client.assign(&list));
    assigned.map(|()| client).map_err(|error| connection.refused(&error))
}
