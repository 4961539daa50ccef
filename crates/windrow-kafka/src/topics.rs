//! Creates, deletes and describes topics.
//!
//! Every call has a time limit, and its error names the broker that did not answer.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::connection::LoggingContext;
use crate::observer::{Observer, REQUEST_TIMEOUT};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_base::runtime::blocking;
use windrow_record::Partition;

/// The time that a partition may be without a leader that answers.
const LEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two checks for a leader.
const LEADER_PAUSE: Duration = Duration::from_millis(500);
/// The time limit for each partition of a new topic to get a leader.
const NEW_TOPIC_TIMEOUT: Duration = Duration::from_secs(10);
/// Asks the broker for its own default, which suits clusters of any size.
const DEFAULT_REPLICATION: i32 = -1;

/// The result of creating a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The topic was created with the given number of partitions.
    Created,
    /// The topic already existed.
    Existed {
        /// The number of partitions that it has.
        partitions: u32,
    },
}

/// The settings of a new topic, except its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// The number of brokers that store each partition. `None` for the cluster's default.
    pub replication: Option<i32>,
    /// Topic settings by Kafka's names, for example `retention.ms`.
    pub config: Vec<(String, String)>,
}

/// Creates a topic and waits until its partitions can be written to. An existing topic is not changed.
///
/// # Errors
/// No broker answers in time, or the broker rejects the topic.
pub async fn create(
    connection: &Connection,
    name: &str,
    partitions: u32,
    settings: &TopicSettings,
) -> Result<Creation, BrokerError> {
    if let Some(leaders) = leaders(connection, name).await? {
        return Ok(Creation::Existed { partitions: count(&leaders) });
    }
    let wanted = i32::try_from(partitions).unwrap_or(i32::MAX);
    let replication = settings.replication.unwrap_or(DEFAULT_REPLICATION);
    match request_creation(connection, name, wanted, replication, &settings.config).await {
        Ok(()) => {}
        // Another process has created the topic first.
        Err(KafkaError::AdminOp(RDKafkaErrorCode::TopicAlreadyExists)) => {
            let leaders = leaders(connection, name).await?.unwrap_or_default();
            return Ok(Creation::Existed { partitions: count(&leaders) });
        }
        // The broker is too old to know the default.
        Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidReplicationFactor)) if settings.replication.is_none() => {
            let created = request_creation(connection, name, wanted, 1, &settings.config).await;
            created.map_err(|error| connection.failed("create", name, &error))?;
        }
        Err(error) => return Err(connection.failed("create", name, &error)),
    }
    let deadline = Instant::now() + NEW_TOPIC_TIMEOUT;
    loop {
        let leaders = leaders(connection, name).await?.unwrap_or_default();
        if count(&leaders) == partitions && leaders.iter().all(|(_, leader)| *leader >= 0) {
            return Ok(Creation::Created);
        }
        if Instant::now() >= deadline {
            let (topic, address) = (name.to_owned(), connection.address().to_owned());
            let reason = format!("its partitions have no leaders after {} s", NEW_TOPIC_TIMEOUT.as_secs());
            return Err(BrokerError::Topic { action: "create", topic, address, reason });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Deletes a topic and all its messages.
///
/// # Errors
/// No broker answers in time, the topic does not exist, or the broker rejects the deletion.
pub async fn delete(connection: &Connection, name: &str) -> Result<(), BrokerError> {
    if leaders(connection, name).await?.is_none() {
        return Err(connection.no_such_topic(name));
    }
    let admin = admin(connection).map_err(|error| connection.refused(&error))?;
    flatten(admin.delete_topics(&[name], &options()).await).map_err(|error| match error {
        KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition) => connection.no_such_topic(name),
        error => connection.failed("delete", name, &error),
    })
}

/// Returns the offsets of a topic. Waits for a partition whose leader is being replaced.
///
/// # Errors
/// No broker answers in time, or the topic does not exist.
pub async fn describe(connection: &Connection, name: &str) -> Result<TopicState, BrokerError> {
    let (topic, broker) = (name.to_owned(), connection.clone());
    blocking(move || describe_with_retry(&Observer::new(&broker)?, &topic)).await
}

fn describe_with_retry(observer: &Observer, topic: &str) -> Result<TopicState, BrokerError> {
    let began = Instant::now();
    let mut is_reported = false;
    loop {
        match observer.state(topic) {
            Err(BrokerError::NoLeader { topic, address, partition, reason, .. }) => {
                let waited = began.elapsed();
                if waited > LEADER_TIMEOUT {
                    return Err(BrokerError::NoLeader { topic, address, partition, reason, waited });
                }
                if !std::mem::replace(&mut is_reported, true) {
                    tracing::warn!(
                        "no leader of partition {partition} of topic `{topic}` answers at {address}; waiting for one"
                    );
                }
                std::thread::sleep(LEADER_PAUSE);
            }
            state => return state,
        }
    }
}

/// Waits until a broker answers, but no longer than `timeout`.
pub(crate) async fn wait_for_broker(connection: &Connection, timeout: Duration) -> Result<(), BrokerError> {
    let broker = connection.clone();
    blocking(move || Observer::new(&broker)?.leaders(PROBE_TOPIC, timeout).map(drop)).await
}

/// A topic that probably does not exist. A question about one topic avoids the list of all topics.
const PROBE_TOPIC: &str = "windrow-is-anyone-there";

/// Returns the partitions of a topic with the node that leads each, or `None` if the topic does not exist.
async fn leaders(connection: &Connection, name: &str) -> Result<Option<Vec<(Partition, i32)>>, BrokerError> {
    let (topic, broker) = (name.to_owned(), connection.clone());
    blocking(move || Observer::new(&broker)?.leaders(&topic, REQUEST_TIMEOUT)).await
}

fn admin(connection: &Connection) -> Result<AdminClient<LoggingContext>, KafkaError> {
    AdminClient::from_config_and_context(&connection.settings(&[], &[]), LoggingContext)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}

async fn request_creation(
    connection: &Connection,
    name: &str,
    partitions: i32,
    replication: i32,
    config: &[(String, String)],
) -> Result<(), KafkaError> {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
    let topic = config.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
    flatten(admin(connection)?.create_topics([&topic], &options()).await)
}

fn flatten(outcome: Result<Vec<rdkafka::admin::TopicResult>, KafkaError>) -> Result<(), KafkaError> {
    for topic in outcome? {
        topic.map_err(|(_, code)| KafkaError::AdminOp(code))?;
    }
    Ok(())
}

fn count(leaders: &[(Partition, i32)]) -> u32 {
    u32::try_from(leaders.len()).unwrap_or(u32::MAX)
}
