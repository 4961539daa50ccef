//! Topics: made, removed and looked at. Every call is bounded in time.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use crate::broker::client::Quiet;
use crate::broker::{BrokerError, Connection};
use crate::record::{Offset, Partition};

/// How long a broker may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Lets the cluster choose.
const DEFAULT_REPLICATION: i32 = -1;

/// What came of asking for a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It was made.
    Created,
    /// It was there.
    Existed {
        /// With so many partitions.
        partitions: u32,
    },
}

/// A topic as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// By number.
    pub partitions: Vec<PartitionState>,
}

/// One partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// Which one.
    pub partition: Partition,
    /// The oldest offset still there.
    pub low: Offset,
    /// The offset that the next message will get.
    pub high: Offset,
}

/// Makes a topic, or finds it.
///
/// # Errors
/// No broker answers, or it refuses.
pub async fn create(connection: &Connection, name: &str, partitions: u32) -> Result<Creation, BrokerError> {
    let admin = admin(connection)?;
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let topic = NewTopic::new(name, count, TopicReplication::Fixed(DEFAULT_REPLICATION));
    let made = admin.create_topics([&topic], &options()).await.map_err(|source| connection.failed(source))?;
    match made.into_iter().next() {
        Some(Ok(_)) => {
            wait_until_described(connection, name).await?;
            Ok(Creation::Created)
        }
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
            let state = describe(connection, name).await?;
            Ok(Creation::Existed { partitions: u32::try_from(state.partitions.len()).unwrap_or(u32::MAX) })
        }
        Some(Err((_, code))) => Err(refused(connection, name, code)),
        None => Err(refused(connection, name, RDKafkaErrorCode::Unknown)),
    }
}

/// Removes a topic and all that is in it.
///
/// # Errors
/// No broker answers, or there is no such topic.
pub async fn delete(connection: &Connection, name: &str) -> Result<(), BrokerError> {
    let admin = admin(connection)?;
    let removed = admin.delete_topics(&[name], &options()).await.map_err(|source| connection.failed(source))?;
    match removed.into_iter().next() {
        Some(Ok(_)) => Ok(()),
        Some(Err((_, code))) => Err(refused(connection, name, code)),
        None => Err(refused(connection, name, RDKafkaErrorCode::Unknown)),
    }
}

/// Looks at a topic's partitions.
///
/// # Errors
/// No broker answers, or there is no such topic.
pub async fn describe(connection: &Connection, name: &str) -> Result<TopicState, BrokerError> {
    let (connection, name) = (connection.clone(), name.to_owned());
    let looking = tokio::task::spawn_blocking(move || look(&connection, &name));
    looking.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn look(connection: &Connection, name: &str) -> Result<TopicState, BrokerError> {
    // Auto-creation off: looking at a topic must not make it.
    let consumer: BaseConsumer<Quiet> = connection
        .config()
        .set("allow.auto.create.topics", "false")
        .create_with_context(Quiet)
        .map_err(|source| connection.failed(source))?;
    let metadata = consumer.fetch_metadata(Some(name), ANSWER_LIMIT).map_err(|source| connection.failed(source))?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let found = topic.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty());
    let Some(topic) = found else { return Err(connection.no_topic(name)) };
    let mut partitions = Vec::with_capacity(topic.partitions().len());
    for partition in topic.partitions() {
        let (low, high) = consumer
            .fetch_watermarks(name, partition.id(), ANSWER_LIMIT)
            .map_err(|source| connection.failed(source))?;
        partitions.push(PartitionState { partition: Partition(partition.id()), low: Offset(low), high: Offset(high) });
    }
    partitions.sort_by_key(|state| state.partition);
    Ok(TopicState { partitions })
}

/// A cluster tells of a new topic a little later than it makes it.
async fn wait_until_described(connection: &Connection, name: &str) -> Result<(), BrokerError> {
    let deadline = tokio::time::Instant::now() + ANSWER_LIMIT;
    loop {
        match describe(connection, name).await {
            Err(BrokerError::NoTopic { .. }) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            described => return described.map(drop),
        }
    }
}

fn admin(connection: &Connection) -> Result<AdminClient<Quiet>, BrokerError> {
    connection.config().create_with_context(Quiet).map_err(|source| connection.failed(source))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_LIMIT)).operation_timeout(Some(ANSWER_LIMIT))
}

fn refused(connection: &Connection, name: &str, code: RDKafkaErrorCode) -> BrokerError {
    match code {
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => connection.no_topic(name),
        code => BrokerError::TopicRefused {
            topic: name.to_owned(),
            address: connection.address().to_owned(),
            reason: code.to_string(),
        },
    }
}
