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
use crate::wire::{Client, Reply, Unanswerable, fetch, guard, is_taken, produce};

/// Bytes of memory that a decoded request may take for each byte of its frame.
const DECODED: usize = 32;

/// Answers one frame (without its length); `None` if the client wants no answer. `claim` holds the frame's bytes.
pub(super) async fn answer(
    broker: &Broker,
    mut frame: BytesMut,
    host: &str,
    claim: &mut Claim,
) -> Result<Option<Reply>, Unanswerable> {
    let (Ok(key), Ok(version), Ok(correlation)) = (frame.try_get_i16(), frame.try_get_i16(), frame.try_get_i32())
    else {
        return Err(Unanswerable::Length(0));
    };
    let unknown = Unanswerable::Unknown { key, version };
    let Ok(key) = ApiKey::try_from(key) else { return Err(unknown) };
    let is_taken = is_taken(key, version);
    if key == ApiKey::ApiVersions && !is_taken {
        // A client of a newer version tries again with a version that is listed.
        return whole(&Head { key, version: 0, correlation }, &cluster::versions(true));
    }
    if !is_taken {
        return Err(unknown);
    }
    let head = Head { key, version, correlation };
    let is_flexible = key.request_header_version(version) >= 2;
    let id = client_id(&mut frame, is_flexible).ok_or_else(|| malformed(&head, "its header is not valid"))?;
    let client = Client { id, host: host.to_owned() };
    if key == ApiKey::Produce {
        let mut frame = frame;
        let request = produce::read(&mut frame, version).map_err(|error| malformed(&head, error))?;
        let wants_answer = request.acks != 0;
        let answer = produces::produce(broker, request, version).await;
        return match (wants_answer, answer) {
            (true, answer) => whole(&head, &answer.response),
            (false, answer) if answer.has_errors => Err(Unanswerable::Unconfirmed),
            (false, _) => Ok(None),
        };
    }
    let body = frame.freeze();
    claim.grow_to(body.len().saturating_mul(DECODED)).await;
    let asked = Incoming { broker, head: &head, body, is_flexible, client };
    asked.answer(claim).await
}

/// A request whose body is not decoded yet.
struct Incoming<'a> {
    broker: &'a Broker,
    head: &'a Head,
    body: Bytes,
    is_flexible: bool,
    client: Client,
}

impl Incoming<'_> {
    async fn answer(self, claim: &mut Claim) -> Result<Option<Reply>, Unanswerable> {
        let (broker, head, version) = (self.broker, self.head, self.head.version);
        match head.key {
            ApiKey::Fetch => {
                let request = self.decode()?;
                let fetch = fetches::Fetch::new(broker, &request, version);
                drop(request);
                claim.shrink_to(self.body.len());
                let (error, reads_committed, topics) = fetch.answer().await;
                let pieces = fetch::answer(head.correlation, version, error, reads_committed, &topics);
                Ok(Some(Reply { pieces }))
            }
            ApiKey::ApiVersions => {
                let _request: kafka_protocol::messages::ApiVersionsRequest = self.decode()?;
                whole(head, &cluster::versions(false))
            }
            ApiKey::Metadata => whole(head, &topics::metadata(broker, self.decode()?, version)),
            ApiKey::ListOffsets => whole(head, &offsets::list(broker, &self.decode()?, version)),
            ApiKey::OffsetForLeaderEpoch => whole(head, &offsets::for_epoch(broker, &self.decode()?)),
            ApiKey::DeleteRecords => whole(head, &offsets::delete_records(broker, &self.decode()?)),
            ApiKey::CreateTopics => whole(head, &topics::create(broker, &self.decode()?)),
            ApiKey::DeleteTopics => whole(head, &topics::delete(broker, &self.decode()?, version)),
            ApiKey::CreatePartitions => whole(head, &topics::create_partitions(broker, &self.decode()?)),
            ApiKey::InitProducerId => whole(head, &produces::init_producer(broker, &self.decode()?)),
            ApiKey::FindCoordinator => whole(head, &cluster::find_coordinator(broker, self.decode()?, version)),
            ApiKey::DescribeCluster => whole(head, &cluster::describe(broker, &self.decode()?)),
            ApiKey::DescribeLogDirs => whole(head, &cluster::log_dirs(broker, &self.decode()?)),
            ApiKey::DescribeConfigs => whole(head, &configs::describe(broker, &self.decode()?)),
            ApiKey::AlterConfigs => whole(head, &configs::alter(broker, &self.decode()?)),
            ApiKey::IncrementalAlterConfigs => whole(head, &configs::alter_some(broker, &self.decode()?)),
            ApiKey::JoinGroup => {
                let request = self.decode()?;
                claim.shrink_to(self.body.len());
                whole(head, &groups::join(broker, request, version, &self.client).await)
            }
            ApiKey::SyncGroup => {
                let request = self.decode()?;
                claim.shrink_to(self.body.len());
                whole(head, &groups::sync(broker, request).await)
            }
            ApiKey::Heartbeat => whole(head, &groups::heartbeat(broker, &self.decode()?)),
            ApiKey::LeaveGroup => whole(head, &groups::leave(broker, &self.decode()?, version)),
            ApiKey::OffsetCommit => whole(head, &commits::commit(broker, &self.decode()?, version)),
            ApiKey::OffsetFetch => whole(head, &commits::committed(broker, &self.decode()?, version)),
            ApiKey::OffsetDelete => whole(head, &commits::delete_offsets(broker, &self.decode()?)),
            ApiKey::DescribeGroups => whole(head, &groups::describe(broker, &self.decode()?, version)),
            ApiKey::ListGroups => whole(head, &groups::list(broker, &self.decode()?)),
            ApiKey::DeleteGroups => whole(head, &groups::delete(broker, &self.decode()?)),
            ApiKey::ConsumerGroupHeartbeat => {
                whole(head, &groups::consumer_heartbeat(broker, &self.decode()?, &self.client))
            }
            ApiKey::ConsumerGroupDescribe => whole(head, &groups::consumer_describe(broker, &self.decode()?)),
            key => Err(Unanswerable::Unknown { key: key as i16, version }),
        }
    }

    fn decode<T: Decodable>(&self) -> Result<T, Unanswerable> {
        guard::decode(&self.body, self.head.version, self.is_flexible).map_err(|error| malformed(self.head, error))
    }
}
