//! Answers to requests of group members (join, sync, heartbeat, leave) and of administration tools.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
use crate::groups::{
    Assignor, GroupPhase, HEARTBEAT_MS, Heartbeat, JOIN_EPOCH, Join, Members, Partitions, Registration,
    STATIC_LEAVE_EPOCH,
};
use crate::refusal::Refusal;
use crate::wire::{Client, text};

fn millis(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

pub(crate) async fn join(broker: &Broker, asked: JoinGroupRequest, version: i16, client: &Client) -> JoinGroupResponse {
    let rebalance = if version >= 1 { asked.rebalance_timeout_ms } else { asked.session_timeout_ms };
    // A member that waits must not hold the memory of its request, so everything is copied.
    let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
    let registration = Registration {
        instance: asked.group_instance_id.as_deref().map(str::to_owned),
        client: client.clone(),
        session: millis(asked.session_timeout_ms),
        rebalance: millis(rebalance),
        protocols: asked.protocols.iter().map(|one| (one.name.to_string(), copy(&one.metadata))).collect(),
    };
    let join = Join {
        member: asked.member_id.to_string(),
        registration,
        protocol_type: asked.protocol_type.to_string(),
        needs_id: version >= 4,
        may_skip: version >= 9,
    };
    let answer = broker.groups.join(&asked.group_id, join, Instant::now());
    drop(asked);
    let gone = || Err((ResponseError::UnknownMemberId, String::new()));
    match answer.await.unwrap_or_else(|_| gone()) {
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, instance, metadata)| {
                let member = JoinGroupResponseMember::default().with_member_id(text(id)).with_metadata(metadata);
                member.with_group_instance_id(instance.map(text))
            });
            let response = JoinGroupResponse::default().with_generation_id(joined.generation);
            let response = response.with_protocol_name(Some(text(joined.protocol))).with_leader(text(joined.leader));
            let response = response.with_member_id(text(joined.member)).with_members(members.collect());
            response.with_protocol_type(Some(text(joined.protocol_type))).with_skip_assignment(joined.skips_assignment)
        }
        Err((error, member)) => {
            let response = JoinGroupResponse::default().with_error_code(error.code()).with_generation_id(-1);
            response.with_protocol_name((version < 7).then(StrBytes::default)).with_member_id(text(member))
        }
    }
}

pub(crate) async fn sync(broker: &Broker, request: SyncGroupRequest) -> SyncGroupResponse {
    let all = request.assignments.iter();
    let all = all.map(|one| (one.member_id.to_string(), Bytes::copy_from_slice(&one.assignment))).collect();
    let who = (&*request.member_id, request.group_instance_id.as_deref(), request.generation_id);
    let protocols = (request.protocol_type.as_deref(), request.protocol_name.as_deref());
    let answer = broker.groups.sync(&request.group_id, who, protocols, all, Instant::now());
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
    let heard = broker.groups.heartbeat(&request.group_id, who, Instant::now());
    HeartbeatResponse::default().with_error_code(code(heard))
}

pub(crate) fn code<T>(result: Result<T, ResponseError>) -> i16 {
    result.map_or_else(|error| error.code(), |_| 0)
}

pub(crate) fn leave(broker: &Broker, request: &LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
    let go = |id: &str, instance: Option<&str>| broker.groups.leave(&request.group_id, id, instance, Instant::now());
    if version < 3 {
        return LeaveGroupResponse::default().with_error_code(code(go(&request.member_id, None)));
    }
    let members = request.members.iter().map(|member| {
        let gone = go(&member.member_id, member.group_instance_id.as_deref());
        let response = MemberResponse::default().with_member_id(member.member_id.clone()).with_error_code(code(gone));
        response.with_group_instance_id(member.group_instance_id.clone())
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub(crate) fn describe(broker: &Broker, request: &DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse {
    let groups = request.groups.iter().map(|name| {
        // One lock for each name: heartbeats need not wait for the answers of a large request.
        let all = broker.groups.lock();
        let group = DescribedGroup::default().with_group_id(name.clone());
        let Some(Members::Classic(found)) = all.get(name.as_str()).map(|group| &group.members) else {
            let group = group.with_group_state(text("Dead"));
            if version < 6 {
                return group;
            }
            let group = group.with_error_code(ResponseError::GroupIdNotFound.code());
            return group.with_error_message(Some(text(format!("Group {} not found.", name.as_str()))));
        };
        // Only a final assignment is listed, with the metadata that it was made from.
        let protocol = found.protocol.as_deref().filter(|_| found.phase == GroupPhase::Stable);
        let members = found.members.iter().map(|(id, member)| {
            let Registration { instance, client, .. } = &member.registration;
            let metadata = protocol.map(|name| member.registration.metadata(name)).unwrap_or_default();
            let assignment = protocol.map(|_| member.assignment.clone()).unwrap_or_default();
            let member = DescribedGroupMember::default().with_member_id(text(id)).with_client_id(text(&client.id));
            let member = member.with_client_host(text(&client.host)).with_member_metadata(metadata);
            member.with_member_assignment(assignment).with_group_instance_id(instance.as_ref().map(text))
        });
        let group = group.with_error_message(None).with_group_state(text(found.phase.name()));
        let group = group.with_protocol_type(text(found.protocol_type.as_deref().unwrap_or_default()));
        group.with_protocol_data(text(protocol.unwrap_or_default())).with_members(members.collect())
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(crate) fn list(broker: &Broker, request: &ListGroupsRequest) -> ListGroupsResponse {
    let is_wanted = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let all = broker.groups.lock();
    let groups = all.iter().filter_map(|(name, group)| {
        let (kind, protocol_type) = match &group.members {
            Members::Classic(members) => ("classic", members.protocol_type.as_deref().unwrap_or_default()),
            Members::Consumer(_) => ("consumer", "consumer"),
        };
        let state = group.members.state();
        if !is_wanted(&request.states_filter, state) || !is_wanted(&request.types_filter, kind) {
            return None;
        }
        let group = ListedGroup::default().with_group_id(GroupId(text(name))).with_protocol_type(text(protocol_type));
        Some(group.with_group_state(text(state)).with_group_type(text(kind)))
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
    let answer = parse_heartbeat(request, client).and_then(|heartbeat| {
        broker.groups.consumer_heartbeat(&request.group_id, heartbeat, &broker.topics(), Instant::now())
    });
    match answer {
        Ok(answer) => {
            let assignment = answer.assignment.map(|partitions| {
                let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
                    heartbeat::TopicPartitions::default().with_topic_id(topic).with_partitions(partitions)
                });
                heartbeat::Assignment::default().with_topic_partitions(topics.collect())
            });
            let response = ConsumerGroupHeartbeatResponse::default().with_error_message(None);
            let response = response.with_member_id(Some(text(answer.member))).with_member_epoch(answer.epoch);
            response.with_heartbeat_interval_ms(HEARTBEAT_MS).with_assignment(assignment)
        }
        Err((error, message)) => {
            let response = ConsumerGroupHeartbeatResponse::default().with_error_code(error.code());
            response.with_error_message(Some(text(message))).with_member_id(None).with_assignment(None)
        }
    }
}

pub(crate) fn by_topic<T>(values: impl IntoIterator<Item = (Uuid, T)>) -> BTreeMap<Uuid, Vec<T>> {
    let mut topics: BTreeMap<Uuid, Vec<T>> = BTreeMap::new();
    for (topic, value) in values {
        topics.entry(topic).or_default().push(value);
    }
    topics
}

fn parse_heartbeat(request: &ConsumerGroupHeartbeatRequest, client: &Client) -> Result<Heartbeat, Refusal> {
    let invalid = |message: &str| Err((ResponseError::InvalidRequest, message.to_owned()));
    if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    let mut member = request.member_id.to_string();
    if request.member_epoch == JOIN_EPOCH {
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
    } else if request.member_epoch == STATIC_LEAVE_EPOCH && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if request.member_epoch < STATIC_LEAVE_EPOCH {
        return invalid("MemberEpoch is invalid.");
    }
    let unsupported = |name: &str| {
        let message = format!("ServerAssignor {name} is not supported; use uniform or range.");
        (ResponseError::UnsupportedAssignor, message)
    };
    let assignor = request.server_assignor.as_deref();
    let assignor = assignor.map(|name| Assignor::from_name(name).ok_or_else(|| unsupported(name))).transpose()?;
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
        instance: request.instance_id.as_deref().map(str::to_owned),
        rack: request.rack_id.as_deref().map(str::to_owned),
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
        let topics = by_topic(partitions.iter().copied()).into_iter().map(|(topic, partitions)| {
            let name = topics.get(&topic).map(|(name, _)| name.clone()).unwrap_or_default();
            let topic = described::TopicPartitions::default().with_topic_id(topic).with_partitions(partitions);
            topic.with_topic_name(TopicName(text(name)))
        });
        described::Assignment::default().with_topic_partitions(topics.collect())
    };
    let groups = request.group_ids.iter().map(|name| {
        // One lock for each name: heartbeats need not wait for the answers of a large request.
        let all = broker.groups.lock();
        let group = described::DescribedGroup::default().with_group_id(name.clone());
        let Some(Members::Consumer(found)) = all.get(name.as_str()).map(|group| &group.members) else {
            let group = group.with_error_code(ResponseError::GroupIdNotFound.code());
            return group.with_error_message(Some(text(format!("Group {} is not a consumer group.", name.as_str()))));
        };
        let members = found.members.iter().map(|(id, member)| {
            let subscription = &member.subscription;
            let names = subscription.names.iter().map(|name| TopicName(text(name))).collect();
            let regex = subscription.regex.as_ref().map(|(pattern, _)| text(pattern));
            let target = assignment(found.target.get(id).unwrap_or(&Partitions::new()));
            let answer = described::Member::default().with_member_id(text(id)).with_member_epoch(member.current.epoch);
            let answer = answer.with_instance_id(subscription.instance.as_ref().map(text));
            let answer = answer.with_rack_id(subscription.rack.as_ref().map(text)).with_target_assignment(target);
            let client = &subscription.client;
            let answer = answer.with_client_id(text(&client.id)).with_client_host(text(&client.host));
            let answer = answer.with_subscribed_topic_names(names).with_subscribed_topic_regex(regex);
            // Type 1 is a member of the consumer protocol.
            answer.with_assignment(assignment(&member.current.assigned)).with_member_type(1)
        });
        let group = group.with_error_message(None).with_group_state(text(found.state())).with_group_epoch(found.epoch);
        let group = group.with_assignment_epoch(found.target_epoch).with_assignor_name(text(found.assignor().name()));
        group.with_members(members.collect())
    });
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}
