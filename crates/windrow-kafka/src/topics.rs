//! Topics: create, delete, describe.
//!
//! Every call is bounded in time, and says which broker did not answer.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::connection::Quiet;
use crate::observer::{Observer, PATIENCE};
use crate::state::TopicState;
use crate::{BrokerError, Connection};
use windrow_base::runtime::blocking;
use windrow_record::Partition;

/// How long a partition may be without a leader that answers when work begins, and how often that is looked at.
const LEADER_PATIENCE: Duration = Duration::from_secs(60);
const LEADER_PAUSE: Duration = Duration::from_millis(500);
/// How long a topic that was just made may take until each of its partitions has a leader.
const SETTLING: Duration = Duration::from_secs(10);
/// Asks the broker for its own default, which suits clusters of any size.
const DEFAULT_REPLICATION: i32 = -1;

/// What creating a topic did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is there now, with as many partitions as were asked for.
    Created,
    /// It was there before.
    Existed {
        /// The partitions that it has.
        partitions: u32,
    },
}

/// How a topic is created, beside its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How many brokers keep a copy of each partition; `None` for the cluster's own default.
    pub replication: Option<i32>,
    /// Settings by Kafka's names, as in `retention.ms`.
    pub config: Vec<(String, String)>,
}

/// Creates a topic and waits until its partitions can be written to; one that is there already stays as it is.
///
/// # Errors
/// When no broker answers in time, or it refuses.
pub async fn create(
    connection: &Connection,
    name: &str,
    partitions: u32,
    settings: &Settings,
) -> Result<Creation, BrokerError> {
    if let Some(leaders) = leaders(connection, name).await? {
        return Ok(Creation::Existed { partitions: count(&leaders) });
    }
    let wanted = i32::try_from(partitions).unwrap_or(i32::MAX);
    let replication = settings.replication.unwrap_or(DEFAULT_REPLICATION);
    match request_creation(connection, name, wanted, replication, &settings.config).await {
        Ok(()) => {}
        // Another process was faster.
        Err(KafkaError::AdminOp(RDKafkaErrorCode::TopicAlreadyExists)) => {
            let leaders = leaders(connection, name).await?.unwrap_or_default();
            return Ok(Creation::Existed { partitions: count(&leaders) });
        }
        // A broker from before the default could be asked for.
        Err(KafkaError::AdminOp(RDKafkaErrorCode::InvalidReplicationFactor)) if settings.replication.is_none() => {
            request_creation(connection, name, wanted, 1, &settings.config)
                .await
                .map_err(|error| connection.failed("create", name, &error))?;
        }
        Err(error) => return Err(connection.failed("create", name, &error)),
    }
    let deadline = Instant::now() + SETTLING;
    loop {
        let ready = leaders(connection, name)
            .await?
            .is_some_and(|leaders| count(&leaders) == partitions && leaders.iter().all(|(_, leader)| *leader >= 0));
        if ready {
            return Ok(Creation::Created);
        }
        if Instant::now() >= deadline {
            return Err(BrokerError::Topic {
                action: "create",
                topic: name.to_owned(),
                address: connection.address().to_owned(),
                reason: format!("it has no leaders after {} s", SETTLING.as_secs()),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Deletes a topic and all its messages.
///
/// # Errors
/// When no broker answers in time, when there is no such topic, or the broker refuses.
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

/// What a topic holds. A partition whose leader is just being replaced is waited for.
///
/// # Errors
/// When no broker answers in time, or there is no such topic.
pub async fn describe(connection: &Connection, name: &str) -> Result<TopicState, BrokerError> {
    let (topic, broker) = (name.to_owned(), connection.clone());
    blocking(move || patiently(&Observer::new(&broker)?, &topic)).await
}

fn patiently(observer: &Observer, topic: &str) -> Result<TopicState, BrokerError> {
    let began = Instant::now();
    let mut is_told = false;
    loop {
        match observer.state(topic) {
            Err(BrokerError::NoLeader { topic, address, partition, reason, .. }) => {
                let waited = began.elapsed();
                if waited > LEADER_PATIENCE {
                    return Err(BrokerError::NoLeader { topic, address, partition, reason, waited });
                }
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(
                        "no broker at {address} that leads partition {partition} of topic `{topic}` answers; waiting for one"
                    );
                }
                std::thread::sleep(LEADER_PAUSE);
            }
            state => return state,
        }
    }
}

/// Waits until a broker answers there.
pub(crate) async fn reach(connection: &Connection, patience: Duration) -> Result<(), BrokerError> {
    let broker = connection.clone();
    blocking(move || Observer::new(&broker)?.leaders(UNLIKELY_TOPIC, patience).map(drop)).await
}

/// Asking for one topic spares the list of all of them.
const UNLIKELY_TOPIC: &str = "windrow-is-anyone-there";

/// The partitions of a topic with the node that leads each; `None` when there is no such topic.
async fn leaders(connection: &Connection, name: &str) -> Result<Option<Vec<(Partition, i32)>>, BrokerError> {
    let topic = name.to_owned();
    let broker = connection.clone();
    blocking(move || Observer::new(&broker)?.leaders(&topic, PATIENCE)).await
}

fn admin(connection: &Connection) -> Result<AdminClient<Quiet>, KafkaError> {
    AdminClient::from_config_and_context(&connection.settings(&[], &[]), Quiet)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
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
