//! Conversations with the group coordinator.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;

use crate::side_by_side::client::{Client, Transcript, text, topic};
use crate::side_by_side::messages::{create, name};

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// Waits until the node is a coordinator of groups.
pub(crate) fn warm_up(client: &mut Client) {
    for _ in 0..200 {
        let request = OffsetFetchRequest::default().with_group_id(group("warm-up")).with_topics(Some(Vec::new()));
        let found: OffsetFetchResponse = client.ask(ApiKey::OffsetFetch, 5, &request);
        let request = FindCoordinatorRequest::default().with_key(text("warm-up"));
        let led: FindCoordinatorResponse = client.ask(ApiKey::FindCoordinator, 2, &request);
        if found.error_code == 0 && led.error_code == 0 {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    panic!("nobody leads groups");
}

#[derive(Clone)]
struct Member {
    id: String,
    instance: Option<&'static str>,
    generation: i32,
}

fn join_request(of: &str, member: &Member, protocol: &str, session: i32) -> JoinGroupRequest {
    let protocols =
        vec![JoinGroupRequestProtocol::default().with_name(text(protocol)).with_metadata(Bytes::from_static(b"w"))];
    JoinGroupRequest::default()
        .with_group_id(group(of))
        .with_session_timeout_ms(session)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.map(text))
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols)
}

fn describe_join(found: &JoinGroupResponse) -> String {
    let is_leader = !found.member_id.is_empty() && found.leader == found.member_id;
    let id = if found.member_id.is_empty() { "no id" } else { "an id" };
    let protocol = found.protocol_name.as_ref().map(|name| name.to_string());
    format!(
        "{}, generation {}, {id}, leader {is_leader}, {} members, protocol {protocol:?}, skips {}",
        name(found.error_code),
        found.generation_id,
        found.members.len(),
        found.skip_assignment
    )
}

fn join(client: &mut Client, version: i16, of: &str, member: &mut Member) -> String {
    let mut found: JoinGroupResponse =
        client.ask(ApiKey::JoinGroup, version, &join_request(of, member, "range", 10_000));
    if found.error_code == 79 {
        member.id = found.member_id.to_string();
        found = client.ask(ApiKey::JoinGroup, version, &join_request(of, member, "range", 10_000));
    }
    member.id = found.member_id.to_string();
    member.generation = found.generation_id;
    describe_join(&found)
}

fn sync_request(of: &str, member: &Member, assigned: &[&Member]) -> SyncGroupRequest {
    let assignments = assigned.iter().enumerate().map(|(index, member)| {
        let share = Bytes::from(format!("share {index}"));
        SyncGroupRequestAssignment::default().with_member_id(text(&member.id)).with_assignment(share)
    });
    SyncGroupRequest::default()
        .with_group_id(group(of))
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.map(text))
        .with_assignments(assignments.collect())
}

fn synced(found: &SyncGroupResponse) -> String {
    format!("{}, '{}'", name(found.error_code), String::from_utf8_lossy(&found.assignment))
}

fn heartbeat(client: &mut Client, of: &str, member: &Member) -> String {
    let request = HeartbeatRequest::default()
        .with_group_id(group(of))
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.map(text));
    let found: HeartbeatResponse = client.ask(ApiKey::Heartbeat, 4, &request);
    name(found.error_code)
}

fn commit(client: &mut Client, of: &str, member: &Member, offset: i64) -> String {
    let partition =
        OffsetCommitRequestPartition::default().with_committed_offset(offset).with_committed_metadata(Some(text("m")));
    let topic_commits = OffsetCommitRequestTopic::default().with_name(topic("groups")).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group(of))
        .with_generation_id_or_member_epoch(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.map(text))
        .with_topics(vec![topic_commits]);
    let found: OffsetCommitResponse = client.ask(ApiKey::OffsetCommit, 8, &request);
    name(found.topics[0].partitions[0].error_code)
}

fn committed(client: &mut Client, version: i16, of: &str) -> String {
    let asked = OffsetFetchRequestTopic::default().with_name(topic("groups")).with_partition_indexes(vec![0, 5]);
    let request = OffsetFetchRequest::default().with_group_id(group(of)).with_topics(Some(vec![asked]));
    let found: OffsetFetchResponse = client.ask(ApiKey::OffsetFetch, version, &request);
    let each: Vec<String> = found.topics[0]
        .partitions
        .iter()
        .map(|one| {
            let metadata = one.metadata.as_ref().map(|text| text.to_string());
            format!("{} {} {metadata:?} {}", one.partition_index, one.committed_offset, name(one.error_code))
        })
        .collect();
    format!("{}: {}", name(found.error_code), each.join("; "))
}

fn described(client: &mut Client, version: i16, of: &str) -> String {
    let request = DescribeGroupsRequest::default().with_groups(vec![group(of)]);
    let found: DescribeGroupsResponse = client.ask(ApiKey::DescribeGroups, version, &request);
    let found = &found.groups[0];
    let (state, protocol) = (found.group_state.to_string(), found.protocol_data.to_string());
    format!("{}, {state}, protocol '{protocol}', {} members", name(found.error_code), found.members.len())
}

fn unknown_member() -> Member {
    Member { id: String::new(), instance: None, generation: -1 }
}

pub(crate) fn members_share_and_leave(client: &mut Client, transcript: &mut Transcript) {
    create(client, "groups", 1, &[]);
    let of = "share";
    transcript.record(format!("nobody: {}", described(client, 5, of)));
    transcript.record(format!("nobody, newest version: {}", described(client, 6, of)));
    let found: JoinGroupResponse =
        client.ask(ApiKey::JoinGroup, 5, &join_request(of, &unknown_member(), "range", 10_000));
    transcript.record(format!("a first time: {}", describe_join(&found)));
    let mut one = Member { id: found.member_id.to_string(), ..unknown_member() };
    transcript.record(format!("with that id: {}", join(client, 5, of, &mut one)));
    transcript.record(format!("described: {}", described(client, 5, of)));
    transcript.record(format!("heartbeat before the assignment: {}", heartbeat(client, of, &one)));
    transcript.record(format!("commit before the assignment: {}", commit(client, of, &one, 3)));
    let found: SyncGroupResponse = client.ask(ApiKey::SyncGroup, 3, &sync_request(of, &one, &[&one]));
    transcript.record(format!("assigned: {}", synced(&found)));
    transcript.record(format!("described: {}", described(client, 5, of)));
    transcript.record(format!("heartbeat: {}, commit: {}", heartbeat(client, of, &one), commit(client, of, &one, 4)));
    transcript.record(format!("commit of nobody: {}", commit(client, of, &unknown_member(), 5)));
    let unknown = Member { id: "stranger".to_owned(), ..one.clone() };
    transcript.record(format!(
        "of a stranger: {}, {}",
        heartbeat(client, of, &unknown),
        commit(client, of, &unknown, 5)
    ));
    let late = Member { generation: one.generation - 1, ..one.clone() };
    transcript.record(format!("of the past: {}, {}", heartbeat(client, of, &late), commit(client, of, &late, 5)));
    let found: SyncGroupResponse = client.ask(ApiKey::SyncGroup, 3, &sync_request(of, &late, &[]));
    transcript.record(format!("sync of the past: {}", synced(&found)));

    let mut connection = client.other();
    let mut two = unknown_member();
    let found: JoinGroupResponse = connection.ask(ApiKey::JoinGroup, 5, &join_request(of, &two, "range", 10_000));
    two.id = found.member_id.to_string();
    connection.send(ApiKey::JoinGroup, 5, &join_request(of, &two, "range", 10_000));
    std::thread::park_timeout(std::time::Duration::from_millis(300));
    transcript.record(format!("a second has come: {}", heartbeat(client, of, &one)));
    transcript.record(format!("commit meanwhile: {}", commit(client, of, &one, 6)));
    transcript.record(format!("described: {}", described(client, 5, of)));
    transcript.record(format!("the first again: {}", join(client, 5, of, &mut one)));
    let found: JoinGroupResponse = connection.answer(ApiKey::JoinGroup, 5).expect("an answer");
    two.generation = found.generation_id;
    transcript.record(format!("the second: {}", describe_join(&found)));
    connection.send(ApiKey::SyncGroup, 3, &sync_request(of, &two, &[]));
    let found: SyncGroupResponse = client.ask(ApiKey::SyncGroup, 3, &sync_request(of, &one, &[&one, &two]));
    transcript.record(format!("the first gets {}", synced(&found)));
    let found: SyncGroupResponse = connection.answer(ApiKey::SyncGroup, 3).expect("an answer");
    transcript.record(format!("the second gets {}", synced(&found)));
    let found: JoinGroupResponse =
        client.ask(ApiKey::JoinGroup, 5, &join_request(of, &unknown_member(), "other", 10_000));
    transcript.record(format!("another protocol: {}", describe_join(&found)));

    let leave = |client: &mut Client, member: &Member| {
        let gone = vec![MemberIdentity::default().with_member_id(text(&member.id))];
        let request = LeaveGroupRequest::default().with_group_id(group(of)).with_members(gone);
        let found: LeaveGroupResponse = client.ask(ApiKey::LeaveGroup, 4, &request);
        format!(
            "{}, {}",
            name(found.error_code),
            found.members.first().map_or_else(String::new, |one| name(one.error_code))
        )
    };
    transcript.record(format!("a stranger leaves: {}", leave(client, &unknown)));
    transcript.record(format!("the second leaves: {}", leave(client, &two)));
    transcript.record(format!("then the first: {}", heartbeat(client, of, &one)));
    let delete = |client: &mut Client, of: &str| {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group(of)]);
        let found: DeleteGroupsResponse = client.ask(ApiKey::DeleteGroups, 2, &request);
        name(found.results[0].error_code)
    };
    transcript.record(format!("deleted while it lives: {}", delete(client, of)));
    transcript.record(format!("the first leaves: {}", leave(client, &one)));
    transcript.record(format!("described: {}", described(client, 5, of)));
    for version in [1, 2, 5, 7] {
        transcript.record(format!("committed, version {version}: {}", committed(client, version, of)));
    }
    transcript.record(format!("committed by nobody: {}", committed(client, 5, "nobody")));
    transcript.record(format!("commit while it is empty: {}", commit(client, of, &unknown_member(), 9)));
    transcript.record(format!("committed: {}", committed(client, 5, of)));
    transcript.record(format!("deleted: {}, deleted again: {}", delete(client, of), delete(client, of)));
    for session in [0, 5_999, 1_800_001] {
        let found: JoinGroupResponse =
            client.ask(ApiKey::JoinGroup, 5, &join_request("times", &unknown_member(), "range", session));
        transcript.record(format!("a session of {session} ms: {}", describe_join(&found)));
    }
    let found: JoinGroupResponse =
        client.ask(ApiKey::JoinGroup, 5, &join_request("", &unknown_member(), "range", 10_000));
    transcript.record(format!("a group without a name: {}", describe_join(&found)));
}

pub(crate) fn static_members_come_back(client: &mut Client, transcript: &mut Transcript) {
    let of = "static";
    let mut one = Member { instance: Some("one"), ..unknown_member() };
    transcript.record(format!("one: {}", join(client, 9, of, &mut one)));
    let found: SyncGroupResponse = client.ask(ApiKey::SyncGroup, 4, &sync_request(of, &one, &[&one]));
    transcript.record(format!("assigned: {}", synced(&found)));
    let mut again = Member { instance: Some("one"), ..unknown_member() };
    transcript.record(format!("one again: {}", join(client, 9, of, &mut again)));
    transcript.record(format!("its former self: {}", heartbeat(client, of, &one)));
    transcript.record(format!("itself: {}", heartbeat(client, of, &again)));
    let found: SyncGroupResponse = client.ask(ApiKey::SyncGroup, 4, &sync_request(of, &again, &[]));
    transcript.record(format!("assigned: {}", synced(&found)));
    let mut older = Member { instance: Some("one"), ..unknown_member() };
    transcript.record(format!("one again in an older version: {}", join(client, 5, of, &mut older)));
    let unknown = Member { instance: Some("two"), ..older.clone() };
    transcript.record(format!("an unknown instance: {}", heartbeat(client, of, &unknown)));
    let gone = vec![MemberIdentity::default().with_group_instance_id(Some(text("one")))];
    let request = LeaveGroupRequest::default().with_group_id(group(of)).with_members(gone);
    let found: LeaveGroupResponse = client.ask(ApiKey::LeaveGroup, 4, &request);
    transcript.record(format!("it leaves by its name: {}", name(found.members[0].error_code)));
    transcript.record(format!("described: {}", described(client, 5, of)));
}

/// A member of a group whose assignments the broker makes.
struct Assigned {
    id: &'static str,
    epoch: i32,
    owned: Vec<i32>,
}

impl Assigned {
    fn new(id: &'static str) -> Self {
        Self { id, epoch: 0, owned: Vec::new() }
    }

    /// Sends a heartbeat with the member's partitions, and stores the new assignment. Returns the name of the error.
    fn heartbeat_line(&mut self, client: &mut Client, topic_id: uuid::Uuid) -> String {
        let (owned, epoch) = (self.owned.clone(), self.epoch);
        let found = self.send_heartbeat(client, epoch, &owned, topic_id);
        if found.error_code == 0 {
            self.epoch = found.member_epoch;
            if let Some(assignment) = found.assignment {
                self.owned = assignment.topic_partitions.into_iter().flat_map(|one| one.partitions).collect();
                self.owned.sort_unstable();
            }
        }
        name(found.error_code)
    }

    fn send_heartbeat(
        &self,
        client: &mut Client,
        epoch: i32,
        owned: &[i32],
        id: uuid::Uuid,
    ) -> ConsumerGroupHeartbeatResponse {
        use consumer_group_heartbeat_request::TopicPartitions;
        let one = TopicPartitions::default().with_topic_id(id).with_partitions(owned.to_vec());
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group(NEWER))
            .with_member_id(text(self.id))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(if epoch == 0 { 30_000 } else { -1 })
            .with_subscribed_topic_names((epoch == 0).then(|| vec![topic("assigned")]))
            .with_topic_partitions(Some(if owned.is_empty() { Vec::new() } else { vec![one] }));
        client.ask(ApiKey::ConsumerGroupHeartbeat, 1, &request)
    }

    fn commit(&self, client: &mut Client, epoch: i32) -> String {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
        let topic_commits =
            OffsetCommitRequestTopic::default().with_name(topic("assigned")).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default().with_group_id(group(NEWER)).with_member_id(text(self.id));
        let request = request.with_generation_id_or_member_epoch(epoch).with_topics(vec![topic_commits]);
        let found: OffsetCommitResponse = client.ask(ApiKey::OffsetCommit, 9, &request);
        name(found.topics[0].partitions[0].error_code)
    }
}

const NEWER: &str = "newer";

/// Sends heartbeats until each member has the wanted number of partitions.
fn settle(client: &mut Client, members: &mut [&mut Assigned], wanted: &[usize], id: uuid::Uuid) -> String {
    for _ in 0..200 {
        for member in members.iter_mut() {
            let answer = member.heartbeat_line(client, id);
            assert_eq!(answer, "ok", "{} at epoch {}", member.id, member.epoch);
        }
        let has: Vec<usize> = members.iter().map(|member| member.owned.len()).collect();
        if has == wanted && members.iter().all(|member| member.epoch == members[0].epoch) {
            let mut all: Vec<i32> = members.iter().flat_map(|member| member.owned.clone()).collect();
            all.sort_unstable();
            return format!("{has:?}, all of {all:?}");
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    "they do not come to rest".to_owned()
}

pub(crate) fn the_broker_assigns(client: &mut Client, transcript: &mut Transcript) {
    create(client, "assigned", 4, &[]);
    let request = metadata_request::MetadataRequestTopic::default().with_name(Some(topic("assigned")));
    let request = MetadataRequest::default().with_topics(Some(vec![request]));
    let found: MetadataResponse = client.ask(ApiKey::Metadata, 12, &request);
    let id = found.topics[0].topic_id;
    let (mut one, mut two) = (Assigned::new("AAAAAAAAAAAAAAAAAAAAAA"), Assigned::new("BBBBBBBBBBBBBBBBBBBBBB"));
    transcript.record(format!("one joins: {}", settle(client, &mut [&mut one], &[4], id)));
    let all = one.owned.clone();
    transcript.record(format!("two joins: {}", settle(client, &mut [&mut one, &mut two], &[2, 2], id)));
    let (kept, epoch) = (one.owned.clone(), one.epoch);
    for (what, epoch, owned) in [
        ("of the epoch before with too much", epoch - 1, &all),
        ("of long ago", epoch - 7, &kept),
        ("of the future", epoch + 7, &kept),
        ("of an epoch that there is not", -7, &kept),
    ] {
        transcript.record(format!("one, {what}: {}", name(one.send_heartbeat(client, epoch, owned, id).error_code)));
    }
    let nobody = Assigned::new("CCCCCCCCCCCCCCCCCCCCCC");
    transcript.record(format!("a stranger: {}", name(nobody.send_heartbeat(client, epoch, &[], id).error_code)));
    for (what, epoch) in
        [("the epoch before", epoch - 1), ("this epoch", epoch), ("the next epoch", epoch + 1), ("none", -1)]
    {
        transcript.record(format!("a commit of {what}: {}", one.commit(client, epoch)));
    }
    transcript.record(format!("a commit of a stranger: {}", nobody.commit(client, epoch)));
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group(NEWER)]);
    let found: ConsumerGroupDescribeResponse = client.ask(ApiKey::ConsumerGroupDescribe, 1, &request);
    let shown = &found.groups[0];
    transcript.record(format!(
        "described: {}, {}, {}, {} members, at rest {}",
        name(shown.error_code),
        &*shown.group_state,
        &*shown.assignor_name,
        shown.members.len(),
        shown.group_epoch == shown.assignment_epoch
    ));
    transcript.record(format!("described as a classic group: {}", described(client, 5, NEWER)));
    let found: JoinGroupResponse =
        client.ask(ApiKey::JoinGroup, 3, &join_request(NEWER, &unknown_member(), "range", 10_000));
    transcript.record(format!("a classic member: {}", name(found.error_code)));
    transcript.record(format!("two leaves: {}", name(two.send_heartbeat(client, -1, &[], id).error_code)));
    transcript.record(format!("then one: {}", settle(client, &mut [&mut one], &[4], id)));
    transcript.record(format!("one leaves: {}", name(one.send_heartbeat(client, -1, &[], id).error_code)));
    let mut classic = unknown_member();
    let joined = join(client, 5, NEWER, &mut classic);
    transcript.record(format!(
        "a classic member of the empty group: {}",
        joined.replace(&classic.generation.to_string(), "N")
    ));
    transcript.record(format!(
        "one joins a living classic group: {}",
        name(one.send_heartbeat(client, 0, &[], id).error_code)
    ));
}
