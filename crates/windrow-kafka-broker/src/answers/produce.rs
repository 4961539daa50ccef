//! Answers to requests that send messages and that ask for producer ids.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProduceResponse, ProducerId, TopicName};

use crate::batch::{self, BatchFault};
use crate::blocking::blocking;
use crate::broker::Broker;
use crate::catalog::Topic;
use crate::log::{AppendedBatch, PartitionLog};
use crate::wire::produce::Request;
use crate::wire::text;

type ProduceRefusal = (ResponseError, Option<&'static str>);

/// Stores batches. Also returns whether a batch was not stored. A client that wants no answer learns this from the end
/// of its connection.
pub(crate) async fn produce(broker: &Broker, request: Request<'_>, version: i16) -> (ProduceResponse, bool) {
    let refused = if !matches!(request.acks, -1..=1) {
        Some((ResponseError::InvalidRequiredAcks, None))
    } else if request.is_transactional {
        // Every client treats this error as final.
        Some((ResponseError::TransactionalIdAuthorizationFailed, Some("This broker has no transactions.")))
    } else {
        None
    };
    // All batches are written before the first sync, so that one sync can serve many of them.
    let mut topics = Vec::new();
    for asked in request.topics {
        let topic = if version >= 13 { broker.catalog.by_id(asked.id) } else { broker.catalog.by_name(&asked.name) };
        let mut partitions = Vec::new();
        for (index, bytes) in asked.partitions {
            let appended = match (refused, &topic) {
                (Some(refused), _) => Err(refused),
                (None, Err(missing)) => Err((*missing, None)),
                (None, Ok(topic)) => append(broker, topic, index, bytes.unwrap_or_default()),
            };
            partitions.push((index, appended));
        }
        topics.push((asked.name, asked.id, partitions));
    }
    let mut has_errors = false;
    let mut responses = Vec::new();
    for (name, id, partitions) in topics {
        let mut results = Vec::new();
        for (index, appended) in partitions {
            let kept = match appended {
                Ok((log, appended)) => log.synced(appended.end).await.map(|()| appended).map_err(|error| (error, None)),
                Err(refused) => Err(refused),
            };
            has_errors |= kept.is_err();
            results.push(result(index, kept));
        }
        let topic = TopicProduceResponse::default().with_topic_id(id).with_name(TopicName(name));
        responses.push(topic.with_partition_responses(results));
    }
    (ProduceResponse::default().with_responses(responses), has_errors)
}

fn append(
    broker: &Broker,
    topic: &Topic,
    partition: i32,
    bytes: &mut [u8],
) -> Result<(Arc<PartitionLog>, AppendedBatch), ProduceRefusal> {
    let log = topic.log(partition).ok_or((ResponseError::UnknownTopicOrPartition, None))?;
    let invalid = |message| (ResponseError::InvalidRecord, Some(message));
    if bytes.is_empty() {
        return Err(invalid("The request must have one batch for each partition; a batch is missing."));
    }
    let header = batch::check(bytes).map_err(|fault| match fault {
        BatchFault::Corrupt => (ResponseError::CorruptMessage, None),
        BatchFault::Format => invalid("Only message format 2 is supported."),
        BatchFault::Invalid => invalid("The batch is inconsistent, or clients may not send it."),
        BatchFault::Several => invalid("The request must have one batch for each partition."),
        BatchFault::Transactional => {
            (ResponseError::TransactionalIdAuthorizationFailed, Some("This broker has no transactions."))
        }
    })?;
    if header.base_offset != 0 {
        return Err(invalid("The base offset of a batch must be 0: the broker assigns the offsets in the log."));
    }
    if bytes.len() > topic.settings.max_message() {
        return Err((ResponseError::MessageTooLarge, None));
    }
    let appended = blocking(|| log.append(bytes, header, broker.clock.now())).map_err(|error| (error, None))?;
    Ok((Arc::clone(log), appended))
}

fn result(index: i32, kept: Result<AppendedBatch, ProduceRefusal>) -> PartitionProduceResponse {
    let result = PartitionProduceResponse::default().with_index(index);
    match kept {
        Ok(appended) => result.with_base_offset(appended.base_offset).with_log_start_offset(appended.log_start),
        Err((error, message)) => {
            result.with_error_code(error.code()).with_base_offset(-1).with_error_message(message.map(text))
        }
    }
}

/// Creates a new id for a producer without transactions.
pub(crate) fn init_producer(broker: &Broker, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let response = InitProducerIdResponse::default();
    let refused = |error: ResponseError| {
        let response = response.clone().with_error_code(error.code());
        response.with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
    };
    if request.transactional_id.is_some() {
        // Every client treats this error as final.
        return refused(ResponseError::TransactionalIdAuthorizationFailed);
    }
    match blocking(|| broker.catalog.producer_id()) {
        Ok(id) => response.with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err((error, _)) => refused(error),
    }
}
