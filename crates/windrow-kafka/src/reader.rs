//! The code that all readers of a topic share: settings, positions, errors, and the detection of outages.

mod delivery;
mod statistics;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use self::statistics::Statistics;
use crate::error::names;
use crate::error_class::{ErrorClass, classify};
use crate::observer::{Observer, StateAnswer, StatePoller};
use crate::positions::{Deleted, Position, Positions};
use crate::state::TopicState;
use crate::{BrokerError, Connection, connection};
use windrow_record::{Offset, Partition};

pub use self::delivery::Delivery;

/// Settings that a user can override.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    // Read-ahead: the library fetches more while fewer than 20,000 messages wait, and a response has at most 2 MiB,
    // compressed. For each message, the library also uses several hundred bytes of its own, which its limit in
    // kilobytes does not count.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "8192"),
    ("fetch.max.bytes", "2097152"),
    // The library's default pause of 1 s, each time that this much is waiting, would take most of the time.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    // The deletion of a topic is noticed within about this time while the topic is read.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("topic.metadata.propagation.max.ms", "10000"),
    // The time that a commit may wait for a broker.
    ("session.timeout.ms", "10000"),
    // The age of the reported lag, and the delay until an outage is noticed.
    ("statistics.interval.ms", "500"),
];

/// Settings that correctness depends on: only the caller sets positions, and the broker reports the end of a partition.
pub(super) const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("allow.auto.create.topics", "false"),
    ("enable.partition.eof", "true"),
];

/// The time after which an outage of a partition is reported.
const OUTAGE_WARNING_DELAY: Duration = Duration::from_secs(2);

/// The result of a poll.
#[derive(Debug)]
pub enum PollEvent<'a> {
    /// A message of the topic.
    Message(Delivery<'a>),
    /// Messages that can no longer be read. Reading continues after them.
    Deleted(Deleted),
    /// Partitions that the group has assigned to this member.
    Assigned(Vec<Partition>),
    /// Partitions that the group has revoked from this member.
    Revoked(Vec<Partition>),
}

pub(super) fn list(topic: &str, positions: &[(Partition, Offset)]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(topic, partition.0, rdkafka::Offset::Offset(offset.0))?;
    }
    Ok(list)
}

/// The state of a reader of one topic, for partitions that the caller chose or that a group assigned.
#[derive(Debug)]
pub(super) struct ReaderState {
    pub(super) connection: Connection,
    pub(super) topic: String,
    pub(super) positions: Positions,
    outage: Outage,
    observer: Observer,
    inquiry: StatePoller,
    /// Partitions whose end the broker has reported since the caller last asked.
    pub(super) ends: Vec<Partition>,
    /// True if the broker does not have an offset at which reading continues. The library does not report of which
    /// partition.
    is_out_of_range: bool,
}

impl ReaderState {
    pub(super) fn new(connection: &Connection, topic: &str) -> Result<Self, BrokerError> {
        let observer = Observer::new(connection)?;
        Ok(Self {
            connection: connection.clone(),
            topic: topic.to_owned(),
            positions: Positions::default(),
            outage: Outage::default(),
            inquiry: StatePoller::new(observer.clone(), topic),
            observer,
            ends: Vec::new(),
            is_out_of_range: false,
        })
    }

    /// Returns the turn that a poll of the client gives, or the error that ends reading. Moves the position past a
    /// message.
    pub(super) fn poll_event<'a>(&mut self, polled: Option<Polled<'a>>) -> Result<Option<PollEvent<'a>>, BrokerError> {
        match polled {
            None => Ok(None),
            Some(Ok(message)) => {
                let delivery = Delivery::of(message);
                self.positions.set(delivery.partition(), delivery.offset().next());
                self.outage.end_for(delivery.partition(), &self.topic, &self.connection);
                Ok(Some(PollEvent::Message(delivery)))
            }
            Some(Err(error)) => self.handle_error(&error).map(|()| None),
        }
    }

    /// Records the meaning of an error. Returns the error if it ends reading.
    fn handle_error(&mut self, error: &KafkaError) -> Result<(), BrokerError> {
        match classify(error, &self.topic, &self.connection) {
            ErrorClass::Transient => {}
            ErrorClass::AtEnd(partition) => {
                if self.positions.at_end(partition) {
                    self.ends.push(partition);
                }
            }
            ErrorClass::OutOfRange => self.is_out_of_range = true,
            ErrorClass::Fatal(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns the messages that the broker has deleted, if an offset was out of range. The position is then after
    /// them.
    pub(super) fn find_deleted(&mut self) -> Result<Option<Deleted>, BrokerError> {
        if !self.is_out_of_range {
            return Ok(None);
        }
        match self.observer.out_of_range(&self.topic, &self.positions) {
            // The next poll asks again.
            Err(BrokerError::NoLeader { .. } | BrokerError::Unreachable { .. }) => Ok(None),
            found => {
                self.is_out_of_range = false;
                if let Ok(Some(Deleted { partition, low, .. })) = &found {
                    self.positions.set(*partition, *low);
                }
                found
            }
        }
    }

    /// Logs an outage. Asks for the state of the topic once per interval, and returns the answer when it arrives.
    pub(super) fn check_topic(&mut self, context: &Context, every: Duration) -> Option<StateAnswer> {
        self.outage.check(context, &self.positions, &self.connection);
        self.inquiry.poll(every, &self.positions)
    }

    pub(super) fn failed(&self, action: &'static str, error: &KafkaError) -> BrokerError {
        self.connection.failed(action, &self.topic, error)
    }
}

type Polled<'a> = Result<BorrowedMessage<'a>, KafkaError>;

/// A client that is dropped on its own thread: leaving a broker or a group can take long, and the caller need not wait.
pub(super) struct Client(Option<Arc<BaseConsumer<Context>>>);

impl Client {
    pub(super) fn new(connection: &Connection, topic: &str, settings: &ClientConfig) -> Result<Self, BrokerError> {
        let client = BaseConsumer::from_config_and_context(settings, Context::new(topic));
        Ok(Self(Some(Arc::new(client.map_err(|error| connection.refused(&error))?))))
    }
}

impl Deref for Client {
    type Target = Arc<BaseConsumer<Context>>;

    fn deref(&self) -> &Self::Target {
        let Some(client) = &self.0 else { unreachable!("it is there until it is dropped") };
        client
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(self.context()).finish()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.context().is_leaving.store(true, Relaxed);
        let client = self.0.take();
        std::thread::spawn(move || drop(client));
    }
}

/// The receiver of the client library's callbacks.
#[derive(Debug)]
pub(super) struct Context {
    topic: String,
    statistics: Mutex<Statistics>,
    changes: Mutex<VecDeque<PollEvent<'static>>>,
    /// True while the client is being dropped. The caller then no longer answers a change of the assignment, so
    /// `rebalance` does.
    is_leaving: AtomicBool,
}

impl Context {
    fn new(topic: &str) -> Self {
        let topic = topic.to_owned();
        Self { topic, statistics: Mutex::default(), changes: Mutex::default(), is_leaving: AtomicBool::new(false) }
    }

    fn statistics(&self) -> MutexGuard<'_, Statistics> {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of messages in each of these partitions that were not returned yet, as of the last statistics. `None`
    /// if the end of a partition is not known or the partition is out of reach.
    pub(super) fn lags(&self, positions: &Positions) -> Vec<(Partition, Option<u64>)> {
        let statistics = self.statistics();
        let lag = |(partition, position): (&Partition, &Position)| {
            let high = statistics.reachable(*partition).and_then(|known| known.high);
            (*partition, high.map(|high| u64::try_from(high.0 - position.next.0).unwrap_or(0)))
        };
        positions.0.iter().map(lag).collect()
    }

    /// Returns true if each of these partitions was read to its end, and that end is still the current one in `fresh`.
    pub(super) fn are_at_end(&self, positions: &Positions, fresh: &TopicState) -> bool {
        let statistics = self.statistics();
        positions.0.iter().all(|(partition, position)| {
            let end = statistics.reachable(*partition).and_then(|known| known.end);
            let state = fresh.partitions.iter().find(|state| state.partition == *partition);
            position.is_at_end && state.is_some_and(|state| Some(state.high) == end)
        })
    }

    pub(super) fn next_change(&self) -> Option<PollEvent<'static>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match Statistics::parse(statistics, &self.topic) {
            Ok(statistics) => *self.statistics() = statistics,
            Err(error) => tracing::debug!(%error, "cannot read the statistics of the client library"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // `poll` returns this error as well.
        tracing::debug!(%error, reason, "client library");
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, client: &BaseConsumer<Self>, change: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.is_leaving.load(Relaxed) {
            let let_go = match client.rebalance_protocol() {
                RebalanceProtocol::Cooperative => client.incremental_unassign(partitions),
                RebalanceProtocol::Eager | RebalanceProtocol::None => client.unassign(),
            };
            if let Err(error) = let_go {
                tracing::debug!(%error, "cannot give up partitions while leaving a group");
            }
            return;
        }
        let partitions = partitions.elements().iter().map(|one| Partition(one.partition())).collect();
        let change = match change {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => PollEvent::Assigned(partitions),
            _ => PollEvent::Revoked(partitions),
        };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// The interval at which the broker is asked for the state of the topic.
pub(super) const TOPIC_STATE_INTERVAL: Duration = Duration::from_secs(10);

/// Logs an outage once after it has lasted for [`OUTAGE_WARNING_DELAY`], and once when it is over.
#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Instant>,
    reported: Vec<Partition>,
}

impl Outage {
    pub(super) fn check(&mut self, context: &Context, positions: &Positions, connection: &Connection) {
        let statistics = context.statistics();
        if statistics.is_empty() {
            return;
        }
        let is_away = |partition: &&Partition| statistics.reachable(**partition).is_none();
        let away: Vec<Partition> = positions.0.keys().filter(is_away).copied().collect();
        let (topic, address) = (&context.topic, connection.address());
        if away.is_empty() {
            self.since = None;
            if !self.reported.is_empty() {
                self.end(topic, connection);
            }
        } else if self.since.get_or_insert_with(Instant::now).elapsed() > OUTAGE_WARNING_DELAY
            && self.reported.is_empty()
        {
            tracing::warn!(
                "no broker at {address} answers for {} of topic `{topic}`: waiting for one; no messages are lost",
                names(&away)
            );
            self.reported = away;
        }
    }

    /// Records that a message of a partition has arrived.
    pub(super) fn end_for(&mut self, partition: Partition, topic: &str, connection: &Connection) {
        if self.reported.contains(&partition) {
            self.end(topic, connection);
        }
    }

    fn end(&mut self, topic: &str, connection: &Connection) {
        (self.since, self.reported) = (None, Vec::new());
        tracing::warn!("topic `{topic}` at {} can be read again", connection.address());
    }
}
