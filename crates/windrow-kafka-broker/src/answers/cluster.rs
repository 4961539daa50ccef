//! Answers about the broker itself: its versions, its only node, its data directory.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_log_dirs_response as described;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest,
    DescribeLogDirsResponse, FindCoordinatorRequest, FindCoordinatorResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::broker::{Broker, NODE_ID};
use crate::catalog::Topic;
use crate::wire::{TABLE, text};

/// The endpoint type of brokers; controllers have another one.
const BROKER_ENDPOINTS: i8 = 1;
/// The coordinator types: for groups and for transactions.
const GROUP_COORDINATOR: i8 = 0;
const TRANSACTION_COORDINATOR: i8 = 1;

/// Returns the supported requests and their versions. `is_too_new` adds the error for an unknown version of this
/// request.
pub(crate) fn versions(is_too_new: bool) -> ApiVersionsResponse {
    let keys = TABLE.iter().map(|(key, first, last)| {
        // Older versions of librdkafka disable compression if Produce 0 is not listed.
        let first = if *key == ApiKey::Produce { 0 } else { *first };
        ApiVersion::default().with_api_key(*key as i16).with_min_version(first).with_max_version(*last)
    });
    let error = if is_too_new { ResponseError::UnsupportedVersion.code() } else { 0 };
    ApiVersionsResponse::default().with_error_code(error).with_api_keys(keys.collect())
}

/// Returns this node as the coordinator of every group. Transactions have no coordinator.
pub(crate) fn coordinator(broker: &Broker, request: FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
    // Every client treats this error as final.
    let no_transactions = ResponseError::TransactionalIdAuthorizationFailed;
    let refusal = match request.key_type {
        GROUP_COORDINATOR => None,
        TRANSACTION_COORDINATOR => Some((no_transactions, "This broker has no transactions.")),
        _ => Some((ResponseError::InvalidRequest, "This broker coordinates only groups.")),
    };
    let (code, message) = refusal.map_or((0, None), |(error, message)| (error.code(), Some(text(message))));
    let (node, host, port) = match refusal {
        None => (NODE_ID, broker.host.clone(), broker.port),
        Some(_) => (BrokerId(-1), StrBytes::default(), -1),
    };
    if version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(|key| {
            let found = Coordinator::default().with_key(key).with_node_id(node).with_host(host.clone());
            found.with_port(port).with_error_code(code).with_error_message(message.clone())
        });
        return FindCoordinatorResponse::default().with_error_message(None).with_coordinators(coordinators.collect());
    }
    let response = FindCoordinatorResponse::default().with_error_code(code).with_error_message(message);
    response.with_node_id(node).with_host(host).with_port(port)
}

pub(crate) fn describe(broker: &Broker, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let response = DescribeClusterResponse::default().with_endpoint_type(request.endpoint_type);
    if request.endpoint_type != BROKER_ENDPOINTS {
        let message = "This is a broker; it has no controller endpoint.";
        let error = ResponseError::MismatchedEndpointType.code();
        return response.with_error_code(error).with_error_message(Some(text(message)));
    }
    let node = DescribeClusterBroker::default().with_broker_id(NODE_ID).with_host(broker.host.clone());
    let node = node.with_port(broker.port).with_rack(None);
    let response = response.with_error_message(None).with_cluster_id(text(&broker.cluster_id));
    response.with_controller_id(NODE_ID).with_brokers(vec![node])
}

/// Returns the size of every partition in the data directory, in bytes.
pub(crate) fn log_dirs(broker: &Broker, request: &DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let describe = |topic: &Topic, wanted: &dyn Fn(i32) -> bool| {
        let partitions = (0..).zip(&topic.logs).filter(|(index, _)| wanted(*index)).map(|(index, log)| {
            let size = i64::try_from(log.bounds().bytes).unwrap_or(i64::MAX);
            described::DescribeLogDirsPartition::default().with_partition_index(index).with_partition_size(size)
        });
        let name = TopicName(text(&topic.name));
        described::DescribeLogDirsTopic::default().with_name(name).with_partitions(partitions.collect())
    };
    let topics = match &request.topics {
        None => broker.catalog.all().iter().map(|topic| describe(topic, &|_| true)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let topic = broker.catalog.by_name(&asked.topic).ok()?;
                Some(describe(&topic, &|index| asked.partitions.contains(&index)))
            })
            .collect(),
    };
    let result = described::DescribeLogDirsResult::default().with_log_dir(text(&broker.folder)).with_topics(topics);
    DescribeLogDirsResponse::default().with_results(vec![result])
}
