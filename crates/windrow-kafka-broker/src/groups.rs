//! The coordinator: all groups, their members and what they have committed.
//!
//! Promises that a commit is in the journal before it is seen or acknowledged. Members are not kept over a restart (they join
//! again), committed offsets are. What clients can fill it with is bounded.

mod assign;
mod classic;
mod commits;
mod consumer;
mod described;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

pub(super) use crate::groups::assign::{Assignor, Partitions};
use crate::groups::classic::ClassicGroup;
pub(super) use crate::groups::classic::{Join, Joined, Outcome, Synced};
use crate::groups::commits::Commits;
use crate::groups::consumer::ConsumerGroup;
pub(super) use crate::groups::consumer::{HEARTBEAT_MS, Heartbeat, Told, Topics};
use crate::groups::described::classic;
use crate::journal::{Commit, Entry, Journal};
use crate::wire::Client;

/// What clients can make.
const GROUPS: usize = 10_000;
const MEMBERS: usize = 1_000;
const GROUP_BYTES: usize = 8 * 1024 * 1024;
const COMMITS: usize = 1_000_000;
/// How long a session may be, as Kafka's `group.min.session.timeout.ms` and its maximum.
const SESSION: std::ops::RangeInclusive<Duration> = Duration::from_secs(6)..=Duration::from_secs(1_800);

/// All groups of a broker.
#[derive(Debug)]
pub(super) struct Coordinator {
    journal: Arc<Journal>,
    groups: Mutex<BTreeMap<String, Group>>,
    /// Told when something may be due earlier than before.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Group {
    members: Members,
    commits: Commits,
}

#[derive(Debug)]
enum Members {
    Classic(ClassicGroup),
    Consumer(ConsumerGroup),
}

impl Default for Members {
    fn default() -> Self {
        Self::Classic(ClassicGroup::default())
    }
}

impl Members {
    fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Consumer(group) => group.is_empty(),
        }
    }
}

/// A group as tools list it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) group: String,
    pub(super) protocol_type: String,
    pub(super) state: &'static str,
    pub(super) is_consumer: bool,
}

/// A member of a classic group as tools list it: id, instance, client, metadata, assignment.
pub(super) type ClassicMember = (String, Option<String>, Client, Bytes, Bytes);

/// A classic group as tools list it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) state: &'static str,
    pub(super) protocol_type: String,
    pub(super) protocol: String,
    pub(super) members: Vec<ClassicMember>,
}

/// A member of a consumer group as tools list it.
#[derive(Debug)]
pub(super) struct ConsumerMember {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) rack: Option<String>,
    pub(super) epoch: i32,
    pub(super) client: Client,
    pub(super) names: Vec<String>,
    pub(super) regex: Option<String>,
    pub(super) assigned: Partitions,
    pub(super) target: Partitions,
}

/// A consumer group as tools list it.
#[derive(Debug)]
pub(super) struct DescribedConsumers {
    pub(super) state: &'static str,
    pub(super) epoch: i32,
    pub(super) target_epoch: i32,
    pub(super) assignor: &'static str,
    pub(super) members: Vec<ConsumerMember>,
}

impl Coordinator {
    /// Groups with what the journal says that they have committed.
    pub(super) fn new(journal: Arc<Journal>, entries: &[Entry]) -> Self {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for entry in entries {
            if let Entry::Commit { group, id, partition, commit } = entry {
                groups.entry(group.clone()).or_default().commits.put(*id, *partition, commit.clone());
            }
        }
        Self { journal, groups: Mutex::new(groups), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        // Each event leaves its group whole before anything can panic.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a member join a group; the answer comes when all have.
    pub(super) fn join(&self, name: &str, join: Join, now: Instant) -> oneshot::Receiver<Outcome<Joined>> {
        let (answer, receiver) = oneshot::channel();
        let mut groups = self.lock();
        let refused = |error| Some(error);
        let is_known = groups.contains_key(name);
        let bytes: usize = join.protocols.iter().map(|(name, bytes)| name.len() + bytes.len()).sum();
        let error = if name.is_empty() {
            refused(ResponseError::InvalidGroupId)
        } else if !SESSION.contains(&join.session) {
            refused(ResponseError::InvalidSessionTimeout)
        } else if !is_known && !join.member.is_empty() {
            refused(ResponseError::UnknownMemberId)
        } else if !is_known && groups.len() >= GROUPS {
            refused(ResponseError::GroupMaxSizeReached)
        } else {
            None
        };
        if let Some(error) = error {
            // The receiver is still here.
            let _ = answer.send(Err((error, join.member)));
            return receiver;
        }
        let group = groups.entry(name.to_owned()).or_default();
        if let Members::Consumer(consumers) = &group.members
            && consumers.is_empty()
        {
            group.members = Members::default();
        }
        match &mut group.members {
            Members::Consumer(_) => {
                let _ = answer.send(Err((ResponseError::InconsistentGroupProtocol, join.member)));
            }
            Members::Classic(classic)
                if join.member.is_empty() && (classic.size() >= MEMBERS || classic.bytes() + bytes > GROUP_BYTES) =>
            {
                let _ = answer.send(Err((ResponseError::GroupMaxSizeReached, join.member)));
            }
            Members::Classic(classic) => classic.join(join, now, answer),
        }
        if groups.get(name).is_some_and(Group::is_nothing) {
            groups.remove(name);
        }
        drop(groups);
        self.changed.notify_one();
        receiver
    }

    /// Takes a leader's assignments, or has a member wait for its own.
    pub(super) fn sync(
        &self,
        name: &str,
        (id, instance, generation): (&str, Option<&str>, i32),
        protocols: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Bytes)>,
        now: Instant,
    ) -> oneshot::Receiver<Outcome<Synced>> {
        let (answer, receiver) = oneshot::channel();
        let mut groups = self.lock();
        let checked = classic(&mut groups, name).and_then(|group| {
            group.check(id, instance, generation)?;
            let bytes: usize = assignments.iter().map(|(_, bytes)| bytes.len()).sum();
            if bytes > GROUP_BYTES { Err(ResponseError::GroupMaxSizeReached) } else { Ok(group) }
        });
        match checked {
            Ok(group) => group.sync(id, protocols, assignments, now, answer),
            Err(error) => {
                let _ = answer.send(Err((error, String::new())));
            }
        }
        drop(groups);
        self.changed.notify_one();
        receiver
    }

    /// Hears of a member of a classic group.
    pub(super) fn heartbeat(
        &self,
        name: &str,
        (id, instance, generation): (&str, Option<&str>, i32),
        now: Instant,
    ) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let group = classic(&mut groups, name)?;
        group.check(id, instance, generation)?;
        group.heartbeat(id, now)
    }

    /// Lets a member of a classic group go; gives its id.
    pub(super) fn leave(
        &self,
        name: &str,
        id: &str,
        instance: Option<&str>,
        now: Instant,
    ) -> Result<String, ResponseError> {
        let mut groups = self.lock();
        let gone = classic(&mut groups, name)?.leave(id, instance, now);
        if groups.get(name).is_some_and(Group::is_nothing) {
            groups.remove(name);
        }
        drop(groups);
        self.changed.notify_one();
        gone
    }

    /// Hears a member of a group whose broker assigns.
    pub(super) fn consumer_heartbeat(
        &self,
        name: &str,
        said: Heartbeat,
        topics: &Topics,
        now: Instant,
    ) -> Result<Told, (ResponseError, String)> {
        let mut groups = self.lock();
        let joins = said.epoch == 0;
        if !groups.contains_key(name) {
            if !joins {
                return Err((ResponseError::GroupIdNotFound, format!("Group {name} not found.")));
            }
            if groups.len() >= GROUPS {
                return Err((ResponseError::GroupMaxSizeReached, "This broker has too many groups.".to_owned()));
            }
        }
        let group = groups.entry(name.to_owned()).or_default();
        if let Members::Classic(members) = &group.members
            && members.is_empty()
            && joins
        {
            group.members = Members::Consumer(ConsumerGroup::default());
        }
        let told = match &mut group.members {
            Members::Classic(_) => {
                Err((ResponseError::GroupIdNotFound, format!("Group {name} is not a consumer group.")))
            }
            Members::Consumer(members) if joins && members.members.len() >= MEMBERS => {
                Err((ResponseError::GroupMaxSizeReached, "The group has too many members.".to_owned()))
            }
            Members::Consumer(members) => members.heartbeat(said, topics, now),
        };
        if groups.get(name).is_some_and(Group::is_nothing) {
            groups.remove(name);
        }
        drop(groups);
        self.changed.notify_one();
        told
    }

    /// Has groups whose broker assigns look at the topics again.
    pub(super) fn topics_changed(&self, topics: &Topics) {
        for group in self.lock().values_mut() {
            if let Members::Consumer(members) = &mut group.members {
                members.topics_changed(topics);
            }
        }
    }

    /// Forgets what was committed of a topic that was deleted.
    pub(super) fn forget_topic(&self, topic: Uuid) {
        let mut groups = self.lock();
        for group in groups.values_mut() {
            group.commits.forget(topic);
        }
        groups.retain(|_, group| !group.is_nothing());
    }

    /// Whether someone may commit to a group: a member, or anybody while it has none.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn commit(
        &self,
        name: &str,
        (id, instance, generation): (&str, Option<&str>, i32),
        commits: Vec<(Uuid, i32, Commit)>,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let total: usize = groups.values().map(|group| group.commits.count()).sum();
        let is_known = groups.contains_key(name);
        if !is_known && generation >= 0 {
            return Err(ResponseError::IllegalGeneration);
        }
        if total + commits.len() > COMMITS || (!is_known && groups.len() >= GROUPS) {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        if let Some(group) = groups.get_mut(name) {
            group.may_commit((id, instance, generation), now)?;
        }
        let entry = |(topic, partition, commit): &(Uuid, i32, Commit)| Entry::Commit {
            group: name.to_owned(),
            id: *topic,
            partition: *partition,
            commit: Some(commit.clone()),
        };
        let entries: Vec<Entry> = commits.iter().map(entry).collect();
        if !entries.is_empty() {
            self.write(&entries)?;
            let group = groups.entry(name.to_owned()).or_default();
            for (topic, partition, commit) in commits {
                group.commits.put(topic, partition, Some(commit));
            }
        }
        Ok(())
    }

    fn write(&self, entries: &[Entry]) -> Result<(), ResponseError> {
        // Clients try again after this one, and not after every other.
        self.journal.append(entries, false).map_err(|_: io::Error| ResponseError::CoordinatorNotAvailable)
    }

    /// What a group has committed, by topic and partition.
    ///
    /// # Errors
    /// The member who asks is not known, or of another epoch.
    pub(super) fn committed(
        &self,
        name: &str,
        member: Option<(&str, i32)>,
    ) -> Result<Vec<(Uuid, i32, Commit)>, ResponseError> {
        let groups = self.lock();
        let Some(group) = groups.get(name) else { return Ok(Vec::new()) };
        if let (Some((id, epoch)), Members::Consumer(members)) = (member, &group.members) {
            members.check(id, epoch)?;
        }
        Ok(group.commits.all().map(|(topic, partition, commit)| (topic, partition, commit.clone())).collect())
    }

    /// Removes what a group has committed of these partitions.
    pub(super) fn delete_offsets(&self, name: &str, places: &[(Uuid, i32)]) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let group = groups.get_mut(name).ok_or(ResponseError::GroupIdNotFound)?;
        let known = |place: &&(Uuid, i32)| group.commits.get(place.0, place.1).is_some();
        let entries: Vec<Entry> = places
            .iter()
            .filter(known)
            .map(|(id, partition)| Entry::Commit {
                group: name.to_owned(),
                id: *id,
                partition: *partition,
                commit: None,
            })
            .collect();
        if !entries.is_empty() {
            self.write(&entries)?;
        }
        for (topic, partition) in places {
            group.commits.put(*topic, *partition, None);
        }
        Ok(())
    }
}
