//! Conversations about topics, settings and the cluster.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;
use uuid::Uuid;

use crate::side_by_side::client::{Client, Transcript, text, topic};
use crate::side_by_side::messages::{create, name};

pub(crate) fn versions_are_agreed_on(client: &mut Client, transcript: &mut Transcript) {
    // ApiVersions (key 18) in version 99, as a newer client would send first.
    client.send_frame(&[0, 18, 0, 99, 0, 0, 0, 1, 255, 255, 0]);
    let mut answer = client.receive().expect("an answer");
    let _correlation = answer.split_to(4);
    let found =
        <ApiVersionsResponse as kafka_protocol::protocol::Decodable>::decode(&mut answer, 0).expect("version 0");
    transcript.record(format!(
        "too new: {}, {}",
        name(found.error_code),
        if found.api_keys.is_empty() { "no list" } else { "a list" }
    ));
    for version in [0, 1, 2, 3, 4] {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request.with_client_software_name(text("side")).with_client_software_version(text("1"));
        }
        let found: ApiVersionsResponse = client.ask(ApiKey::ApiVersions, version, &request);
        let produce = found.api_keys.iter().find(|key| key.api_key == 0).map(|key| key.min_version);
        transcript.record(format!("version {version}: {}, Produce from {produce:?}", name(found.error_code)));
    }
    for (key, version) in [(999_i16, 0_i16), (0, 99), (1, 3)] {
        let mut other = client.other();
        other.send_frame(&[&key.to_be_bytes()[..], &version.to_be_bytes(), &[0; 8]].concat());
        let answer = if other.receive().is_some() { "an answer" } else { "the connection ends" };
        transcript.record(format!("request {key} in version {version}: {answer}"));
    }
}

pub(crate) fn topics_are_made(client: &mut Client, transcript: &mut Transcript) {
    let topic_of = |name: &str, partitions: i32, replicas: i16| {
        CreatableTopic::default()
            .with_name(topic(name))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas)
    };
    let config = |name: &str, value: &str| {
        vec![CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))]
    };
    let assigned = |node: i32| {
        vec![CreatableReplicaAssignment::default().with_partition_index(0).with_broker_ids(vec![node.into()])]
    };
    let mut make = |what: &str, wanted: CreatableTopic, only_check: bool| {
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
        let found: CreateTopicsResponse = client.ask(ApiKey::CreateTopics, 7, &request.with_validate_only(only_check));
        let found = &found.topics[0];
        let known = if found.topic_id.is_nil() { "no id" } else { "an id" };
        transcript.record(format!("{what}: {}, {} partitions, {known}", name(found.error_code), found.num_partitions));
    };
    make("checked", topic_of("made", 2, 1), true);
    make("made", topic_of("made", 2, 1), false);
    make("made again", topic_of("made", 2, 1), false);
    make("by default", topic_of("default", -1, -1), false);
    make("no partitions", topic_of("none", 0, 1), false);
    make("two replicas", topic_of("two", 1, 2), false);
    make("no replicas", topic_of("zero", 1, 0), false);
    for wrong in ["", ".", "..", "a b", "a/b", &"x".repeat(250)] {
        let shown = if wrong.len() > 20 { "250 letters" } else { wrong };
        make(&format!("named '{shown}'"), topic_of(wrong, 1, 1), false);
    }
    make("longest name", topic_of(&"x".repeat(249), 1, 1), true);
    make("unknown setting", topic_of("s1", 1, 1).with_configs(config("no.such", "1")), false);
    make("wrong setting", topic_of("s2", 1, 1).with_configs(config("retention.ms", "soon")), false);
    make("good setting", topic_of("s3", 1, 1).with_configs(config("retention.ms", "1000")), false);
    make("assigned", topic_of("a1", -1, -1).with_assignments(assigned(1)), false);
    make("assigned elsewhere", topic_of("a2", -1, -1).with_assignments(assigned(7)), false);
    make("assigned and counted", topic_of("a3", 1, 1).with_assignments(assigned(1)), false);
}

fn metadata(client: &mut Client, version: i16, asked: Option<(Option<&str>, Uuid)>, may_create: bool) -> String {
    let topics =
        asked.map(|(name, id)| vec![MetadataRequestTopic::default().with_name(name.map(topic)).with_topic_id(id)]);
    let request = MetadataRequest::default().with_topics(topics);
    // Clients before version 4 cannot choose.
    let request = request.with_allow_auto_topic_creation(may_create || version < 4);
    match client.try_ask::<MetadataResponse>(ApiKey::Metadata, version, &request) {
        None => "the connection ends".to_owned(),
        Some(found) => {
            let Some(found) = found.topics.first() else { return "no topics".to_owned() };
            let partitions = found.partitions.len();
            let named = found.name.as_ref().map_or("no name".to_owned(), |name| format!("'{}'", name.as_str()));
            format!("{}, {named}, {partitions} partitions", name(found.error_code))
        }
    }
}

pub(crate) fn topics_are_described(client: &mut Client, transcript: &mut Transcript) {
    create(client, "described", 3, &[]);
    for version in [1, 4, 7, 9, 10, 12] {
        transcript.record(format!(
            "version {version}: {}",
            metadata(client, version, Some((Some("described"), Uuid::nil())), false)
        ));
    }
    let request = MetadataRequest::default()
        .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(topic("described")))]));
    let found: MetadataResponse = client.ask(ApiKey::Metadata, 12, &request);
    let id = found.topics[0].topic_id;
    transcript.record(format!("nodes {}, led by {}", found.brokers.len(), *found.topics[0].partitions[0].leader_id));
    transcript.record(format!("by id: {}", metadata(client, 12, Some((None, id)), false)));
    transcript.record(format!("by an unknown id: {}", metadata(client, 12, Some((None, Uuid::from_u128(5))), false)));
    transcript.record(format!("unknown: {}", metadata(client, 12, Some((Some("unknown"), Uuid::nil())), false)));
    transcript.record(format!("no name: {}", metadata(client, 12, Some((Some("a b"), Uuid::nil())), true)));
    // The first request for a missing topic starts its creation; a later one finds it.
    metadata(client, 12, Some((Some("asked-for"), Uuid::nil())), true);
    std::thread::park_timeout(std::time::Duration::from_millis(1_500));
    transcript.record(format!("asked for: {}", metadata(client, 12, Some((Some("asked-for"), Uuid::nil())), false)));
}

pub(crate) fn topics_grow_and_go(client: &mut Client, transcript: &mut Transcript) {
    create(client, "grown", 2, &[]);
    for (what, wanted, count, only_check) in [
        ("checked", "grown", 4, true),
        ("more", "grown", 3, false),
        ("as many", "grown", 3, false),
        ("fewer", "grown", 1, false),
        ("unknown", "nowhere", 3, false),
    ] {
        let asked = CreatePartitionsTopic::default().with_name(topic(wanted)).with_count(count).with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![asked]).with_timeout_ms(10_000);
        let request = request.with_validate_only(only_check);
        let found: CreatePartitionsResponse = client.ask(ApiKey::CreatePartitions, 3, &request);
        transcript.record(format!("{what}: {}", name(found.results[0].error_code)));
    }
    let mut delete = |version: i16, what: &str, wanted: Option<&str>, id: Uuid| {
        let request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
        let request = if version >= 6 {
            request.with_topics(vec![DeleteTopicState::default().with_name(wanted.map(topic)).with_topic_id(id)])
        } else {
            request.with_topic_names(wanted.map(topic).into_iter().collect())
        };
        let found: DeleteTopicsResponse = client.ask(ApiKey::DeleteTopics, version, &request);
        transcript.record(format!("{what}: {}", name(found.responses[0].error_code)));
    };
    delete(6, "deleted", Some("grown"), Uuid::nil());
    delete(6, "deleted again", Some("grown"), Uuid::nil());
    delete(1, "deleted in version 1", Some("grown"), Uuid::nil());
    delete(6, "deleted by an unknown id", None, Uuid::from_u128(9));
}

pub(crate) fn settings_are_read_and_changed(client: &mut Client, transcript: &mut Transcript) {
    create(client, "settings", 1, &[("retention.ms", "5000")]);
    let describe = |client: &mut Client, kind: i8, of: &str, key: Option<&str>| {
        let asked = DescribeConfigsResource::default().with_resource_type(kind).with_resource_name(text(of));
        let asked = asked.with_configuration_keys(key.map(|key| vec![text(key)]));
        let found: DescribeConfigsResponse =
            client.ask(ApiKey::DescribeConfigs, 4, &DescribeConfigsRequest::default().with_resources(vec![asked]));
        let result = &found.results[0];
        let configs = result.configs.iter().map(|config| {
            let value = config.value.as_ref().map(|value| value.to_string()).unwrap_or_default();
            format!("{}={value} from {} of type {}", &*config.name, config.config_source, config.config_type)
        });
        format!("{} {}", name(result.error_code), configs.collect::<Vec<_>>().join(", "))
    };
    for key in ["retention.ms", "max.message.bytes", "cleanup.policy", "compression.type", "min.insync.replicas"] {
        transcript.record(format!("{key}: {}", describe(client, 2, "settings", Some(key))));
    }
    transcript.record(format!("unknown topic: {}", describe(client, 2, "nowhere", Some("retention.ms"))));
    transcript.record(format!("unknown node: {}", describe(client, 4, "7", Some("num.partitions"))));
    let mut alter = |what: &str, of: &str, (key, operation, value): (&str, i8, Option<&str>), only_check: bool| {
        let change = AlterableConfig::default().with_name(text(key)).with_config_operation(operation);
        let change = change.with_value(value.map(text));
        let asked = AlterConfigsResource::default().with_resource_type(2).with_resource_name(text(of));
        let request = IncrementalAlterConfigsRequest::default().with_validate_only(only_check);
        let request = request.with_resources(vec![asked.with_configs(vec![change])]);
        let found: IncrementalAlterConfigsResponse = client.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
        let error = name(found.responses[0].error_code);
        // A node may need a moment to apply a change.
        std::thread::park_timeout(std::time::Duration::from_millis(300));
        transcript.record(format!("{what}: {error}, then {}", describe(client, 2, "settings", Some("retention.ms"))));
    };
    alter("checked", "settings", ("retention.ms", 0, Some("7000")), true);
    alter("set", "settings", ("retention.ms", 0, Some("7000")), false);
    alter("wrong", "settings", ("retention.ms", 0, Some("soon")), false);
    alter("unknown", "settings", ("no.such", 0, Some("1")), false);
    alter("null", "settings", ("retention.ms", 0, None), false);
    alter("added to", "settings", ("retention.ms", 2, Some("1")), false);
    alter("unknown topic", "nowhere", ("retention.ms", 0, Some("1")), false);
    alter("set back", "settings", ("retention.ms", 1, None), false);
}

pub(crate) fn the_cluster_is_described(client: &mut Client, transcript: &mut Transcript) {
    for version in [0, 1, 2] {
        let found: DescribeClusterResponse =
            client.ask(ApiKey::DescribeCluster, version, &DescribeClusterRequest::default());
        transcript.record(format!("version {version}: {}, {} nodes", name(found.error_code), found.brokers.len()));
    }
    for (version, kind) in [(0, 0), (1, 0), (3, 0), (4, 0), (6, 0), (6, 1), (6, 9)] {
        let request = FindCoordinatorRequest::default();
        let request = if version >= 4 {
            request.with_coordinator_keys(vec![text("a"), text("b")])
        } else {
            request.with_key(text("a"))
        };
        let request = if version >= 1 { request.with_key_type(kind) } else { request };
        let mut found: Option<FindCoordinatorResponse> = None;
        for _ in 0..100 {
            found = client.try_ask(ApiKey::FindCoordinator, version, &request);
            let codes = found
                .iter()
                .flat_map(|found| found.coordinators.iter().map(|one| one.error_code).chain([found.error_code]));
            // A node may need a moment to create the topic of offsets.
            if codes.max().unwrap_or(0) != 15 {
                break;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(100));
        }
        let description = found.map_or("the connection ends".to_owned(), |found| {
            let each: Vec<String> =
                found.coordinators.iter().map(|one| format!("{} at {}", name(one.error_code), *one.node_id)).collect();
            if version >= 4 { each.join(", ") } else { format!("{} at {}", name(found.error_code), *found.node_id) }
        });
        transcript.record(format!("coordinator of kind {kind} in version {version}: {description}"));
    }
    let request = InitProducerIdRequest::default().with_transactional_id(Some(TransactionalId(text("t"))));
    let request = request.with_transaction_timeout_ms(1_000);
    let mut found: InitProducerIdResponse = client.ask(ApiKey::InitProducerId, 4, &request);
    for _ in 0..100 {
        // The same for the topic of transactions.
        if !matches!(found.error_code, 14..=16) {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        found = client.ask(ApiKey::InitProducerId, 4, &request);
    }
    transcript.record(format!("a transaction: {}", name(found.error_code)));
}
