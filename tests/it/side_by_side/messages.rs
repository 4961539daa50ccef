//! Conversations about messages: producing, fetching, looking up, deleting.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;

use crate::side_by_side::client::{Client, Transcript, text, topic};
use crate::side_by_side::records::Batch;

/// Returns an error's name, which makes a transcript readable.
pub(crate) fn name(code: i16) -> String {
    ResponseError::try_from_code(code).map_or_else(|| "ok".to_owned(), |error| format!("{error:?}"))
}

pub(crate) fn create(client: &mut Client, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value))));
    let wanted = CreatableTopic::default().with_name(topic(name)).with_num_partitions(partitions);
    let wanted = wanted.with_replication_factor(1).with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
    let made: CreateTopicsResponse = client.ask(ApiKey::CreateTopics, 5, &request);
    assert_eq!(made.topics[0].error_code, 0, "{name}");
    // A node may need a moment before the partitions can be written.
    for _ in 0..200 {
        let asked = ListOffsetsPartition::default().with_partition_index(partitions - 1).with_timestamp(-1);
        let asked = ListOffsetsTopic::default().with_name(topic(name)).with_partitions(vec![asked]);
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![asked]);
        let found: ListOffsetsResponse = client.ask(ApiKey::ListOffsets, 3, &request);
        if found.topics[0].partitions[0].error_code == 0 {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("{name} does not come up");
}

fn produce_request(name: &str, acks: i16, batches: &[Batch]) -> ProduceRequest {
    let bytes: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes()).collect();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(bytes.into()));
    let data = TopicProduceData::default().with_name(topic(name)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000).with_topic_data(vec![data])
}

fn produce_at(client: &mut Client, version: i16, name: &str, acks: i16, batches: &[Batch]) -> String {
    let request = produce_request(name, acks, batches);
    match client.try_ask::<ProduceResponse>(ApiKey::Produce, version, &request) {
        None => "the connection ends".to_owned(),
        Some(response) => {
            let result = &response.responses[0].partition_responses[0];
            format!("{} at {}", self::name(result.error_code), result.base_offset)
        }
    }
}

fn produce(client: &mut Client, name: &str, batch: &Batch) -> String {
    produce_at(client, 9, name, -1, std::slice::from_ref(batch))
}

pub(crate) fn batches_are_taken_or_refused(client: &mut Client, transcript: &mut Transcript) {
    create(client, "produce", 1, &[("max.message.bytes", "2000")]);
    for version in [3, 7, 9, 12] {
        transcript.record(format!(
            "version {version}: {}",
            produce_at(client, version, "produce", -1, &[Batch::of(2, 1_000)])
        ));
    }
    transcript.record(format!("acks 1: {}", produce_at(client, 9, "produce", 1, &[Batch::of(1, 1_000)])));
    let good = Batch::of(3, 1_000);
    transcript.record(format!("unknown topic: {}", produce(client, "nowhere", &good)));
    for (what, batch) in [
        ("a wrong checksum", Batch { spoil_checksum: true, ..good.clone() }),
        ("a count that is too small", Batch { count: 2, ..good.clone() }),
        ("a count that is too large", Batch { count: 4, ..good.clone() }),
        ("a last offset that is too small", Batch { last_delta: 1, ..good.clone() }),
        ("a last offset that is too large", Batch { last_delta: 5, ..good.clone() }),
        ("a transactional batch", Batch { attributes: 0b1_0000, producer: (7, 0, 0), ..good.clone() }),
        ("a control batch", Batch { attributes: 0b10_0000, ..good.clone() }),
        ("a base offset of its own", Batch { base_offset: 4_711, ..good.clone() }),
        ("too many bytes", Batch::of(300, 1_000)),
        ("zstd", Batch { attributes: 4, ..good.clone() }),
    ] {
        transcript.record(format!("{what}: {}", produce(client, "produce", &batch)));
    }
    transcript.record(format!("two batches: {}", produce_at(client, 9, "produce", -1, &[good.clone(), good.clone()])));
    transcript.record(format!("no batch: {}", produce_at(&mut client.other(), 9, "produce", -1, &[])));
    transcript.record(format!("acks 2: {}", produce_at(client, 9, "produce", 2, std::slice::from_ref(&good))));
    client.send(ApiKey::Produce, 9, &produce_request("produce", 0, std::slice::from_ref(&good)));
    transcript.record(format!("behind acks 0: {}", produce(client, "produce", &good)));
    let mut other = client.other();
    other.send(ApiKey::Produce, 9, &produce_request("produce", 0, &[Batch { spoil_checksum: true, ..good }]));
    transcript.record(format!(
        "behind acks 0 that was refused: {}",
        produce_at(&mut other, 9, "produce", -1, &[Batch::of(1, 1)])
    ));
}

pub(crate) fn sequences_are_kept(client: &mut Client, transcript: &mut Transcript) {
    create(client, "sequences", 1, &[]);
    let id = |client: &mut Client| {
        let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1_000);
        let given: InitProducerIdResponse = client.ask(ApiKey::InitProducerId, 4, &request);
        assert_eq!((given.error_code, given.producer_epoch), (0, 0));
        given.producer_id.0
    };
    let (one, two) = (id(client), id(client));
    transcript.record(format!("ids differ: {}", one != two));
    let mut send = |what: &str, batch: &Batch| {
        let found = produce(client, "sequences", batch);
        transcript.record(format!("{what}: {found}"));
    };
    for index in 0..7 {
        send(&format!("batch {index}"), &Batch::by(3, (one, 0, 3 * index)));
    }
    send("the newest again", &Batch::by(3, (one, 0, 18)));
    send("the fifth last again", &Batch::by(3, (one, 0, 6)));
    send("the sixth last again", &Batch::by(3, (one, 0, 3)));
    send("a gap", &Batch::by(1, (one, 0, 25)));
    send("half of the newest", &Batch::by(1, (one, 0, 18)));
    send("what comes next", &Batch::by(1, (one, 0, 21)));
    send("a new epoch that does not begin", &Batch::by(1, (one, 1, 22)));
    send("a new epoch", &Batch::by(1, (one, 1, 0)));
    send("the old epoch", &Batch::by(1, (one, 0, 22)));
    send("an unknown producer from 0", &Batch::by(1, (two, 0, 0)));
    send("an unknown producer from 5", &Batch::by(1, (two + 500, 0, 5)));
}

fn fetch(client: &mut Client, version: i16, name: &str, (offset, wait, min, max): (i64, i32, i32, i32)) -> String {
    let wanted = FetchPartition::default().with_partition(0).with_fetch_offset(offset).with_partition_max_bytes(max);
    let wanted = FetchTopic::default().with_topic(topic(name)).with_partitions(vec![wanted]);
    let request = FetchRequest::default().with_max_wait_ms(wait).with_min_bytes(min).with_max_bytes(max);
    let request = request.with_session_epoch(-1).with_topics(vec![wanted]);
    let began = std::time::Instant::now();
    let found: FetchResponse = client.ask(ApiKey::Fetch, version, &request);
    let took = if began.elapsed().as_millis() >= 900 { ", after a while" } else { "" };
    if found.error_code != 0 {
        return format!("{}{took}", self::name(found.error_code));
    }
    let found = &found.responses[0].partitions[0];
    let records = found.records.as_ref().map_or(0, |records| records.len());
    let first = found.records.as_ref().and_then(|records| records.first_chunk().map(|base| i64::from_be_bytes(*base)));
    format!(
        "{}, end {}, stable {}, start {}, {records} bytes from {first:?}{took}",
        self::name(found.error_code),
        found.high_watermark,
        found.last_stable_offset,
        found.log_start_offset,
    )
}

pub(crate) fn messages_are_fetched(client: &mut Client, transcript: &mut Transcript) {
    create(client, "fetch", 1, &[]);
    for index in 0..4 {
        produce(client, "fetch", &Batch::of(5, 1_000 * index));
    }
    let all = 1 << 20;
    for version in [4, 5, 7, 11, 12] {
        transcript.record(format!("version {version}: {}", fetch(client, version, "fetch", (0, 0, 1, all))));
    }
    for offset in [4, 5, 7, 19, 20, 21, -1] {
        transcript.record(format!("from {offset}: {}", fetch(client, 12, "fetch", (offset, 0, 1, all))));
    }
    transcript.record(format!("nothing comes: {}", fetch(client, 12, "fetch", (20, 1_000, 1, all))));
    transcript.record(format!("not enough comes: {}", fetch(client, 12, "fetch", (15, 1_000, 10_000, all))));
    for max in [0, 1, 110, 250] {
        transcript.record(format!("up to {max} bytes: {}", fetch(client, 12, "fetch", (0, 0, 1, max))));
    }
    transcript.record(format!("unknown topic: {}", fetch(client, 12, "nowhere", (0, 0, 1, all))));
    let mut other = client.other();
    let sender = std::thread::spawn(move || {
        std::thread::park_timeout(std::time::Duration::from_millis(200));
        produce(&mut other, "fetch", &Batch::of(1, 9_000));
    });
    let woken = fetch(client, 12, "fetch", (20, 20_000, 1, all)).replace(", after a while", "");
    transcript.record(format!("something comes: {woken}"));
    sender.join().expect("sent");
    for epoch in [-1, 0, 1, 5] {
        let wanted = FetchPartition::default().with_fetch_offset(0).with_current_leader_epoch(epoch);
        let wanted =
            FetchTopic::default().with_topic(topic("fetch")).with_partitions(vec![wanted.with_partition_max_bytes(1)]);
        let request = FetchRequest::default().with_max_bytes(all).with_session_epoch(-1).with_topics(vec![wanted]);
        let found: FetchResponse = client.ask(ApiKey::Fetch, 12, &request);
        transcript.record(format!("epoch {epoch}: {}", name(found.responses[0].partitions[0].error_code)));
    }
}

fn offset(client: &mut Client, version: i16, name: &str, partition: i32, time: i64) -> String {
    let asked = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(time);
    let asked = if version >= 4 { asked.with_current_leader_epoch(-1) } else { asked };
    let asked = ListOffsetsTopic::default().with_name(topic(name)).with_partitions(vec![asked]);
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![asked]);
    let found: ListOffsetsResponse = client.ask(ApiKey::ListOffsets, version, &request);
    let found = &found.topics[0].partitions[0];
    format!("{}, {} at {}, epoch {}", self::name(found.error_code), found.offset, found.timestamp, found.leader_epoch)
}

pub(crate) fn offsets_are_found(client: &mut Client, transcript: &mut Transcript) {
    create(client, "offsets", 1, &[]);
    for time in [-1, -2, -3, -4, -5, 0] {
        transcript.record(format!("empty, {time}: {}", offset(client, 9, "offsets", 0, time)));
    }
    // Times may decrease, within a batch and from one batch to the next.
    for (attributes, times) in
        [(0, vec![100, 200, 300]), (4, vec![1_000, 1_200, 1_100]), (0, vec![500, 600]), (4, vec![2_000])]
    {
        let count = i32::try_from(times.len()).expect("few");
        produce(client, "offsets", &Batch { attributes, times, ..Batch::of(count, 0) });
    }
    for version in [1, 3, 5, 7, 9] {
        transcript.record(format!("version {version}: {}", offset(client, version, "offsets", 0, 200)));
    }
    for time in [-1, -2, -3, -4, 0, 100, 101, 300, 301, 550, 1_100, 1_150, 1_201, 2_000, 2_001] {
        transcript.record(format!("{time}: {}", offset(client, 9, "offsets", 0, time)));
    }
    transcript.record(format!("unknown partition: {}", offset(client, 9, "offsets", 7, -1)));
    transcript.record(format!("unknown topic: {}", offset(client, 9, "nowhere", 0, -1)));
    for (current, epoch) in [(-1, 0), (-1, 1), (-1, 5), (0, 0), (3, 0)] {
        let asked = OffsetForLeaderPartition::default().with_current_leader_epoch(current).with_leader_epoch(epoch);
        let asked = OffsetForLeaderTopic::default().with_topic(topic("offsets")).with_partitions(vec![asked]);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id((-2).into()).with_topics(vec![asked]);
        let found: OffsetForLeaderEpochResponse = client.ask(ApiKey::OffsetForLeaderEpoch, 4, &request);
        let found = &found.topics[0].partitions[0];
        let error = name(found.error_code);
        transcript.record(format!(
            "end of epoch {epoch} for {current}: {error}, {} of {}",
            found.end_offset, found.leader_epoch
        ));
    }
}

pub(crate) fn records_are_deleted(client: &mut Client, transcript: &mut Transcript) {
    create(client, "delete", 1, &[]);
    for index in 0..4 {
        produce(client, "delete", &Batch::of(5, 1_000 * index));
    }
    for (name, partition, offset) in
        [("delete", 0, 7), ("delete", 0, 3), ("delete", 0, 21), ("delete", 0, -2), ("delete", 3, 0), ("nowhere", 0, 0)]
    {
        let asked = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(offset);
        let asked = DeleteRecordsTopic::default().with_name(topic(name)).with_partitions(vec![asked]);
        let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(5_000);
        let found: DeleteRecordsResponse = client.ask(ApiKey::DeleteRecords, 2, &request);
        let found = &found.topics[0].partitions[0];
        transcript.record(format!(
            "{name} {partition} before {offset}: {}, {}",
            self::name(found.error_code),
            found.low_watermark
        ));
    }
    for offset in [6, 7, 8] {
        transcript.record(format!("from {offset}: {}", fetch(client, 12, "delete", (offset, 0, 1, 1 << 20))));
    }
    for time in [-2, 0, 1_002, 2_000] {
        transcript.record(format!("{time}: {}", offset(client, 9, "delete", 0, time)));
    }
    let asked = DeleteRecordsPartition::default().with_offset(-1);
    let asked = DeleteRecordsTopic::default().with_name(topic("delete")).with_partitions(vec![asked]);
    let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(5_000);
    let found: DeleteRecordsResponse = client.ask(ApiKey::DeleteRecords, 0, &request);
    transcript.record(format!("all: {}", found.topics[0].partitions[0].low_watermark));
    transcript.record(format!("then: {}", produce(client, "delete", &Batch::of(1, 5_000))));
    transcript.record(format!("from 20: {}", fetch(client, 12, "delete", (20, 0, 1, 1 << 20))));
}
