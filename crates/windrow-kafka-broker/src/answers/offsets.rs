//! Answers to requests about offsets: lookup by time or epoch, and deletion of all records before an offset.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

use crate::blocking::blocking;
use crate::broker::Broker;
use crate::catalog::FoundTopic;
use crate::log::PartitionLog;

/// The special timestamps of Kafka that mean a position in the log. Kafka's "latest": the end of the log.
const END: i64 = -1;
/// Kafka's "earliest": the first offset of the log.
const START: i64 = -2;
/// Kafka's "max timestamp": the record with the highest timestamp.
const MAX_TIMESTAMP: i64 = -3;
/// Kafka's "earliest local": the first offset that is not only in tiered storage. Here it is the start of the log.
const EARLIEST_LOCAL: i64 = -4;
/// Kafka's "latest tiered": the last offset in tiered storage, which this broker does not have.
const LATEST_TIERED: i64 = -5;

pub(crate) fn list(broker: &Broker, request: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|asked| {
        let topic = broker.catalog.by_name(&asked.name);
        let partitions = asked.partitions.iter().map(|asked| {
            let found = log_of(&topic, asked.partition_index, asked.current_leader_epoch)
                .and_then(|log| blocking(|| find(log, asked)));
            let result = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            match found {
                Ok((timestamp, offset)) => {
                    let epoch = if version >= 4 && offset >= 0 { 0 } else { -1 };
                    result.with_timestamp(timestamp).with_offset(offset).with_leader_epoch(epoch)
                }
                Err(error) => result.with_error_code(error.code()),
            }
        });
        ListOffsetsTopicResponse::default().with_name(asked.name.clone()).with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Returns the timestamp and the offset of the requested position. A value that is not known is -1.
fn find(log: &PartitionLog, asked: &ListOffsetsPartition) -> Result<(i64, i64), ResponseError> {
    let bounds = log.bounds();
    let searched = match asked.timestamp {
        END => return Ok((-1, bounds.end)),
        START | EARLIEST_LOCAL => return Ok((-1, bounds.start)),
        LATEST_TIERED => return Ok((-1, -1)),
        MAX_TIMESTAMP => None,
        timestamp if timestamp >= 0 => Some(timestamp),
        _ => return Err(ResponseError::UnsupportedVersion),
    };
    Ok(log.since(searched)?.map_or((-1, -1), |record| (record.timestamp, record.offset)))
}

/// Returns the end offsets of leader epochs. The broker has only epoch 0, which ends at the end of the log.
pub(crate) fn for_epoch(broker: &Broker, request: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|asked| {
        let topic = broker.catalog.by_name(&asked.topic);
        let partitions = asked.partitions.iter().map(|asked| {
            let result = EpochEndOffset::default().with_partition(asked.partition);
            match log_of(&topic, asked.partition, asked.current_leader_epoch) {
                Ok(log) if asked.leader_epoch == 0 => result.with_leader_epoch(0).with_end_offset(log.bounds().end),
                Ok(_) => result.with_leader_epoch(-1).with_end_offset(-1),
                Err(error) => result.with_error_code(error.code()),
            }
        });
        OffsetForLeaderTopicResult::default().with_topic(asked.topic.clone()).with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

pub(crate) fn delete_records(broker: &Broker, request: &DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|asked| {
        let topic = broker.catalog.by_name(&asked.name);
        let partitions = asked.partitions.iter().map(|asked| {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            match blocking(|| delete(broker, &topic, asked.partition_index, asked.offset)) {
                Ok(start) => result.with_low_watermark(start),
                Err(error) => result.with_low_watermark(-1).with_error_code(error.code()),
            }
        });
        DeleteRecordsTopicResult::default().with_name(asked.name.clone()).with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// Deletes the messages before an offset (-1: all messages). Returns the new first offset.
fn delete(broker: &Broker, topic: &FoundTopic, partition: i32, offset: i64) -> Result<i64, ResponseError> {
    let log = log_of(topic, partition, -1)?;
    let topic = topic.as_ref().map_err(|error| *error)?;
    let bounds = log.bounds();
    let start = if offset == -1 { bounds.end } else { offset };
    if start < 0 || start > bounds.end {
        return Err(ResponseError::OffsetOutOfRange);
    }
    broker.catalog.delete_before(topic, partition, start).map_err(|(error, _)| error)?;
    Ok(log.bounds().start)
}

/// Returns the log of a partition. `epoch` is the leader epoch that the client knows (below 0: unknown).
pub(crate) fn log_of(topic: &FoundTopic, partition: i32, epoch: i32) -> Result<&Arc<PartitionLog>, ResponseError> {
    let topic = topic.as_ref().map_err(|error| *error)?;
    let log = topic.log(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if epoch > 0 { Err(ResponseError::UnknownLeaderEpoch) } else { Ok(log) }
}
