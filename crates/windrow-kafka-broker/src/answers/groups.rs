//! Answers to requests of group members (join, sync, heartbeat, leave) and of administration tools.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response as described;
use kafka_protocol::messages::consumer_group_heartbeat_response as heartbeat;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::broker::Broker;
use crate::groups::{Assignor, HEARTBEAT_MS, Heartbeat, JOINS, Join, LEAVES_FOR_A_WHILE, Partitions, Registration};
use crate::refused::Refused;
use crate::wire::{Client, owned, owned_some, text};

fn millis(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

pub(crate) async fn join(
    broker: &Broker,
    request: JoinGroupRequest,
    version: i16,
    client: &Client,
) -> JoinGroupResponse {
    let group = request.group_id.to_string();
    let rebalance = if version >= 1 { request.rebalance_timeout_ms } else { request.session_timeout_ms };
    let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
    let registration = Registration {
        instance: owned_some(request.group_instance_id.as_ref()),
        client: client.clone(),
        session: millis(request.session_timeout_ms),
        rebalance: millis(rebalance),
        protocols: request.protocols.iter().map(|one| (owned(&one.name), copy(&one.metadata))).collect(),
    };
    let join = Join {
        member: owned(&request.member_id),
        registration,
        protocol_type: owned(&request.protocol_type),
        needs_id: version >= 4,
        may_skip: version >= 9,
    };
    drop(request);
    let answer = broker.groups.join(&group, join, broker.instant());
    let gone = || Err((ResponseError::UnknownMemberId, String::new()));
    match answer.await.unwrap_or_else(|_| gone()) {
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, instance, metadata)| {
                let member = JoinGroupResponseMember::default().with_member_id(text(id)).with_metadata(metadata);
                member.with_group_instance_id(instance.map(text))
            });
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_name(Some(text(joined.protocol)))
                .with_leader(text(joined.leader))
                .with_member_id(text(joined.member))
                .with_members(members.collect())
                .with_protocol_type(Some(text(joined.protocol_type)))
                .with_skip_assignment(joined.skips_assignment)
        }
        Err((error, member)) => {
            let protocol = (version < 7).then(StrBytes::default);
            JoinGroupResponse::default()
                .with_error_code(error.code())
                .with_generation_id(-1)
                .with_protocol_name(protocol)
                .with_member_id(text(member))
        }
    }
}

pub(crate) async fn sync(broker: &Broker, request: SyncGroupRequest) -> SyncGroupResponse {
    let group = request.group_id.to_string();
    let (id, instance) = (owned(&request.member_id), owned_some(request.group_instance_id.as_ref()));
    let assignments = request.assignments.iter();
    let assignments = assignments.map(|one| (owned(&one.member_id), Bytes::copy_from_slice(&one.assignment))).collect();
    let answer = broker.groups.sync(
        &group,
        (&id, instance.as_deref(), request.generation_id),
        (request.protocol_type.as_deref(), request.protocol_name.as_deref()),
        assignments,
        broker.instant(),
    );
    drop(request);
    match answer.await.unwrap_or_else(|_| Err((ResponseError::UnknownMemberId, String::new()))) {
        Ok(synced) => SyncGroupResponse::default()
            .with_assignment(synced.assignment)
            .with_protocol_type(Some(text(synced.protocol_type)))
            .with_protocol_name(Some(text(synced.protocol))),
        Err((error, _)) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

pub(crate) fn heartbeat(broker: &Broker, request: &HeartbeatRequest) -> HeartbeatResponse {
    let who = (&*request.member_id, request.group_instance_id.as_deref(), request.generation_id);
    let heard = broker.groups.heartbeat(&request.group_id, who, broker.instant());
    HeartbeatResponse::default().with_error_code(code(heard))
}

pub(crate) fn code<T>(result: Result<T, ResponseError>) -> i16 {
    result.map_or_else(|error| error.code(), |_| 0)
}

pub(crate) fn leave(broker: &Broker, request: &LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
    let go = |id: &str, instance: Option<&str>| broker.groups.leave(&request.group_id, id, instance, broker.instant());
    if version < 3 {
        return LeaveGroupResponse::default().with_error_code(code(go(&request.member_id, None)));
    }
    let members = request.members.iter().map(|member| {
        let gone = go(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(code(gone))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub(crate) fn describe(broker: &Broker, request: &DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse {
    let groups = request.groups.iter().map(|name| {
        let group = DescribedGroup::default().with_group_id(name.clone());
        let Some(found) = broker.groups.describe(name) else {
            let group = group.with_group_state(text("Dead"));
            if version < 6 {
                return group;
            }
            let message = format!("Group {} not found.", name.as_str());
            return group
                .with_error_code(ResponseError::GroupIdNotFound.code())
                .with_error_message(Some(text(message)));
        };
        let members = found.members.into_iter().map(|(id, instance, client, metadata, assignment)| {
            DescribedGroupMember::default()
                .with_member_id(text(id))
                .with_client_id(text(client.id))
                .with_client_host(text(client.host))
                .with_member_metadata(metadata)
                .with_member_assignment(assignment)
                .with_group_instance_id(instance.map(text))
        });
        group
            .with_error_message(None)
            .with_group_state(text(found.state))
            .with_protocol_type(text(found.protocol_type))
            .with_protocol_data(text(found.protocol))
            .with_members(members.collect())
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(crate) fn list(broker: &Broker, request: &ListGroupsRequest) -> ListGroupsResponse {
    let is_wanted = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = broker.groups.list().into_iter().filter_map(|listed| {
        let kind = if listed.is_consumer { "consumer" } else { "classic" };
        if !is_wanted(&request.states_filter, listed.state) || !is_wanted(&request.types_filter, kind) {
            return None;
        }
        let group = ListedGroup::default().with_group_id(GroupId(text(listed.group)));
        let group = group.with_protocol_type(text(listed.protocol_type));
        Some(group.with_group_state(text(listed.state)).with_group_type(text(kind)))
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}

pub(crate) fn delete(broker: &Broker, request: &DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.iter().map(|name| {
        let deleted = blocking(|| broker.groups.delete(name));
        DeletableGroupResult::default().with_group_id(name.clone()).with_error_code(code(deleted))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

pub(crate) fn consumer_heartbeat(
    broker: &Broker,
    request: &ConsumerGroupHeartbeatRequest,
    client: &Client,
) -> ConsumerGroupHeartbeatResponse {
    let answer = said(request, client)
        .and_then(|said| broker.groups.consumer_heartbeat(&request.group_id, said, &broker.topics(), broker.instant()));
    match answer {
        Ok(told) => {
            let assignment = told.assignment.map(|partitions| {
                let topics = by_topic(&partitions).into_iter().map(|(topic, partitions)| {
                    heartbeat::TopicPartitions::default().with_topic_id(topic).with_partitions(partitions)
                });
                heartbeat::Assignment::default().with_topic_partitions(topics.collect())
            });
            ConsumerGroupHeartbeatResponse::default()
                .with_error_message(None)
                .with_member_id(Some(text(told.member)))
                .with_member_epoch(told.epoch)
                .with_heartbeat_interval_ms(HEARTBEAT_MS)
                .with_assignment(assignment)
        }
        Err((error, message)) => ConsumerGroupHeartbeatResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(text(message)))
            .with_member_id(None)
            .with_assignment(None),
    }
}

fn by_topic(partitions: &Partitions) -> BTreeMap<Uuid, Vec<i32>> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(*topic).or_default().push(*partition);
    }
    topics
}

/// Converts a heartbeat request, and checks its fields.
fn said(request: &ConsumerGroupHeartbeatRequest, client: &Client) -> Result<Heartbeat, Refused> {
    let invalid = |message: &str| Err((ResponseError::InvalidRequest, message.to_owned()));
    if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    let mut member = owned(&request.member_id);
    if request.member_epoch == JOINS {
        if member.is_empty() {
            member = Uuid::new_v4().to_string();
        }
        if request.rebalance_timeout_ms < 1 {
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be provided in first request.");
        }
        if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("TopicPartitions must be empty when (re-)joining.");
        }
    } else if member.is_empty() {
        return invalid("MemberId can't be empty.");
    } else if request.member_epoch == LEAVES_FOR_A_WHILE && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if request.member_epoch < LEAVES_FOR_A_WHILE {
        return invalid("MemberEpoch is invalid.");
    }
    let assignor = match request.server_assignor.as_deref() {
        None => None,
        Some(name) => Some(Assignor::from_name(name).ok_or_else(|| {
            (
                ResponseError::UnsupportedAssignor,
                format!("ServerAssignor {name} is not supported; use uniform or range."),
            )
        })?),
    };
    let regex = match request.subscribed_topic_regex.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(pattern) => {
            let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
            let invalid =
                |_| (ResponseError::InvalidRegularExpression, format!("{pattern} is not a valid regular expression."));
            Some(Some((pattern.to_owned(), whole.map_err(invalid)?)))
        }
    };
    let names = request.subscribed_topic_names.as_ref();
    let owned_now = request.topic_partitions.as_ref().map(|topics| {
        let all = topics.iter().flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition)));
        all.collect()
    });
    Ok(Heartbeat {
        member,
        epoch: request.member_epoch,
        instance: owned_some(request.instance_id.as_ref()),
        rack: owned_some(request.rack_id.as_ref()),
        client: client.clone(),
        rebalance: Some(millis(request.rebalance_timeout_ms)).filter(|limit| !limit.is_zero()),
        names: names.map(|names| names.iter().map(|name| name.to_string()).collect()),
        regex,
        assignor,
        owned: owned_now,
    })
}

pub(crate) fn consumer_describe(
    broker: &Broker,
    request: &ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let topics = broker.topics();
    let assignment = |partitions: &Partitions| {
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            let name = topics.get(&topic).map(|(name, _)| name.clone()).unwrap_or_default();
            described::TopicPartitions::default()
                .with_topic_id(topic)
                .with_topic_name(TopicName(text(name)))
                .with_partitions(partitions)
        });
        described::Assignment::default().with_topic_partitions(topics.collect())
    };
    let groups = request.group_ids.iter().map(|name| {
        let group = described::DescribedGroup::default().with_group_id(name.clone());
        let Some(found) = broker.groups.describe_consumers(name) else {
            let message = format!("Group {} is not a consumer group.", name.as_str());
            return group
                .with_error_code(ResponseError::GroupIdNotFound.code())
                .with_error_message(Some(text(message)));
        };
        let members = found.members.into_iter().map(|member| {
            let subscription = member.subscription;
            described::Member::default()
                .with_member_id(text(member.id))
                .with_instance_id(subscription.instance.map(text))
                .with_rack_id(subscription.rack.map(text))
                .with_member_epoch(member.epoch)
                .with_client_id(text(subscription.client.id))
                .with_client_host(text(subscription.client.host))
                .with_subscribed_topic_names(subscription.names.into_iter().map(|name| TopicName(text(name))).collect())
                .with_subscribed_topic_regex(subscription.regex.map(|(pattern, _)| text(pattern)))
                .with_assignment(assignment(&member.assigned))
                .with_target_assignment(assignment(&member.target))
                // Type 1 is a member of the consumer protocol.
                .with_member_type(1)
        });
        group
            .with_error_message(None)
            .with_group_state(text(found.state))
            .with_group_epoch(found.epoch)
            .with_assignment_epoch(found.target_epoch)
            .with_assignor_name(text(found.assignor))
            .with_members(members.collect())
    });
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}
