//! Answers to requests that describe, create, grow and delete topics.

use std::collections::HashMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, MetadataRequest, MetadataResponse, TopicName,
};
use uuid::Uuid;

use crate::answers::error_fields;
use crate::blocking::blocking;
use crate::broker::{Broker, NODE_ID};
use crate::catalog::settings::{DEFINITIONS, Settings};
use crate::catalog::{Topic, check_name};
use crate::refusal::Refusal;
use crate::wire::text;

/// Kafka's numbers for the sources of a value: the default, and the topic's settings.
pub(crate) const SOURCE_DEFAULT: i8 = 5;
pub(crate) const SOURCE_TOPIC: i8 = 1;

/// Returns the node and the topics. Creates a missing topic that is requested by name, if the request allows it.
pub(crate) fn metadata(broker: &Broker, request: MetadataRequest, version: i16) -> MetadataResponse {
    let may_create = version < 4 || request.allow_auto_topic_creation;
    // Version 0 asks for all topics with an empty list of names.
    let asked = request.topics.filter(|topics| version > 0 || !topics.is_empty());
    let topics = match asked {
        None => broker.catalog.all().iter().map(|topic| describe(topic)).collect(),
        Some(asked) => asked
            .into_iter()
            .map(|asked| match asked.name {
                Some(name) => by_name(broker, &name, may_create),
                None => match broker.catalog.by_id(asked.topic_id) {
                    Ok(topic) => describe(&topic),
                    Err(unknown) => {
                        let name = (version < 12).then(TopicName::default);
                        let missing = MetadataResponseTopic::default().with_topic_id(asked.topic_id).with_name(name);
                        missing.with_error_code(unknown.code())
                    }
                },
            })
            .collect(),
    };
    let node = MetadataResponseBroker::default().with_node_id(NODE_ID).with_host(broker.host.clone());
    let node = node.with_port(broker.port).with_rack(None);
    let response = MetadataResponse::default().with_brokers(vec![node]).with_controller_id(NODE_ID);
    response.with_cluster_id(Some(text(&broker.cluster_id))).with_topics(topics)
}

fn by_name(broker: &Broker, name: &TopicName, may_create: bool) -> MetadataResponseTopic {
    let found = broker.catalog.by_name(name).or_else(|unknown| {
        check_name(name)?;
        if !may_create {
            return Err((unknown, String::new()));
        }
        match blocking(|| broker.catalog.create(name, 1, Settings::default(), false)) {
            // Another client created the topic first.
            Err((ResponseError::TopicAlreadyExists, why)) => broker.catalog.by_name(name).map_err(|error| (error, why)),
            made => made.inspect(|_| broker.topics_changed()),
        }
    });
    match found {
        Ok(topic) => describe(&topic),
        Err((error, _)) => {
            let name = TopicName(text(name.to_string()));
            MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error.code())
        }
    }
}

fn describe(topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.logs).map(|(index, _)| {
        let partition = MetadataResponsePartition::default().with_partition_index(index).with_leader_id(NODE_ID);
        partition.with_leader_epoch(0).with_replica_nodes(vec![NODE_ID]).with_isr_nodes(vec![NODE_ID])
    });
    let described = MetadataResponseTopic::default().with_name(Some(TopicName(text(&topic.name))));
    described.with_topic_id(topic.id).with_partitions(partitions.collect())
}

pub(crate) fn create(broker: &Broker, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: HashMap<&TopicName, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    let results: Vec<_> = request
        .topics
        .iter()
        // The answer has one result for each name.
        .filter_map(|topic| Some((topic, times.remove(&topic.name)?)))
        .map(|(topic, times)| {
            let made = if times > 1 {
                Err((ResponseError::InvalidRequest, "Duplicate topic name.".to_owned()))
            } else {
                blocking(|| create_one(broker, topic, request.validate_only))
            };
            let result = CreatableTopicResult::default().with_name(topic.name.clone());
            match made {
                Ok(topic) => created(result, &topic),
                Err((error, message)) => result.with_error_code(error.code()).with_error_message(Some(text(message))),
            }
        })
        .collect();
    if !request.validate_only {
        broker.topics_changed();
    }
    CreateTopicsResponse::default().with_topics(results)
}

fn create_one(broker: &Broker, topic: &CreatableTopic, only_check: bool) -> Result<std::sync::Arc<Topic>, Refusal> {
    check_name(&topic.name)?;
    let partitions = if topic.assignments.is_empty() {
        if !matches!(topic.replication_factor, -1 | 1) {
            return Err((ResponseError::InvalidReplicationFactor, one_node(topic.replication_factor)));
        }
        if topic.num_partitions == -1 { 1 } else { topic.num_partitions }
    } else {
        if topic.num_partitions != -1 || topic.replication_factor != -1 {
            let message = "Both a replica assignment and a number of partitions or replicas were given.";
            return Err((ResponseError::InvalidRequest, message.to_owned()));
        }
        let mut indexes: Vec<i32> = topic.assignments.iter().map(|assigned| assigned.partition_index).collect();
        indexes.sort_unstable();
        if !indexes.iter().zip(0..).all(|(index, expected)| *index == expected) {
            let message = "Partitions must be numbered from 0 without gaps.";
            return Err((ResponseError::InvalidReplicaAssignment, message.to_owned()));
        }
        for assigned in &topic.assignments {
            check_replicas(&assigned.broker_ids)?;
        }
        i32::try_from(indexes.len()).unwrap_or(i32::MAX)
    };
    let mut settings = Settings::default();
    for config in &topic.configs {
        if config.value.is_none() {
            let message = format!("Null value not supported for topic config: {}", &*config.name);
            return Err((ResponseError::InvalidConfig, message));
        }
        settings.set(&config.name, config.value.as_deref())?;
    }
    broker.catalog.create(&topic.name, partitions, settings, only_check)
}

fn check_replicas(replicas: &[kafka_protocol::messages::BrokerId]) -> Result<(), Refusal> {
    if replicas == [NODE_ID] {
        return Ok(());
    }
    let reason = format!("This broker is one node, number {}: each partition has one replica, on this node.", *NODE_ID);
    Err((ResponseError::InvalidReplicaAssignment, reason))
}

fn one_node(wanted: i16) -> String {
    format!("Replication factor: {wanted}: this broker is one node and keeps one copy; use a cluster for more.")
}

fn created(result: CreatableTopicResult, topic: &Topic) -> CreatableTopicResult {
    let configs = DEFINITIONS.iter().map(|definition| {
        let (value, is_given) = topic.settings.value(definition);
        let config = CreatableTopicConfigs::default().with_name(text(definition.name)).with_value(Some(text(value)));
        config.with_config_source(if is_given { SOURCE_TOPIC } else { SOURCE_DEFAULT })
    });
    let result = result.with_error_message(None).with_num_partitions(topic.partitions()).with_replication_factor(1);
    result.with_configs(Some(configs.collect())).with_topic_id(topic.id)
}

pub(crate) fn create_partitions(broker: &Broker, request: &CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| {
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        let (code, message) = error_fields(blocking(|| grow(broker, topic, request.validate_only)));
        result.with_error_code(code).with_error_message(message)
    });
    let response = CreatePartitionsResponse::default().with_results(results.collect());
    broker.topics_changed();
    response
}

fn grow(broker: &Broker, topic: &CreatePartitionsTopic, only_check: bool) -> Result<(), Refusal> {
    for assigned in topic.assignments.iter().flatten() {
        check_replicas(&assigned.broker_ids)?;
    }
    broker.catalog.add_partitions(&topic.name, topic.count, only_check)
}

pub(crate) fn delete(broker: &Broker, request: &DeleteTopicsRequest, version: i16) -> DeleteTopicsResponse {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::nil()));
    let by_either = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    let results = by_name.chain(by_either).map(|(name, id)| {
        let found = match &name {
            Some(name) => broker.catalog.by_name(name),
            None => broker.catalog.by_id(id),
        };
        let (error, message, name, id) = match found {
            Ok(topic) => {
                let deleted = blocking(|| broker.catalog.delete(topic.id));
                // If the journal cannot be written, the topic stays, and so do its commits.
                if deleted.is_ok() {
                    broker.groups.forget_topic(topic.id);
                }
                let (code, message) = error_fields(deleted);
                (code, message, Some(TopicName(text(&topic.name))), topic.id)
            }
            Err(unknown) => (unknown.code(), Some(text("This server does not host this topic.")), name, id),
        };
        let name = name.or_else(|| (version < 6).then(TopicName::default));
        let result = DeletableTopicResult::default().with_error_code(error).with_error_message(message);
        result.with_name(name).with_topic_id(id)
    });
    let response = DeleteTopicsResponse::default().with_responses(results.collect());
    broker.topics_changed();
    response
}
