//! The committed offsets of groups, and their removal: by a request, with a topic, or with a group.
//!
//! A commit is in the journal before it is visible or acknowledged.

use std::time::Instant;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::groups::classic::Who;
use crate::groups::coordinator::{Coordinator, MAX_GROUPS};
use crate::groups::group::{Commits, Members};
use crate::journal::{Commit, Entry};

/// The maximum number of committed offsets in all groups.
const MAX_COMMITS: usize = 1_000_000;

impl Coordinator {
    /// Stores the offsets that a member of the group commits. Any client may commit while the group has no members.
    pub(crate) fn commit(&self, name: &str, who: Who<'_>, commits: Commits, now: Instant) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let total: usize = groups.values().map(|group| group.commits.len()).sum();
        let is_known = groups.contains_key(name);
        if !is_known && who.2 >= 0 {
            return Err(ResponseError::IllegalGeneration);
        }
        if total + commits.len() > MAX_COMMITS || (!is_known && groups.len() >= MAX_GROUPS) {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        if let Some(group) = groups.get_mut(name) {
            group.may_commit(who, now)?;
        }
        if !commits.is_empty() {
            self.write(commits.iter().map(|(partition, commit)| entry(name, partition, Some(commit.clone()))))?;
            groups.entry(name.to_owned()).or_default().commits.extend(commits);
        }
        Ok(())
    }

    pub(crate) fn committed(&self, name: &str, member: Option<(&str, i32)>) -> Result<Commits, ResponseError> {
        let groups = self.lock();
        let Some(group) = groups.get(name) else { return Ok(Commits::new()) };
        if let (Some((id, epoch)), Members::Consumer(members)) = (member, &group.members) {
            members.check(id, epoch)?;
        }
        Ok(group.commits.clone())
    }

    pub(crate) fn delete_offsets(&self, name: &str, partitions: &[(Uuid, i32)]) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let group = groups.get_mut(name).ok_or(ResponseError::GroupIdNotFound)?;
        let known = partitions.iter().filter(|partition| group.commits.contains_key(*partition));
        self.write(known.map(|partition| entry(name, partition, None)))?;
        for partition in partitions {
            group.commits.remove(partition);
        }
        Ok(())
    }

    /// Removes a group that has no members, with its commits.
    pub(crate) fn delete(&self, name: &str) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let group = groups.get(name).ok_or(ResponseError::GroupIdNotFound)?;
        if !group.members.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        self.write(group.commits.keys().map(|partition| entry(name, partition, None)))?;
        groups.remove(name);
        Ok(())
    }

    /// Removes the commits for a deleted topic from memory. The journal drops them with the topic.
    pub(crate) fn forget_topic(&self, topic: Uuid) {
        let mut groups = self.lock();
        for group in groups.values_mut() {
            group.commits.retain(|(id, _), _| *id != topic);
        }
        groups.retain(|_, group| !group.is_unused());
    }
}

fn entry(group: &str, partition: &(Uuid, i32), commit: Option<Commit>) -> Entry {
    Entry::Commit { group: group.to_owned(), id: partition.0, partition: partition.1, commit }
}
