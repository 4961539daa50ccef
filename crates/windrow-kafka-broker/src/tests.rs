//! Tests of the broker over a socket. The encoders of `kafka-protocol` send requests in every supported version.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::batch::batch_of;
use crate::dry_run::{self, DryRun};
use crate::wire::{self, TABLE};
use crate::{Clock, Embedded, Options, Storage};

struct Started {
    broker: Embedded,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

fn start(folder: tempfile::TempDir) -> Started {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        advertise: None,
        storage: Storage::Kept(folder.path().join("data")),
        is_durable: false,
        clock: Clock::new(|| 1_000),
    };
    let broker = runtime.block_on(Embedded::start(options)).expect("it starts");
    Started { broker, runtime, folder }
}

impl Started {
    /// Stops the broker, and returns the folder with its data.
    fn end(self) -> tempfile::TempDir {
        self.runtime.block_on(self.broker.stop());
        self.folder
    }
}

struct Client(TcpStream);

impl Client {
    fn new(started: &Started) -> Self {
        let stream = TcpStream::connect(started.broker.bootstrap()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        Self(stream)
    }

    fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("short");
        self.0.write_all(&[&length.to_be_bytes()[..], frame].concat()).expect("it reads");
    }

    /// Returns the next frame; `None` if the connection has ended.
    fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("short")];
        self.0.read_exact(&mut frame).expect("a whole frame");
        Some(Bytes::from(frame))
    }

    fn ask<T: Decodable>(&mut self, key: ApiKey, version: i16, request: &impl Encodable) -> T {
        let mut frame = BytesMut::new();
        let head = RequestHeader::default().with_request_api_key(key as i16).with_request_api_version(version);
        let head = head.with_correlation_id(7).with_client_id(Some(StrBytes::from_static_str("test")));
        head.encode(&mut frame, key.request_header_version(version)).expect("a header");
        request.encode(&mut frame, version).expect("a request");
        self.send(&frame);
        let mut answer = self.receive().unwrap_or_else(|| panic!("{key:?} {version} ended the connection"));
        let head = ResponseHeader::decode(&mut answer, key.response_header_version(version)).expect("a header");
        assert_eq!(head.correlation_id, 7);
        let response = T::decode(&mut answer, version).unwrap_or_else(|error| panic!("{key:?} {version}: {error}"));
        assert!(!answer.has_remaining(), "{key:?} {version}");
        response
    }

    /// Creates the topic `t`. Returns the error code.
    fn create(&mut self, version: i16, partitions: i32) -> i16 {
        let wanted = CreatableTopic::default().with_name(topic("t")).with_num_partitions(partitions);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted.with_replication_factor(1)]);
        let made: CreateTopicsResponse = self.ask(ApiKey::CreateTopics, version, &request);
        made.topics[0].error_code
    }

    /// Sends messages to a partition of the topic `t`, which has this id. Returns the error code and the first offset.
    fn produce(&mut self, version: i16, id: uuid::Uuid, partition: i32, messages: i32) -> (i16, i64) {
        let batch = batch_of(messages, None, 5);
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch.into()));
        let data = TopicProduceData::default().with_name(topic("t")).with_topic_id(id).with_partition_data(vec![data]);
        let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![data]);
        let kept: ProduceResponse = self.ask(ApiKey::Produce, version, &request);
        let kept = &kept.responses[0].partition_responses[0];
        (kept.error_code, kept.base_offset)
    }
}

fn topic(name: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(name))
}

#[test]
fn messages_are_produced_and_fetched_at_every_version_and_after_a_restart() {
    let started = start(tempfile::tempdir().expect("a folder"));
    let mut client = Client::new(&started);
    for version in 2..=7 {
        assert_eq!(client.create(version, 2), if version == 2 { 0 } else { 36 }, "made once");
    }
    let asked = MetadataRequestTopic::default().with_name(Some(topic("t")));
    let request = MetadataRequest::default().with_topics(Some(vec![asked]));
    let mut id = uuid::Uuid::nil();
    for version in 4..=13 {
        let found: MetadataResponse = client.ask(ApiKey::Metadata, version, &request);
        assert_eq!((found.topics[0].error_code, found.topics[0].partitions.len()), (0, 2));
        id = found.topics[0].topic_id;
    }
    for version in 3..=13 {
        assert_eq!(client.produce(version, id, 1, 2), (0, 2 * i64::from(version - 3)));
    }
    let started = start(started.end());
    let mut client = Client::new(&started);
    for version in 4..=18 {
        let wanted = FetchPartition::default().with_partition(1).with_fetch_offset(3).with_partition_max_bytes(1 << 20);
        let wanted = FetchTopic::default().with_topic(topic("t")).with_topic_id(id).with_partitions(vec![wanted]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![wanted]);
        let found: FetchResponse = client.ask(ApiKey::Fetch, version, &request);
        let found = &found.responses[0].partitions[0];
        assert_eq!((found.error_code, found.high_watermark, found.last_stable_offset), (0, 22, 22));
        let records = found.records.clone().expect("messages");
        assert_eq!(records.len(), 10 * batch_of(2, None, 5).len());
        assert_eq!(records[..8], 2_i64.to_be_bytes(), "from the batch that holds the offset");
    }
    started.end();
}

#[test]
fn a_fetch_waits_and_wakes_when_messages_come() {
    let started = start(tempfile::tempdir().expect("a folder"));
    let mut client = Client::new(&started);
    let asked = MetadataRequestTopic::default().with_name(Some(topic("t")));
    let request = MetadataRequest::default().with_allow_auto_topic_creation(true).with_topics(Some(vec![asked]));
    let made: MetadataResponse = client.ask(ApiKey::Metadata, 9, &request);
    assert_eq!(made.topics[0].error_code, 0);
    let began = Instant::now();
    let mut other = Client::new(&started);
    let sender = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(100));
        assert_eq!(other.produce(9, uuid::Uuid::nil(), 0, 1), (0, 0));
    });
    let wanted = FetchPartition::default().with_partition(0).with_partition_max_bytes(1 << 20);
    let wanted = FetchTopic::default().with_topic(topic("t")).with_partitions(vec![wanted]);
    let request = FetchRequest::default().with_max_wait_ms(15_000).with_min_bytes(1).with_max_bytes(1 << 20);
    let found: FetchResponse = client.ask(ApiKey::Fetch, 12, &request.with_topics(vec![wanted]));
    assert_eq!(found.responses[0].partitions[0].high_watermark, 1);
    assert!(began.elapsed() < Duration::from_secs(10));
    sender.join().expect("sent");
    started.end();
}

#[test]
fn a_version_that_is_too_new_gets_the_list() {
    let started = start(tempfile::tempdir().expect("a folder"));
    let mut client = Client::new(&started);
    let head =
        |key: i16, version: i16, id: i32| [&key.to_be_bytes()[..], &version.to_be_bytes(), &id.to_be_bytes()].concat();
    client.send(&head(ApiKey::ApiVersions as i16, 99, 3));
    let mut answer = client.receive().expect("an answer");
    assert_eq!(answer.get_i32(), 3);
    let versions = ApiVersionsResponse::decode(&mut answer, 0).expect("version 0");
    assert_eq!((versions.error_code, versions.api_keys.len()), (35, TABLE.len()));
    for (key, version) in [(999, 0), (ApiKey::Fetch as i16, 99), (ApiKey::EndTxn as i16, 0)] {
        let mut client = Client::new(&started);
        client.send(&head(key, version, 0));
        assert!(client.receive().is_none(), "{key} {version}");
    }
    started.end();
}

#[test]
fn impossible_counts_are_refused_before_memory_is_allocated() {
    let huge = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0]);
    assert!(wire::guard::decode::<MetadataRequest>(&huge, 1, false).is_err());
    let huge = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    assert!(wire::guard::decode::<MetadataRequest>(&huge, 9, true).is_err());
    let mut body = BytesMut::new();
    // A wait time is encoded like a count, and may be large.
    let request = FetchRequest::default().with_max_wait_ms(i32::MAX).with_max_bytes(i32::MAX);
    request.encode(&mut body, 4).expect("a request");
    let read: FetchRequest = wire::guard::decode(&body.freeze(), 4, false).expect("a good request");
    assert_eq!((read.max_wait_ms, read.max_bytes), (i32::MAX, i32::MAX));
}

#[test]
fn a_recreated_topic_shows_nothing_of_the_old_one() {
    let mut started = start(tempfile::tempdir().expect("a folder"));
    let offsets = |client: &mut Client| {
        let ends = [-2, -1].map(|end| {
            let wanted = ListOffsetsPartition::default().with_timestamp(end);
            let wanted = ListOffsetsTopic::default().with_name(topic("t")).with_partitions(vec![wanted]);
            let request = ListOffsetsRequest::default().with_topics(vec![wanted]);
            let found: ListOffsetsResponse = client.ask(ApiKey::ListOffsets, 7, &request);
            found.topics[0].partitions[0].offset
        });
        let wanted = OffsetFetchRequestTopic::default().with_name(topic("t")).with_partition_indexes(vec![0]);
        let group = GroupId(StrBytes::from_static_str("g"));
        let request = OffsetFetchRequest::default().with_group_id(group).with_topics(Some(vec![wanted]));
        let found: OffsetFetchResponse = client.ask(ApiKey::OffsetFetch, 7, &request);
        (ends, found.topics[0].partitions[0].committed_offset)
    };
    let mut client = Client::new(&started);
    assert_eq!(client.create(7, 1), 0);
    assert_eq!(client.produce(9, uuid::Uuid::nil(), 0, 3), (0, 0));
    let committed = OffsetCommitRequestPartition::default().with_committed_offset(2);
    let committed = OffsetCommitRequestTopic::default().with_name(topic("t")).with_partitions(vec![committed]);
    let group = GroupId(StrBytes::from_static_str("g"));
    let request = OffsetCommitRequest::default().with_group_id(group).with_topics(vec![committed]);
    let kept: OffsetCommitResponse = client.ask(ApiKey::OffsetCommit, 8, &request);
    assert_eq!(kept.topics[0].partitions[0].error_code, 0);
    assert_eq!(offsets(&mut client), ([0, 3], 2));
    let request = DeleteTopicsRequest::default().with_topic_names(vec![topic("t")]);
    let gone: DeleteTopicsResponse = client.ask(ApiKey::DeleteTopics, 5, &request);
    assert_eq!(gone.responses[0].error_code, 0);
    assert_eq!(client.create(7, 1), 0);
    for _ in 0..2 {
        assert_eq!(offsets(&mut client), ([0, 0], -1));
        started = start(started.end());
        client = Client::new(&started);
    }
    started.end();
}

/// Returns random bytes from which a request is made.
fn chosen(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = vec![0; usize::from(random.next_u32().to_be_bytes()[0])];
    random.fill_bytes(&mut bytes);
    bytes
}

#[test]
fn every_request_at_every_version_gets_an_answer_that_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = DryRun::new(folder.path()).expect("a broker");
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..50 {
        for (key, version) in dry_run::kinds() {
            broker.ask(key, version, &chosen(&mut random));
        }
    }
    for (key, version) in dry_run::kinds() {
        let is_answered = (0..200).any(|_| broker.ask(key, version, &chosen(&mut random)));
        assert!(is_answered, "{key:?} in version {version}");
    }
}

#[test]
fn no_number_in_a_request_asks_for_memory_that_there_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = DryRun::new(folder.path()).expect("a broker");
    let mut random = ChaCha8Rng::seed_from_u64(12);
    for (key, version) in dry_run::kinds() {
        for _ in 0..10 {
            let topic = uuid::Uuid::nil();
            let Some(frame) = dry_run::requests::frame(key, version, &chosen(&mut random), topic) else { continue };
            for at in 8..frame.len().min(100) {
                // The largest count in the older and in the newer encoding.
                for huge in [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff, 0x07]] {
                    let mut frame = frame.clone();
                    frame.truncate(at);
                    frame.extend_from_slice(huge);
                    frame.extend_from_slice(&[0; 8]);
                    broker.answer(&frame);
                }
            }
        }
    }
}
