//! Tests of groups from the view of their members. Each test controls the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::classic::{JoinAnswer, Outcome, SyncAnswer};
use super::consumer::HeartbeatAnswer;
use super::coordinator::MAX_GROUPS;
use super::*;
use crate::disk::Disk;
use crate::journal::{Commit, Journal};
use crate::wire::Client;

/// A coordinator, and a clock that the test controls.
struct TestCoordinator {
    folder: tempfile::TempDir,
    groups: Coordinator,
    now: Instant,
    topics: Topics,
}

const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

type Answer<T> = oneshot::Receiver<Outcome<T>>;

fn coordinator(folder: &std::path::Path) -> Coordinator {
    let (journal, found) = Journal::open(folder, Arc::new(Disk::default())).expect("a good journal");
    Coordinator::new(Arc::new(journal), &found.entries)
}

/// Creates the first request of a member without an id.
fn newcomer() -> Join {
    let registration = Registration {
        instance: None,
        client: Client { id: "client".to_owned(), host: "/127.0.0.1".to_owned() },
        session: SESSION_TIMEOUT,
        rebalance: 3 * SESSION_TIMEOUT,
        protocols: vec![("range".to_owned(), Bytes::new())],
    };
    Join { member: String::new(), registration, protocol_type: "consumer".to_owned(), needs_id: false, may_skip: true }
}

impl TestCoordinator {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let topics = Topics::from([(Uuid::from_u128(1), ("t".to_owned(), 6))]);
        Self { groups: coordinator(folder.path()), folder, now: Instant::now(), topics }
    }

    fn advance_clock(&mut self, time: Duration) {
        self.now += time;
        self.groups.expire(&self.topics, self.now);
    }

    fn join(&self, member: &str, instance: Option<&str>) -> Answer<JoinAnswer> {
        self.join_with(member, instance, "range", false)
    }

    fn join_with(&self, member: &str, instance: Option<&str>, protocol: &str, needs_id: bool) -> Answer<JoinAnswer> {
        let mut join = Join { member: member.to_owned(), needs_id, ..newcomer() };
        join.registration.instance = instance.map(str::to_owned);
        join.registration.protocols = vec![(protocol.to_owned(), Bytes::from_static(b"wish"))];
        self.groups.join("g", join, self.now)
    }

    fn sync(&self, joined: &JoinAnswer, assignments: &[(&str, &'static str)]) -> Answer<SyncAnswer> {
        let assignments = assignments.iter().map(|(id, text)| ((*id).to_owned(), Bytes::from_static(text.as_bytes())));
        let who = (joined.member.as_str(), None, joined.generation);
        self.groups.sync("g", who, (Some("consumer"), Some(&joined.protocol)), assignments.collect(), self.now)
    }

    fn heartbeat(&self, joined: &JoinAnswer) -> Result<(), ResponseError> {
        self.groups.heartbeat("g", (&joined.member, None, joined.generation), self.now)
    }

    fn state(&self, group: &str) -> &'static str {
        self.groups.lock().get(group).map_or("Dead", |group| group.members.state())
    }

    /// Adds two members that have joined and synced. The leader is the first.
    fn join_two(&self) -> (JoinAnswer, JoinAnswer) {
        let one = received(self.join("", None)).expect("alone");
        let mut second = self.join("", None);
        assert!(second.try_recv().is_err(), "the first has yet to join again");
        let one = received(self.join(&one.member, None)).expect("with the second");
        let two = second.try_recv().expect("both are there").expect("joined");
        assert_eq!((one.generation, two.generation, one.members.len(), two.members.len()), (2, 2, 2, 0));
        let mut waiting = self.sync(&two, &[]);
        assert!(waiting.try_recv().is_err(), "the leader has yet to assign");
        let assigned = received(self.sync(&one, &[(&one.member, "left"), (&two.member, "right")])).expect("synced");
        assert_eq!(assigned.assignment, "left");
        assert_eq!(received(waiting).expect("synced").assignment, "right");
        assert_eq!(self.state("g"), "Stable");
        (one, two)
    }
}

fn received<T>(mut receiver: oneshot::Receiver<T>) -> T {
    receiver.try_recv().expect("an answer at once")
}

fn refused<T: std::fmt::Debug>(receiver: oneshot::Receiver<Outcome<T>>) -> ResponseError {
    received(receiver).expect_err("refused").0
}

#[test]
fn two_members_share_and_the_one_that_is_left_takes_over() {
    let mut story = TestCoordinator::new();
    let (one, two) = story.join_two();
    story.advance_clock(SESSION_TIMEOUT / 2);
    assert_eq!((story.heartbeat(&one), story.heartbeat(&two)), (Ok(()), Ok(())));
    assert_eq!(story.groups.leave("g", &two.member, None, story.now), Ok(two.member.clone()));
    assert_eq!(story.heartbeat(&one), Err(ResponseError::RebalanceInProgress));
    assert_eq!(story.heartbeat(&two), Err(ResponseError::UnknownMemberId));
    let again = received(story.join(&one.member, None)).expect("alone");
    assert_eq!((again.generation, again.members.len(), again.leader), (3, 1, one.member.clone()));
    assert_eq!(story.heartbeat(&one), Err(ResponseError::IllegalGeneration));
    assert_eq!(refused(story.sync(&one, &[])), ResponseError::IllegalGeneration);
}

#[test]
fn a_member_that_falls_silent_is_dropped_after_its_session() {
    let mut story = TestCoordinator::new();
    let (one, two) = story.join_two();
    story.advance_clock(SESSION_TIMEOUT * 3 / 4);
    assert_eq!(story.heartbeat(&one), Ok(()));
    story.advance_clock(SESSION_TIMEOUT / 2);
    assert_eq!(story.heartbeat(&two), Err(ResponseError::UnknownMemberId));
    assert_eq!(story.heartbeat(&one), Err(ResponseError::RebalanceInProgress));
    assert_eq!(story.state("g"), "PreparingRebalance");
    story.advance_clock(4 * SESSION_TIMEOUT);
    assert_eq!(story.state("g"), "Dead", "no member came, and nothing was committed");
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_dropped() {
    let mut story = TestCoordinator::new();
    let (one, two) = story.join_two();
    let mut third = story.join("", None);
    for _ in 0..3 {
        story.advance_clock(SESSION_TIMEOUT * 3 / 4);
        // The members send heartbeats, but do not join.
        let _ = story.heartbeat(&two);
        let _ = story.heartbeat(&one);
    }
    assert!(third.try_recv().is_err());
    story.advance_clock(SESSION_TIMEOUT * 3 / 4);
    let joined = third.try_recv().expect("the time is over").expect("joined");
    assert_eq!((joined.members.len(), &joined.leader), (1, &joined.member));
    assert_eq!(story.heartbeat(&two), Err(ResponseError::UnknownMemberId));
}

#[test]
fn new_clients_are_given_an_id_first_and_it_lasts_a_session() {
    let mut story = TestCoordinator::new();
    let (error, id) = received(story.join_with("", None, "range", true)).expect_err("an id");
    assert_eq!(error, ResponseError::MemberIdRequired);
    assert!(id.starts_with("client-"));
    story.advance_clock(SESSION_TIMEOUT / 2);
    assert_eq!(received(story.join(&id, None)).expect("joined").member, id);
    let (_, other) = received(story.join_with("", None, "range", true)).expect_err("an id");
    story.advance_clock(2 * SESSION_TIMEOUT);
    assert_eq!(refused(story.join(&other, None)), ResponseError::UnknownMemberId);
}

#[test]
fn a_static_member_rejoins_without_a_rebalance_and_fences_its_former_id() {
    let story = TestCoordinator::new();
    let first = received(story.join("", Some("i1"))).expect("joined");
    let mut second = story.join("", Some("i2"));
    let first = received(story.join(&first.member, Some("i1"))).expect("joined");
    let second = second.try_recv().expect("both").expect("joined");
    let who = |joined: &JoinAnswer| (joined.member.clone(), joined.generation);
    let waiting = story.groups.sync("g", (&second.member, Some("i2"), 2), (None, None), Vec::new(), story.now);
    let assignments = vec![(second.member.clone(), Bytes::from_static(b"right"))];
    received(story.groups.sync("g", (&first.member, Some("i1"), 2), (None, None), assignments, story.now))
        .expect("synced");
    drop(waiting);
    let again = received(story.join("", Some("i2"))).expect("as before");
    assert_eq!((again.generation, story.state("g")), (2, "Stable"));
    assert_ne!(who(&again), who(&second));
    let old = story.groups.heartbeat("g", (&second.member, Some("i2"), 2), story.now);
    assert_eq!(old, Err(ResponseError::FencedInstanceId));
    let synced = received(story.groups.sync("g", (&again.member, Some("i2"), 2), (None, None), Vec::new(), story.now));
    assert_eq!(synced.expect("synced").assignment, "right");
    // A leader that comes back is asked to keep its assignment.
    let leader = received(story.join("", Some("i1"))).expect("as before");
    assert_eq!((leader.skips_assignment, leader.members.len(), leader.leader == leader.member), (true, 2, true));
    assert_eq!(story.groups.leave("g", "", Some("i2"), story.now), Ok(again.member));
    assert_eq!(story.groups.leave("g", "", Some("i3"), story.now), Err(ResponseError::UnknownMemberId));
}

#[test]
fn members_without_a_protocol_in_common_and_wrong_times_are_refused() {
    let story = TestCoordinator::new();
    received(story.join("", None)).expect("joined");
    assert_eq!(refused(story.join_with("", None, "roundrobin", false)), ResponseError::InconsistentGroupProtocol);
    assert_eq!(refused(story.join("nobody", None)), ResponseError::UnknownMemberId);
    assert_eq!(story.groups.heartbeat("other", ("m", None, 1), story.now), Err(ResponseError::UnknownMemberId));
    for session in [Duration::ZERO, Duration::from_secs(5), Duration::from_secs(1_801), Duration::MAX] {
        let mut join = newcomer();
        join.registration.session = session;
        assert_eq!(refused(story.groups.join("new", join, story.now)), ResponseError::InvalidSessionTimeout);
    }
    assert_eq!(story.groups.lock().len(), 1, "nothing is left of what was refused");
}

fn commit(offset: i64) -> Commits {
    let commit = Commit { offset, leader_epoch: -1, metadata: "m".to_owned(), timestamp: 5 };
    Commits::from([((Uuid::from_u128(1), 3), commit)])
}

#[test]
fn commits_are_of_members_and_survive_a_restart_and_members_do_not() {
    let story = TestCoordinator::new();
    let (one, _) = story.join_two();
    let by = |id: &str, generation, offset| story.groups.commit("g", (id, None, generation), commit(offset), story.now);
    assert_eq!(by(&one.member, 2, 7), Ok(()));
    assert_eq!(by(&one.member, 1, 8), Err(ResponseError::IllegalGeneration));
    assert_eq!(by("nobody", 2, 8), Err(ResponseError::UnknownMemberId));
    assert_eq!(by("", -1, 8), Err(ResponseError::UnknownMemberId), "the group has members");
    assert_eq!(story.groups.commit("new", ("", None, 1), commit(1), story.now), Err(ResponseError::IllegalGeneration));
    assert_eq!(story.groups.commit("new", ("", None, -1), commit(1), story.now), Ok(()));
    assert_eq!(story.groups.delete("g"), Err(ResponseError::NonEmptyGroup));
    assert_eq!(story.groups.delete("new"), Ok(()));
    let again = coordinator(story.folder.path());
    assert_eq!(again.committed("g", None), Ok(commit(7)));
    assert_eq!(again.committed("new", None), Ok(Commits::new()));
    assert_eq!(again.heartbeat("g", (&one.member, None, 2), story.now), Err(ResponseError::UnknownMemberId));
    assert_eq!(again.commit("g", ("", None, -1), commit(9), story.now), Ok(()), "it has no members now");
    again.forget_topic(Uuid::from_u128(1));
    assert_eq!((again.committed("g", None), again.lock().len()), (Ok(Commits::new()), 0));
}

#[test]
fn a_commit_that_the_disk_does_not_take_is_not_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(Disk::default());
    let (journal, found) = Journal::open(folder.path(), Arc::clone(&disk)).expect("a good journal");
    let groups = Coordinator::new(Arc::new(journal), &found.entries);
    disk.faults.set_room(Some(10));
    let now = Instant::now();
    let refused = groups.commit("g", ("", None, -1), commit(1), now);
    assert_eq!(refused, Err(ResponseError::CoordinatorNotAvailable));
    assert_eq!(groups.committed("g", None), Ok(Commits::new()));
    disk.faults.set_room(None);
    assert_eq!(groups.commit("g", ("", None, -1), commit(2), now), Ok(()));
}

impl TestCoordinator {
    /// Sends a complete heartbeat: the topic that the member wants, and the partitions that it owns.
    fn heartbeat_with(&self, member: &str, epoch: i32, owned: &[i32]) -> Result<HeartbeatAnswer, ResponseError> {
        let heartbeat = Heartbeat {
            member: member.to_owned(),
            epoch,
            rebalance: Some(3 * SESSION_TIMEOUT),
            names: Some(BTreeSet::from(["t".to_owned()])),
            owned: Some(owned.iter().map(|partition| (Uuid::from_u128(1), *partition)).collect()),
            ..Heartbeat::default()
        };
        self.groups.consumer_heartbeat("c", heartbeat, &self.topics, self.now).map_err(|(error, _)| error)
    }
}

fn numbers(answer: &HeartbeatAnswer) -> Vec<i32> {
    answer.assignment.iter().flatten().map(|(_, partition)| *partition).collect()
}

#[test]
fn a_partition_moves_after_its_old_owner_gave_it_up() {
    let mut story = TestCoordinator::new();
    let one = story.heartbeat_with("a", 0, &[]).expect("joined");
    assert_eq!((one.epoch, numbers(&one)), (1, vec![0, 1, 2, 3, 4, 5]));
    let two = story.heartbeat_with("b", 0, &[]).expect("joined");
    assert_eq!((two.epoch, numbers(&two)), (2, vec![]), "all is still taken");
    let one = story.heartbeat_with("a", 1, &[0, 1, 2, 3, 4, 5]).expect("an order to give up");
    assert_eq!((one.epoch, numbers(&one).len()), (1, 3));
    let kept = numbers(&one);
    assert_eq!(numbers(&story.heartbeat_with("b", 2, &[]).expect("waits")), Vec::<i32>::new());
    let one = story.heartbeat_with("a", 1, &kept).expect("gave up");
    assert_eq!(one.epoch, 2);
    let two = story.heartbeat_with("b", 2, &[]).expect("takes over");
    assert_eq!(numbers(&two).len(), 3);
    assert!(numbers(&two).iter().all(|partition| !kept.contains(partition)));
    assert_eq!(story.state("c"), "Stable");
    // The answer to "a" was lost. The member sends its previous epoch and its remaining partitions.
    assert_eq!(story.heartbeat_with("a", 1, &kept).map(|answer| answer.epoch), Ok(2));
    assert_eq!(story.heartbeat_with("a", 1, &[0, 1, 2, 3, 4, 5]), Err(ResponseError::FencedMemberEpoch));
    assert_eq!(story.heartbeat_with("a", 3, &kept), Err(ResponseError::FencedMemberEpoch));
    assert_eq!(story.heartbeat_with("x", 2, &[]), Err(ResponseError::UnknownMemberId));
    let by = |epoch| story.groups.commit("c", ("a", None, epoch), commit(4), story.now);
    assert_eq!((by(1), by(2)), (Err(ResponseError::StaleMemberEpoch), Ok(())));
    assert_eq!(story.groups.committed("c", Some(("a", 1))), Err(ResponseError::StaleMemberEpoch));
    assert_eq!(story.groups.committed("c", Some(("a", 2))), Ok(commit(4)));
    let held = numbers(&two);
    assert_eq!(story.heartbeat_with("b", -1, &[]).map(|answer| answer.epoch), Ok(-1));
    let one = story.heartbeat_with("a", 2, &kept).expect("alone again");
    assert_eq!((one.epoch, numbers(&one).len()), (3, kept.len() + held.len()));
    story.advance_clock(Duration::from_secs(46));
    assert_eq!(story.state("c"), "Empty");
}

#[test]
fn a_member_that_does_not_revoke_its_partitions_in_time_is_dropped() {
    let mut story = TestCoordinator::new();
    story.heartbeat_with("a", 0, &[]).expect("joined");
    story.heartbeat_with("b", 0, &[]).expect("joined");
    story.heartbeat_with("a", 1, &[0, 1, 2, 3, 4, 5]).expect("an order to give up");
    story.advance_clock(3 * SESSION_TIMEOUT);
    assert_eq!(story.heartbeat_with("a", 1, &[0, 1, 2, 3, 4, 5]), Err(ResponseError::UnknownMemberId));
    assert_eq!(story.heartbeat_with("b", 2, &[]).map(|answer| numbers(&answer).len()), Ok(6));
}

#[test]
fn added_partitions_are_assigned() {
    let mut story = TestCoordinator::new();
    let one = story.heartbeat_with("a", 0, &[]).expect("joined");
    story.topics = Topics::from([(Uuid::from_u128(1), ("t".to_owned(), 8))]);
    story.groups.topics_changed(&story.topics);
    let again = story.heartbeat_with("a", one.epoch, &numbers(&one)).expect("more");
    assert_eq!((again.epoch, numbers(&again).len()), (2, 8));
    story.topics.clear();
    let again = story.heartbeat_with("a", again.epoch, &numbers(&again)).expect("less");
    assert_eq!(numbers(&again), Vec::<i32>::new());
}

#[test]
fn only_an_empty_group_changes_its_protocol() {
    let story = TestCoordinator::new();
    story.heartbeat_with("a", 0, &[]).expect("joined");
    let classic = |name: &str| received(story.groups.join(name, newcomer(), story.now));
    assert_eq!(classic("c").map_err(|(error, _)| error), Err(ResponseError::InconsistentGroupProtocol));
    story.groups.commit("c", ("a", None, 1), commit(4), story.now).expect("committed");
    story.heartbeat_with("a", -1, &[]).expect("left");
    let joined = classic("c").expect("it is empty");
    assert_eq!(story.heartbeat_with("a", 0, &[]), Err(ResponseError::GroupIdNotFound));
    assert_eq!(story.groups.leave("c", &joined.member, None, story.now), Ok(joined.member));
    assert_eq!(story.heartbeat_with("a", 0, &[]).map(|answer| answer.epoch), Ok(1));
    assert_eq!(story.groups.committed("c", None), Ok(commit(4)), "what was committed stays");
}

#[test]
fn memory_that_clients_can_fill_is_bounded() {
    let story = TestCoordinator::new();
    for index in 0..MAX_GROUPS + 5 {
        let join = Join { needs_id: true, ..newcomer() };
        let error = refused(story.groups.join(&format!("g{index}"), join, story.now));
        let expected =
            if index < MAX_GROUPS { ResponseError::MemberIdRequired } else { ResponseError::GroupMaxSizeReached };
        assert_eq!(error, expected, "{index}");
    }
}
