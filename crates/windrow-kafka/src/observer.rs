//! Asks a broker for the state of a topic, with a client of its own, so that waiting readers do not delay the answer.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::connection::LoggingContext;
use crate::error::reason;
use crate::error_class::{ErrorClass, classify};
use crate::positions::{Deleted, Positions};
use crate::refusal::refusal;
use crate::state::{PartitionState, TopicState};
use crate::{BrokerError, Connection, probe};
use windrow_record::{Offset, Partition};

/// The time limit for a broker to answer one question.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that reads nothing. Unlike a producer, it never makes a broker create the topic that it asks about.
#[derive(Clone)]
pub(super) struct Observer {
    client: Arc<BaseConsumer<LoggingContext>>,
    connection: Connection,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Settings that a user can override. The library looks for a broker to connect to each time that half of this backoff
/// has passed, so its default of 100 ms makes each start wait for up to 50 ms.
const DEFAULTS: &[(&str, &str)] = &[("reconnect.backoff.ms", "20")];

impl Observer {
    pub(super) fn new(connection: &Connection) -> Result<Self, BrokerError> {
        let settings = connection.settings(DEFAULTS, &[("allow.auto.create.topics", "false")]);
        let client = BaseConsumer::from_config_and_context(&settings, LoggingContext);
        let client = client.map_err(|error| connection.refused(&error))?;
        Ok(Self { client: Arc::new(client), connection: connection.clone() })
    }

    /// Returns the partitions of a topic with the node that leads each, or `None` if the topic does not exist. Blocks.
    pub(super) fn leaders(&self, topic: &str, timeout: Duration) -> Result<Option<Vec<(Partition, i32)>>, BrokerError> {
        let connection = &self.connection;
        let silent = |_: KafkaError| refusal(connection).unwrap_or_else(|| probe::unreachable(connection, timeout));
        let metadata = self.client.fetch_metadata(Some(topic), timeout).map_err(silent)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Ok(None),
            Some(error) => return Err(connection.failed("describe", topic, &KafkaError::MetadataFetch(error))),
        }
        let leaders = found.partitions().iter().map(|partition| (Partition(partition.id()), partition.leader()));
        let mut leaders: Vec<(Partition, i32)> = leaders.collect();
        leaders.sort();
        Ok(Some(leaders))
    }

    /// Returns the first offset of a partition that can be read, and the offset that its next message will have.
    /// Blocks.
    pub(super) fn bounds(&self, topic: &str, partition: Partition) -> Result<(Offset, Offset), BrokerError> {
        let bounds = self.client.fetch_watermarks(topic, partition.0, REQUEST_TIMEOUT);
        let (low, high) = bounds.map_err(|error| match classify(&error, topic, &self.connection) {
            ErrorClass::Fatal(error) => error,
            _ => {
                let (topic, address) = (topic.to_owned(), self.connection.address().to_owned());
                let (reason, waited) = (reason(&error), REQUEST_TIMEOUT);
                BrokerError::NoLeader { topic, address, partition, reason, waited }
            }
        })?;
        Ok((Offset(low), Offset(high)))
    }

    /// Returns the offsets of all partitions of a topic. Blocks.
    pub(super) fn state(&self, topic: &str) -> Result<TopicState, BrokerError> {
        let leaders = self.leaders(topic, REQUEST_TIMEOUT)?.ok_or_else(|| self.connection.no_such_topic(topic))?;
        let mut partitions = Vec::with_capacity(leaders.len());
        for (partition, _) in leaders {
            let (low, high) = self.bounds(topic, partition)?;
            partitions.push(PartitionState { partition, low, high });
        }
        Ok(TopicState { partitions })
    }

    /// Checks the positions with the broker. Returns the deleted messages of the first partition whose position is too
    /// low.
    ///
    /// # Errors
    /// [`BrokerError::OutOfRange`] if a position is after the end of its partition.
    pub(super) fn out_of_range(&self, topic: &str, positions: &Positions) -> Result<Option<Deleted>, BrokerError> {
        for (partition, wanted) in positions.all() {
            let (low, high) = self.bounds(topic, partition)?;
            if wanted < low {
                return Ok(Some(Deleted { partition, wanted, low }));
            }
            if wanted > high {
                let (topic, address) = (topic.to_owned(), self.connection.address().to_owned());
                return Err(BrokerError::OutOfRange { topic, address, partition, wanted, end: Some(high) });
            }
        }
        Ok(None)
    }
}

/// Asks repeatedly for the state of a topic, one question at a time, each on its own thread.
#[derive(Debug)]
pub(super) struct StatePoller {
    observer: Observer,
    topic: String,
    answered: Instant,
    /// The receiver of the answer that is waited for.
    question: Option<Receiver<StateAnswer>>,
}

/// An answer, and the reader's positions when it was asked for: the topic may have grown since.
pub(super) type StateAnswer = (Result<TopicState, BrokerError>, Vec<(Partition, Offset)>);

impl StatePoller {
    pub(super) fn new(observer: Observer, topic: &str) -> Self {
        Self { observer, topic: topic.to_owned(), answered: Instant::now(), question: None }
    }

    /// Returns the answer to the last question, if it has arrived. Asks the next question if `every` has passed since
    /// the last answer. Never blocks.
    pub(super) fn poll(&mut self, every: Duration, positions: &Positions) -> Option<StateAnswer> {
        let Some(question) = &self.question else {
            if self.answered.elapsed() >= every {
                self.question = Some(self.ask(positions.all()));
            }
            return None;
        };
        let answer = match question.try_recv() {
            Err(TryRecvError::Empty) => return None,
            answer => answer.ok(),
        };
        (self.answered, self.question) = (Instant::now(), None);
        answer
    }

    fn ask(&self, positions: Vec<(Partition, Offset)>) -> Receiver<StateAnswer> {
        let (answer, question) = channel();
        let (observer, topic) = (self.observer.clone(), self.topic.clone());
        std::thread::spawn(move || {
            // The receiver may have stopped waiting.
            let _ = answer.send((observer.state(&topic), positions));
        });
        question
    }
}
