//! Answers to requests that commit, fetch and delete offsets of groups.

use std::time::Instant;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response as fetched;
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};

use crate::answers::groups::by_topic;
use crate::blocking::blocking;
use crate::broker::Broker;
use crate::groups::Commits;
use crate::journal::Commit;
use crate::wire::text;

/// The maximum length of a commit's metadata in bytes; Kafka's `offset.metadata.max.bytes`.
const MAX_METADATA: usize = 4096;

pub(crate) fn commit(broker: &Broker, request: &OffsetCommitRequest, version: i16) -> OffsetCommitResponse {
    let timestamp = broker.clock.now();
    let mut commits = Commits::new();
    let mut topics: Vec<OffsetCommitResponseTopic> = Vec::new();
    for asked in &request.topics {
        let topic = broker.catalog.by_name(&asked.name).ok();
        let mut partitions = Vec::new();
        for one in &asked.partitions {
            let metadata = one.committed_metadata.as_deref().unwrap_or_default().to_owned();
            let known_topic = topic.as_ref().filter(|topic| topic.log(one.partition_index).is_some());
            let error = match known_topic {
                None => ResponseError::UnknownTopicOrPartition.code(),
                Some(_) if metadata.len() > MAX_METADATA => ResponseError::OffsetMetadataTooLarge.code(),
                Some(topic) => {
                    let leader_epoch = if version >= 6 { one.committed_leader_epoch } else { -1 };
                    let commit = Commit { offset: one.committed_offset, leader_epoch, metadata, timestamp };
                    commits.insert((topic.id, one.partition_index), commit);
                    0
                }
            };
            let result = OffsetCommitResponsePartition::default().with_partition_index(one.partition_index);
            partitions.push(result.with_error_code(error));
        }
        topics.push(OffsetCommitResponseTopic::default().with_name(asked.name.clone()).with_partitions(partitions));
    }
    let who = (&*request.member_id, request.group_instance_id.as_deref(), request.generation_id_or_member_epoch);
    if let Err(error) = blocking(|| broker.groups.commit(&request.group_id, who, commits, Instant::now())) {
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.error_code == 0 {
                partition.error_code = error.code();
            }
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// A topic and the commits of its partitions.
type TopicCommits = (TopicName, Vec<(i32, Commit)>);

/// Finds the commits of the given partitions, or of all partitions. A given partition without a commit gets offset -1.
fn found(broker: &Broker, commits: Commits, asked: Option<Vec<(&TopicName, &Vec<i32>)>>) -> Vec<TopicCommits> {
    let Some(asked) = asked else {
        let commits = by_topic(commits.into_iter().map(|((topic, partition), commit)| (topic, (partition, commit))));
        let named = |(topic, commits)| Some((TopicName(text(&broker.catalog.by_id(topic).ok()?.name)), commits));
        return commits.into_iter().filter_map(named).collect();
    };
    let nothing = || Commit { offset: -1, leader_epoch: -1, metadata: String::new(), timestamp: -1 };
    let found = asked.into_iter().map(|(name, partitions)| {
        let topic = broker.catalog.by_name(name).ok();
        let commit = |partition: &i32| commits.get(&(topic.as_ref()?.id, *partition)).cloned();
        let partitions = partitions.iter().map(|partition| (*partition, commit(partition).unwrap_or_else(nothing)));
        (name.clone(), partitions.collect())
    });
    found.collect()
}

pub(crate) fn committed(broker: &Broker, request: &OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
    if version < 8 {
        let asked = request.topics.as_ref();
        let asked = asked.map(|topics| topics.iter().map(|topic| (&topic.name, &topic.partition_indexes)).collect());
        let commits = broker.groups.committed(&request.group_id, None).unwrap_or_default();
        let topics = found(broker, commits, asked).into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(index, commit)| {
                let result = fetched::OffsetFetchResponsePartition::default().with_partition_index(index);
                let result = result.with_committed_offset(commit.offset).with_metadata(Some(text(commit.metadata)));
                result.with_committed_leader_epoch(commit.leader_epoch)
            });
            fetched::OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions.collect())
        });
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let groups = request.groups.iter().map(|asked| {
        let group = fetched::OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone());
        let member = asked.member_id.as_deref().filter(|_| asked.member_epoch >= 0).map(|id| (id, asked.member_epoch));
        let commits = match broker.groups.committed(&asked.group_id, member) {
            Ok(commits) => commits,
            Err(error) => return group.with_error_code(error.code()),
        };
        let asked = asked.topics.as_ref();
        let asked = asked.map(|topics| topics.iter().map(|topic| (&topic.name, &topic.partition_indexes)).collect());
        let topics = found(broker, commits, asked).into_iter().map(|(name, partitions)| {
            let partitions = partitions.into_iter().map(|(index, commit)| {
                let result = fetched::OffsetFetchResponsePartitions::default().with_partition_index(index);
                let result = result.with_committed_offset(commit.offset).with_metadata(Some(text(commit.metadata)));
                result.with_committed_leader_epoch(commit.leader_epoch)
            });
            fetched::OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions.collect())
        });
        group.with_topics(topics.collect())
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

pub(crate) fn delete_offsets(broker: &Broker, request: &OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut known_partitions = Vec::new();
    let topics = request.topics.iter().map(|asked| {
        let topic = broker.catalog.by_name(&asked.name).ok();
        let partitions = asked.partitions.iter().map(|one| {
            let result = OffsetDeleteResponsePartition::default().with_partition_index(one.partition_index);
            match topic.as_ref().filter(|topic| topic.log(one.partition_index).is_some()) {
                None => result.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(topic) => {
                    known_partitions.push((topic.id, one.partition_index));
                    result
                }
            }
        });
        let partitions = partitions.collect();
        OffsetDeleteResponseTopic::default().with_name(asked.name.clone()).with_partitions(partitions)
    });
    let topics: Vec<_> = topics.collect();
    match blocking(|| broker.groups.delete_offsets(&request.group_id, &known_partitions)) {
        Ok(()) => OffsetDeleteResponse::default().with_topics(topics),
        Err(error) => OffsetDeleteResponse::default().with_error_code(error.code()),
    }
}
