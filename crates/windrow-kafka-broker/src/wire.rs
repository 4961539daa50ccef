//! Kafka's protocol: which requests are taken in which versions, their headers, and who answers them.
//!
//! A request that is not understood ends its connection, as in Kafka; one that is understood gets an answer.

pub(super) mod fetch;
pub(super) mod guard;
pub(super) mod produce;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::answers::{cluster, commits, configs, fetch as fetches, groups, offsets, produce as produces, topics};
use crate::broker::Broker;
use crate::budget::Claim;
use crate::log::Range;

/// The requests that are taken, with the first and the last version of each. Where the crate's messages say more than its
/// decoders take, this says what they take.
pub(super) const TABLE: [(ApiKey, i16, i16); 29] = [
    (ApiKey::Produce, 3, 13),
    (ApiKey::Fetch, 4, 18),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::ConsumerGroupHeartbeat, 0, 1),
    (ApiKey::ConsumerGroupDescribe, 0, 1),
];

/// The largest request, as Kafka's `socket.request.max.bytes`.
const LARGEST: usize = 100 * 1024 * 1024;
/// The largest that is not messages.
const LARGEST_WITHOUT_MESSAGES: usize = 1024 * 1024;
/// What a decoded request may take for each byte of its frame.
const DECODED: usize = 32;

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) host: String,
}

/// What is sent back, its length not yet before it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) pieces: Vec<Piece>,
}

/// A part of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    File(Range),
}

impl Piece {
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.length,
        }
    }
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswerable {
    #[error("a frame of {0} bytes")]
    Length(i32),
    #[error("request {key} in version {version}")]
    Unknown { key: i16, version: i16 },
    #[error("a malformed request {key:?} in version {version}: {reason}")]
    Malformed { key: ApiKey, version: i16, reason: String },
    #[error("an answer to {key:?} in version {version} that cannot be written: {reason}")]
    Unwritable { key: ApiKey, version: i16, reason: String },
    #[error("messages that nobody is told were refused")]
    Unconfirmed,
}

/// Whether a frame may have this length, by its length and the key behind it.
pub(super) fn check_length(length: i32, key: i16) -> Result<usize, Unanswerable> {
    let most = if key == ApiKey::Produce as i16 { LARGEST } else { LARGEST_WITHOUT_MESSAGES };
    usize::try_from(length).ok().filter(|length| (8..=most).contains(length)).ok_or(Unanswerable::Length(length))
}

/// What stands before a request.
struct Head {
    key: ApiKey,
    version: i16,
    correlation: i32,
}

/// Answers one frame (without its length); `None` where no answer is wanted. `claim` holds the frame's bytes.
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
    let taken = TABLE.iter().find(|(known, ..)| *known == key);
    let is_taken = taken.is_some_and(|(_, first, last)| (*first..=*last).contains(&version));
    if key == ApiKey::ApiVersions && !is_taken {
        // A client of a newer version asks again with one that is listed.
        return whole(&Head { key, version: 0, correlation }, &cluster::versions(true));
    }
    if !is_taken {
        return Err(unknown);
    }
    let head = Head { key, version, correlation };
    let is_flexible = key.request_header_version(version) >= 2;
    let id = client_id(&mut frame, is_flexible).ok_or_else(|| malformed(&head, "its header"))?;
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
            ApiKey::CreateTopics => whole(head, &topics::create(broker, &self.decode()?, version)),
            ApiKey::DeleteTopics => whole(head, &topics::delete(broker, &self.decode()?, version)),
            ApiKey::CreatePartitions => whole(head, &topics::create_partitions(broker, &self.decode()?)),
            ApiKey::InitProducerId => whole(head, &produces::init_producer(broker, &self.decode()?)),
            ApiKey::FindCoordinator => whole(head, &cluster::find_coordinator(broker, self.decode()?, version)),
            ApiKey::DescribeCluster => whole(head, &cluster::describe(broker, &self.decode()?)),
            ApiKey::DescribeLogDirs => whole(head, &cluster::log_dirs(broker, &self.decode()?, version)),
            ApiKey::DescribeConfigs => whole(head, &configs::describe(broker, &self.decode()?, version)),
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
                whole(head, &groups::sync(broker, request, version).await)
            }
            ApiKey::Heartbeat => whole(head, &groups::heartbeat(broker, &self.decode()?)),
            ApiKey::LeaveGroup => whole(head, &groups::leave(broker, &self.decode()?, version)),
            ApiKey::OffsetCommit => whole(head, &commits::commit(broker, &self.decode()?, version)),
            ApiKey::OffsetFetch => whole(head, &commits::committed(broker, &self.decode()?, version)),
            ApiKey::OffsetDelete => whole(head, &commits::delete_offsets(broker, &self.decode()?)),
            ApiKey::DescribeGroups => whole(head, &groups::describe(broker, &self.decode()?, version)),
            ApiKey::ListGroups => whole(head, &groups::list(broker, &self.decode()?, version)),
            ApiKey::DeleteGroups => whole(head, &groups::delete(broker, &self.decode()?)),
            ApiKey::ConsumerGroupHeartbeat => {
                whole(head, &groups::consumer_heartbeat(broker, &self.decode()?, &self.client))
            }
            ApiKey::ConsumerGroupDescribe => whole(head, &groups::consumer_describe(broker, &self.decode()?, version)),
            key => Err(Unanswerable::Unknown { key: key as i16, version }),
        }
    }

    fn decode<T: Decodable>(&self) -> Result<T, Unanswerable> {
        guard::decode(&self.body, self.head.version, self.is_flexible).map_err(|error| malformed(self.head, error))
    }
}

fn malformed(head: &Head, reason: impl ToString) -> Unanswerable {
    Unanswerable::Malformed { key: head.key, version: head.version, reason: reason.to_string() }
}

fn whole(head: &Head, response: &impl Encodable) -> Result<Option<Reply>, Unanswerable> {
    let mut bytes = BytesMut::new();
    bytes.put_i32(head.correlation);
    if head.key.response_header_version(head.version) >= 1 {
        bytes.put_u8(0);
    }
    response.encode(&mut bytes, head.version).map_err(|error| Unanswerable::Unwritable {
        key: head.key,
        version: head.version,
        reason: error.to_string(),
    })?;
    Ok(Some(Reply { pieces: vec![Piece::Bytes(bytes.freeze())] }))
}

/// The client's name, behind which the request's body is left in the frame.
fn client_id(frame: &mut BytesMut, is_flexible: bool) -> Option<String> {
    let mut id = String::new();
    if let Ok(length) = usize::try_from(frame.try_get_i16().ok()?) {
        id = std::str::from_utf8(frame.get(..length)?).ok()?.to_owned();
        frame.advance(length);
    }
    if is_flexible {
        for _ in 0..varint(frame)? {
            let _tag = varint(frame)?;
            let length = varint(frame)?;
            frame.get(..length)?;
            frame.advance(length);
        }
    }
    Some(id)
}

fn varint(frame: &mut BytesMut) -> Option<usize> {
    let mut value = 0;
    for index in 0..5 {
        let byte = frame.try_get_u8().ok()?;
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A text of our own for an answer.
pub(super) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}
