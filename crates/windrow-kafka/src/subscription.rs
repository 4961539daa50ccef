//! Reads a topic from given positions on.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use crate::commits::{Commits, Order};
use crate::reader::{self, Client, DEFAULTS, FIXED, INQUIRY_EVERY, Reading, Turn};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_record::{Offset, Partition};

/// What storing positions is called in errors.
const COMMIT: &str = "commit positions of";

/// Reads the assigned partitions of one topic. What it reads ahead is bounded to some 30 MiB.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    commits: Commits,
    group: String,
    reading: Reading,
    is_missing: bool,
}

impl Subscription {
    /// Prepares to read each partition from the given offset on; the connection is made in the background, and made
    /// again when it is lost. `group` is the name under which positions are committed, unless the connection's properties
    /// name another.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn assign(
        connection: &Connection,
        topic: &str,
        group: &str,
        positions: &[(Partition, Offset)],
    ) -> Result<Self, BrokerError> {
        let mut reading = Reading::new(connection, topic)?;
        positions.iter().for_each(|(partition, offset)| reading.positions.set(*partition, *offset));
        let (client, group) = (client(connection, topic, group, positions)?, group.to_owned());
        Ok(Self { client, commits: Commits::of(topic), group, reading, is_missing: false })
    }

    /// The next message, in the order of its partition; `None` when none came in this time. A broker that is away is
    /// waited out. Messages that the broker has deleted are reported, and reading goes on behind them.
    ///
    /// # Errors
    /// What waiting does not mend: the topic or the offset is not there, or the broker does not let us read.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Turn<'_>>, BrokerError> {
        if let Some(deleted) = self.reading.find_deleted()? {
            self.restart()?;
            return Ok(Some(Turn::Deleted(deleted)));
        }
        self.reading.turn(self.client.poll(timeout))
    }

    /// Reads a further partition, from an offset on.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn add(&mut self, partition: Partition, from: Offset) -> Result<(), BrokerError> {
        self.reading.positions.set(partition, from);
        self.restart()
    }

    fn restart(&mut self) -> Result<(), BrokerError> {
        let Reading { connection, topic, positions, .. } = &self.reading;
        self.client = client(connection, topic, &self.group, &positions.all())?;
        Ok(())
    }

    /// Tells an outage; gives, every ten seconds, how the topic stands. Call it between polls; it never waits.
    ///
    /// # Errors
    /// The topic is not there any more, or is another one.
    pub fn look_after(&mut self) -> Result<Option<TopicState>, BrokerError> {
        self.inquire(INQUIRY_EVERY)
    }

    /// Whether the broker says, by what it handed out and when it is asked again, that all partitions have been read to their
    /// ends. Call it again until it does; it never waits.
    ///
    /// # Errors
    /// As [`look_after`](Self::look_after).
    pub fn is_through(&mut self) -> Result<bool, BrokerError> {
        let fresh = self.inquire(Duration::ZERO)?;
        Ok(fresh.is_some_and(|fresh| self.client.context().are_at_end(&self.reading.positions, &fresh)))
    }

    /// The partitions of which the broker has said, since the last call, that they have no more than was handed out then.
    pub fn take_ends(&mut self) -> Vec<Partition> {
        std::mem::take(&mut self.reading.ends)
    }

    /// Whether the broker has said that a partition has no more than was read.
    #[must_use]
    pub fn is_at_end(&self, partition: Partition) -> bool {
        self.reading.positions.is_at_end(partition)
    }

    fn inquire(&mut self, every: Duration) -> Result<Option<TopicState>, BrokerError> {
        let (state, positions) = match self.reading.look(self.client.context(), every) {
            None => return Ok(None),
            Some((Ok(state), positions)) => (state, positions),
            // A topic that is just being made, or whose broker has just come up, may not be known for a moment.
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
                let Reading { connection, topic, .. } = &self.reading;
                let (topic, address) = (topic.clone(), connection.address().to_owned());
                return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end: Some(end) });
            }
        }
        Ok(Some(state))
    }

    /// The messages that are in the assigned partitions and were not handed out yet, as of the last half second; `None`
    /// while that cannot be known. Costs no question to the broker.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.client.context().lag(&self.reading.positions)
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Does not wait for the broker's
    /// answer, which the client library keeps for itself.
    ///
    /// # Errors
    /// When the client library does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = reader::list(&self.reading.topic, positions);
        list.map_err(|error| self.reading.failed(COMMIT, &error))?;
        let client = Arc::clone(&self.client);
        self.commits.order(Order { client, positions: positions.to_vec(), answer: None });
        Ok(())
    }

    /// The same for the last time: waits for the answer, but no longer than it has patience.
    ///
    /// # Errors
    /// When the broker does not take them. Not that it does not answer in time.
    pub fn commit_last(&self, positions: &[(Partition, Offset)], patience: Duration) -> Result<(), BrokerError> {
        let (answer, question) = channel();
        let client = Arc::clone(&self.client);
        self.commits.order(Order { client, positions: positions.to_vec(), answer: Some(answer) });
        let committed = question.recv_timeout(patience).unwrap_or(Ok(()));
        committed.map_err(|error| self.reading.failed(COMMIT, &error))
    }
}

fn client(
    connection: &Connection,
    topic: &str,
    group: &str,
    positions: &[(Partition, Offset)],
) -> Result<Client, BrokerError> {
    let settings = connection.settings(&[DEFAULTS, &[("group.id", group)]].concat(), FIXED);
    let client = Client::new(connection, topic, &settings)?;
    let assigned = reader::list(topic, positions).and_then(|list| client.assign(&list));
    assigned.map(|()| client).map_err(|error| connection.refused(&error))
}
