//! The coordinator: the groups, and the requests of their members: join, sync, heartbeat, leave.
//!
//! It has no clock: the caller passes the time, and gets the time of the next call. The number of groups, the number of
//! members and the memory of a group are bounded.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot};

use crate::groups::classic::{GroupPhase, Join, JoinAnswer, Outcome, SyncAnswer, Who};
use crate::groups::consumer::{ConsumerGroup, Heartbeat, HeartbeatAnswer, Topics};
use crate::groups::group::{Group, Members, classic};
use crate::journal::{Entry, Journal};
use crate::refusal::Refusal;

/// The largest number of groups.
pub(super) const MAX_GROUPS: usize = 10_000;
/// The largest number of members in a group.
const MAX_MEMBERS: usize = 1_000;
/// The maximum number of bytes that the members of a group may store in it.
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// The shortest and the longest session: Kafka's `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
const SESSION_TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(6)..=Duration::from_secs(1_800);

#[derive(Debug)]
pub(crate) struct Coordinator {
    journal: Arc<Journal>,
    groups: Mutex<BTreeMap<String, Group>>,
    /// Notified if an event may be due earlier than the time that [`Coordinator::expire`] returned.
    changed: Notify,
}

impl Coordinator {
    /// Creates groups from the offsets in the journal.
    pub(crate) fn new(journal: Arc<Journal>, entries: &[Entry]) -> Self {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for entry in entries {
            if let Entry::Commit { group, id, partition, commit: Some(commit) } = entry {
                groups.entry(group.clone()).or_default().commits.insert((*id, *partition), commit.clone());
            }
        }
        Self { journal, groups: Mutex::new(groups), changed: Notify::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        // An event changes its group completely before anything can panic.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, entries: impl Iterator<Item = Entry>) -> Result<(), ResponseError> {
        let entries: Vec<Entry> = entries.collect();
        if entries.is_empty() {
            return Ok(());
        }
        // Clients try again after this error. They do not try again after every other error.
        self.journal.append(&entries, false).map_err(|_: io::Error| ResponseError::CoordinatorNotAvailable)
    }

    /// Adds a member to a group. The answer is sent after all members have joined.
    pub(crate) fn join(&self, name: &str, join: Join, now: Instant) -> oneshot::Receiver<Outcome<JoinAnswer>> {
        let (answer, receiver) = oneshot::channel();
        let mut groups = self.lock();
        let is_known = groups.contains_key(name);
        let error = if name.is_empty() {
            Some(ResponseError::InvalidGroupId)
        } else if !SESSION_TIMEOUTS.contains(&join.registration.session) {
            Some(ResponseError::InvalidSessionTimeout)
        } else if !is_known && !join.member.is_empty() {
            Some(ResponseError::UnknownMemberId)
        } else if !is_known && groups.len() >= MAX_GROUPS {
            Some(ResponseError::GroupMaxSizeReached)
        } else {
            None
        };
        if let Some(error) = error {
            // The receiver still exists, so this cannot fail.
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
                if join.member.is_empty()
                    && (classic.size() >= MAX_MEMBERS
                        || classic.bytes() + join.registration.bytes() > MAX_GROUP_BYTES) =>
            {
                let _ = answer.send(Err((ResponseError::GroupMaxSizeReached, join.member)));
            }
            Members::Classic(classic) => classic.join(join, now, answer),
        }
        self.end_change(groups, name);
        receiver
    }

    /// Removes the group if it is empty, and has [`Coordinator::expire`] called again.
    fn end_change(&self, mut groups: MutexGuard<'_, BTreeMap<String, Group>>, name: &str) {
        if groups.get(name).is_some_and(Group::is_unused) {
            groups.remove(name);
        }
        drop(groups);
        self.changed.notify_one();
    }

    /// Takes the assignments that the leader sends. Other members wait here for theirs.
    pub(crate) fn sync(
        &self,
        name: &str,
        who: Who<'_>,
        protocols: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Bytes)>,
        now: Instant,
    ) -> oneshot::Receiver<Outcome<SyncAnswer>> {
        let (answer, receiver) = oneshot::channel();
        let mut groups = self.lock();
        let checked = classic(&mut groups, name).and_then(|group| {
            group.check(who)?;
            let bytes: usize = assignments.iter().map(|(_, bytes)| bytes.len()).sum();
            if bytes > MAX_GROUP_BYTES { Err(ResponseError::GroupMaxSizeReached) } else { Ok(group) }
        });
        match checked {
            Ok(group) => group.sync(who.0, protocols, assignments, now, answer),
            Err(error) => {
                let _ = answer.send(Err((error, String::new())));
            }
        }
        self.end_change(groups, name);
        receiver
    }

    /// Takes a heartbeat of a member of a classic group.
    pub(crate) fn heartbeat(&self, name: &str, who: Who<'_>, now: Instant) -> Result<(), ResponseError> {
        classic(&mut self.lock(), name)?.keep_alive(who, GroupPhase::Preparing, now)
    }

    /// Removes a member from a classic group, and returns its id.
    pub(crate) fn leave(
        &self,
        name: &str,
        id: &str,
        instance: Option<&str>,
        now: Instant,
    ) -> Result<String, ResponseError> {
        let mut groups = self.lock();
        let gone = classic(&mut groups, name)?.leave(id, instance, now);
        self.end_change(groups, name);
        gone
    }

    /// Takes a heartbeat of a member of a consumer group, and returns its assignment.
    pub(crate) fn consumer_heartbeat(
        &self,
        name: &str,
        heartbeat: Heartbeat,
        topics: &Topics,
        now: Instant,
    ) -> Result<HeartbeatAnswer, Refusal> {
        let mut groups = self.lock();
        let joins = heartbeat.epoch == 0;
        if !groups.contains_key(name) {
            if !joins {
                return Err((ResponseError::GroupIdNotFound, format!("Group {name} not found.")));
            }
            if groups.len() >= MAX_GROUPS {
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
        let answer = match &mut group.members {
            Members::Classic(_) => {
                Err((ResponseError::GroupIdNotFound, format!("Group {name} is not a consumer group.")))
            }
            Members::Consumer(members) if joins && members.members.len() >= MAX_MEMBERS => {
                Err((ResponseError::GroupMaxSizeReached, "The group has too many members.".to_owned()))
            }
            Members::Consumer(members) => members.heartbeat(heartbeat, topics, now),
        };
        self.end_change(groups, name);
        answer
    }

    /// Lets consumer groups compute a new assignment if topics that they want have changed.
    pub(crate) fn topics_changed(&self, topics: &Topics) {
        for group in self.lock().values_mut() {
            if let Members::Consumer(members) = &mut group.members {
                members.refresh(topics, false);
            }
        }
    }

    /// Handles everything that is due by `now`, and returns the time of the next event.
    pub(crate) fn expire(&self, topics: &Topics, now: Instant) -> Option<Instant> {
        let mut groups = self.lock();
        for group in groups.values_mut().filter(|group| group.members.next().is_some_and(|next| next <= now)) {
            match &mut group.members {
                Members::Classic(members) => members.expire(now),
                Members::Consumer(members) => members.expire(topics, now),
            }
        }
        groups.retain(|_, group| !group.is_unused());
        groups.values().filter_map(|group| group.members.next()).min()
    }

    /// Waits until an event may be due earlier than the time that [`Coordinator::expire`] returned.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
