//! Passes each frame to the function that answers its request, and turns the response into a frame.
//!
//! A request that is not understood ends its connection, as in Kafka. Every other request gets an answer, unless the
//! client wants none.

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Decodable;

use crate::answers::{cluster, commits, configs, fetch as fetches, groups, offsets, produce as produces, topics};
use crate::broker::Broker;
use crate::budget::Claim;
use crate::wire::frame::{Head, client_id, malformed, whole};
use crate::wire::{Answered, Client, Unanswerable, fetch, guard, is_supported, produce};

/// Bytes of memory that a decoded request may take for each byte of its frame.
const MAX_DECODED_RATIO: usize = 32;

/// Answers one frame (without its length); `None` if the client wants no answer. `claim` holds the frame's bytes.
pub(super) async fn answer(broker: &Broker, mut frame: BytesMut, host: &str, claim: &mut Claim) -> Answered {
    let (Ok(key), Ok(version), Ok(correlation)) = (frame.try_get_i16(), frame.try_get_i16(), frame.try_get_i32())
    else {
        return Err(Unanswerable::Length(0));
    };
    let unknown = Unanswerable::Unknown { key, version };
    let Ok(key) = ApiKey::try_from(key) else { return Err(unknown) };
    let is_supported = is_supported(key, version);
    if key == ApiKey::ApiVersions && !is_supported {
        // A client of a newer version tries again with a version that is listed.
        return whole(&Head { key, version: 0, correlation }, &cluster::versions(true));
    }
    if !is_supported {
        return Err(unknown);
    }
    let head = Head { key, version, correlation };
    let id = client_id(&mut frame, head.is_flexible()).map_err(|_| malformed(&head, "its header is not valid"))?;
    let client = Client { id, host: host.to_owned() };
    if key == ApiKey::Produce {
        let request = produce::read(&mut frame, version).map_err(|error| malformed(&head, error))?;
        let acks = request.acks;
        let (response, has_errors) = produces::produce(broker, request, version).await;
        return match acks {
            0 if has_errors => Err(Unanswerable::Unconfirmed),
            0 => Ok(None),
            _ => whole(&head, &response),
        };
    }
    let body = frame.freeze();
    claim.grow_to(body.len().saturating_mul(MAX_DECODED_RATIO)).await;
    answer_body(broker, &head, &body, &client, claim).await
}

async fn answer_body(broker: &Broker, head: &Head, body: &Bytes, client: &Client, claim: &mut Claim) -> Answered {
    let version = head.version;
    match head.key {
        ApiKey::Fetch => {
            let request = decode(head, body)?;
            let fetch = fetches::Fetch::new(broker, &request, version);
            drop(request);
            claim.shrink_to(body.len());
            let (error, reads_committed, topics) = fetch.answer().await;
            Ok(Some(fetch::answer(head.correlation, version, error, reads_committed, &topics)))
        }
        ApiKey::ApiVersions => {
            let _request: kafka_protocol::messages::ApiVersionsRequest = decode(head, body)?;
            whole(head, &cluster::versions(false))
        }
        ApiKey::Metadata => whole(head, &topics::metadata(broker, decode(head, body)?, version)),
        ApiKey::ListOffsets => whole(head, &offsets::list(broker, &decode(head, body)?, version)),
        ApiKey::OffsetForLeaderEpoch => whole(head, &offsets::for_epoch(broker, &decode(head, body)?)),
        ApiKey::DeleteRecords => whole(head, &offsets::delete_records(broker, &decode(head, body)?)),
        ApiKey::CreateTopics => whole(head, &topics::create(broker, &decode(head, body)?)),
        ApiKey::DeleteTopics => whole(head, &topics::delete(broker, &decode(head, body)?, version)),
        ApiKey::CreatePartitions => whole(head, &topics::create_partitions(broker, &decode(head, body)?)),
        ApiKey::InitProducerId => whole(head, &produces::init_producer(broker, &decode(head, body)?)),
        ApiKey::FindCoordinator => whole(head, &cluster::coordinator(broker, decode(head, body)?, version)),
        ApiKey::DescribeCluster => whole(head, &cluster::describe(broker, &decode(head, body)?)),
        ApiKey::DescribeLogDirs => whole(head, &cluster::log_dirs(broker, &decode(head, body)?)),
        ApiKey::DescribeConfigs => whole(head, &configs::describe(broker, &decode(head, body)?)),
        ApiKey::AlterConfigs => whole(head, &configs::alter(broker, &decode(head, body)?)),
        ApiKey::IncrementalAlterConfigs => whole(head, &configs::alter_some(broker, &decode(head, body)?)),
        ApiKey::JoinGroup => {
            let request = decode(head, body)?;
            claim.shrink_to(body.len());
            whole(head, &groups::join(broker, request, version, client).await)
        }
        ApiKey::SyncGroup => {
            let request = decode(head, body)?;
            claim.shrink_to(body.len());
            whole(head, &groups::sync(broker, request).await)
        }
        ApiKey::Heartbeat => whole(head, &groups::heartbeat(broker, &decode(head, body)?)),
        ApiKey::LeaveGroup => whole(head, &groups::leave(broker, &decode(head, body)?, version)),
        ApiKey::OffsetCommit => whole(head, &commits::commit(broker, &decode(head, body)?, version)),
        ApiKey::OffsetFetch => whole(head, &commits::committed(broker, &decode(head, body)?, version)),
        ApiKey::OffsetDelete => whole(head, &commits::delete_offsets(broker, &decode(head, body)?)),
        ApiKey::DescribeGroups => whole(head, &groups::describe(broker, &decode(head, body)?, version)),
        ApiKey::ListGroups => whole(head, &groups::list(broker, &decode(head, body)?)),
        ApiKey::DeleteGroups => whole(head, &groups::delete(broker, &decode(head, body)?)),
        ApiKey::ConsumerGroupHeartbeat => {
            whole(head, &groups::consumer_heartbeat(broker, &decode(head, body)?, client))
        }
        ApiKey::ConsumerGroupDescribe => whole(head, &groups::consumer_describe(broker, &decode(head, body)?)),
        key => Err(Unanswerable::Unknown { key: key as i16, version }),
    }
}

fn decode<T: Decodable>(head: &Head, body: &Bytes) -> Result<T, Unanswerable> {
    guard::decode(body, head.version, head.is_flexible()).map_err(|error| malformed(head, error))
}
