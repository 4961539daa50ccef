//! Reads a topic from given positions on.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

use crate::broker::observer::{Inquiry, Observer};
use crate::broker::reader::{self, Context, DEFAULTS, Deleted, Delivery, FIXED, Outage, Positions, Turn, Verdict};
use crate::broker::{BrokerError, Connection, TopicState, topics};
use crate::record::{Offset, Partition};

/// How often the broker is asked how the topic stands.
const INQUIRY_EVERY: Duration = Duration::from_secs(10);

/// Reads the assigned partitions of one topic. What it reads ahead is bounded to some 30 MiB.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    connection: Connection,
    topic: String,
    group: String,
    positions: Positions,
    outage: Outage,
    observer: Observer,
    inquiry: Inquiry,
    is_missing: bool,
    /// Partitions whose ends the broker has told since they were asked for.
    ends: Vec<Partition>,
    /// The broker does not have an offset at which reading goes on; the library does not say of which partition.
    is_out_of_range: bool,
}

/// A client that is given up without waiting for it: that can take long, and nobody need wait.
struct Client(Option<Arc<BaseConsumer<Context>>>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(self.get().context()).finish()
    }
}

impl Client {
    fn get(&self) -> &Arc<BaseConsumer<Context>> {
        let Some(client) = &self.0 else { unreachable!("it is there until it is dropped") };
        client
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let client = self.0.take();
        std::thread::spawn(move || drop(client));
    }
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
        let observer = Observer::new(connection)?;
        let mut known = Positions::default();
        positions.iter().for_each(|(partition, offset)| known.set(*partition, *offset));
        Ok(Self {
            client: client(connection, topic, group, positions)?,
            connection: connection.clone(),
            topic: topic.to_owned(),
            group: group.to_owned(),
            positions: known,
            outage: Outage::default(),
            inquiry: Inquiry::new(observer.clone(), topic),
            observer,
            is_missing: false,
            ends: Vec::new(),
            is_out_of_range: false,
        })
    }

    /// The next message, in the order of its partition; `None` when none came in this time. A broker that is away is
    /// waited out. Messages that the broker has deleted are told, and reading goes on behind them.
    ///
    /// # Errors
    /// What waiting does not mend: the topic or the offset is not there, or the broker does not let us read.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Turn<'_>>, BrokerError> {
        if self.is_out_of_range
            && let Some(deleted) = self.find_deleted()?
        {
            self.positions.set(deleted.partition, deleted.low);
            self.restart()?;
            return Ok(Some(Turn::Deleted(deleted)));
        }
        let error = match self.client.get().poll(timeout) {
            None => return Ok(None),
            Some(Err(error)) => error,
            Some(Ok(message)) => {
                let partition = Partition(message.partition());
                self.positions.set(partition, Offset(message.offset()).next());
                self.outage.heard(partition, &self.topic, &self.connection);
                return Ok(Some(Turn::Message(Delivery::of(message))));
            }
        };
        match reader::judge(&error, &self.topic, self.connection.address()) {
            Verdict::Passing => Ok(None),
            Verdict::AtEnd(partition) => {
                if self.positions.at_end(partition) {
                    self.ends.push(partition);
                }
                Ok(None)
            }
            Verdict::Final(error) => Err(error),
            Verdict::OutOfRange => {
                self.is_out_of_range = true;
                Ok(None)
            }
        }
    }

    fn find_deleted(&mut self) -> Result<Option<Deleted>, BrokerError> {
        match self.positions.out_of_range(&self.observer, &self.topic, self.connection.address()) {
            // Asked again with the next poll.
            Err(BrokerError::NoLeader { .. } | BrokerError::Unreachable { .. }) => Ok(None),
            found => {
                self.is_out_of_range = false;
                found
            }
        }
    }

    /// Reads a further partition, from an offset on.
    ///
    /// # Errors
    /// When the client library refuses the connection's properties.
    pub fn add(&mut self, partition: Partition, from: Offset) -> Result<(), BrokerError> {
        self.positions.set(partition, from);
        self.restart()
    }

    fn restart(&mut self) -> Result<(), BrokerError> {
        self.client = client(&self.connection, &self.topic, &self.group, &self.positions.all())?;
        Ok(())
    }

    /// Tells an outage; gives, every ten seconds, how the topic stands. Call it between polls; it never waits.
    ///
    /// # Errors
    /// The topic is not there any more, or is another one.
    pub fn look_after(&mut self) -> Result<Option<TopicState>, BrokerError> {
        self.inquire(INQUIRY_EVERY)
    }

    /// Whether the broker says, by what it handed out and when it is asked anew, that all partitions have been read to their
    /// ends. Call it again until it does; it never waits.
    ///
    /// # Errors
    /// As [`look_after`](Self::look_after).
    pub fn is_through(&mut self) -> Result<bool, BrokerError> {
        let fresh = self.inquire(Duration::ZERO)?;
        Ok(fresh.is_some_and(|fresh| self.client.get().context().are_at_end(&self.positions, &fresh)))
    }

    /// The partitions of which the broker has said, since the last call, that they have no more than was handed out then.
    pub fn take_ends(&mut self) -> Vec<Partition> {
        std::mem::take(&mut self.ends)
    }

    /// Whether the broker has said that a partition has no more than was read.
    #[must_use]
    pub fn is_at_end(&self, partition: Partition) -> bool {
        self.positions.is_at_end(partition)
    }

    fn inquire(&mut self, every: Duration) -> Result<Option<TopicState>, BrokerError> {
        self.outage.look(self.client.get().context(), &self.positions, &self.connection);
        let (state, positions) = match self.inquiry.look(every, &self.positions) {
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
                let (topic, address) = (self.topic.clone(), self.connection.address().to_owned());
                return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end: Some(end) });
            }
        }
        Ok(Some(state))
    }

    /// The messages that are in the assigned partitions and were not handed out yet, as of the last half second; `None`
    /// while that cannot be known. Costs no question to the broker.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.client.get().context().lag(&self.positions)
    }

    /// Stores the next offsets to read under the group's name, for other programs to see. Does not wait for the broker's
    /// answer, which the client library keeps for itself.
    ///
    /// # Errors
    /// When the client library does not take them.
    pub fn commit(&self, positions: &[(Partition, Offset)]) -> Result<(), BrokerError> {
        let list = reader::list(&self.topic, positions);
        let committed = list.and_then(|list| self.client.get().commit(&list, CommitMode::Async));
        committed.map_err(|error| uncommitted(&self.topic, self.connection.address(), &error))
    }

    /// The same for the last time: waits for the answer, but no longer than it has patience.
    ///
    /// # Errors
    /// When the broker does not take them. Not that it does not answer in time.
    pub fn commit_last(&self, positions: &[(Partition, Offset)], patience: Duration) -> Result<(), BrokerError> {
        let (topic, address) = (self.topic.clone(), self.connection.address().to_owned());
        let last = reader::list(&topic, positions).map_err(|error| uncommitted(&topic, &address, &error))?;
        let (answer, question) = channel();
        let client = Arc::clone(self.client.get());
        std::thread::spawn(move || {
            let committed = client.commit(&last, CommitMode::Sync);
            // Whoever asked may have stopped waiting.
            let _ = answer.send(committed.map_err(|error| uncommitted(&topic, &address, &error)));
        });
        question.recv_timeout(patience).unwrap_or(Ok(()))
    }
}

fn client(
    connection: &Connection,
    topic: &str,
    group: &str,
    positions: &[(Partition, Offset)],
) -> Result<Client, BrokerError> {
    let settings = connection.settings(&[DEFAULTS, &[("group.id", group)]].concat(), FIXED);
    let refused = |error: KafkaError| connection.refused(&error);
    let client = BaseConsumer::from_config_and_context(&settings, Context::new(topic)).map_err(refused)?;
    client.assign(&reader::list(topic, positions).map_err(refused)?).map_err(refused)?;
    Ok(Client(Some(Arc::new(client))))
}

fn uncommitted(topic: &str, address: &str, error: &KafkaError) -> BrokerError {
    BrokerError::Topic {
        action: "commit positions of",
        topic: topic.to_owned(),
        address: address.to_owned(),
        reason: topics::reason(error),
    }
}
