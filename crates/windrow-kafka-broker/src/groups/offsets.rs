//! The committed offsets of groups, and their removal: by a request, with a topic, or with a group.
//!
//! A commit is in the journal before it is visible or acknowledged.

use std::time::Instant;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::groups::coordinator::{Coordinator, GROUPS};
use crate::groups::group::Members;
use crate::journal::{Commit, Entry};

/// The maximum number of committed offsets in all groups.
const COMMITS: usize = 1_000_000;

impl Coordinator {
    /// Stores the offsets that a member of the group commits. Any client may commit while the group has no members.
    pub(crate) fn commit(
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

    /// Returns the commits of a group, by topic and partition.
    pub(crate) fn committed(
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

    /// Removes the commits of a group for these partitions.
    pub(crate) fn delete_offsets(&self, name: &str, places: &[(Uuid, i32)]) -> Result<(), ResponseError> {
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
        self.write(&entries)?;
        for (topic, partition) in places {
            group.commits.put(*topic, *partition, None);
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
        let entry =
            |(topic, partition, _)| Entry::Commit { group: name.to_owned(), id: topic, partition, commit: None };
        let entries: Vec<Entry> = group.commits.all().map(entry).collect();
        self.write(&entries)?;
        groups.remove(name);
        Ok(())
    }

    /// Removes the commits for a deleted topic from memory. The journal drops them with the topic.
    pub(crate) fn forget_topic(&self, topic: Uuid) {
        let mut groups = self.lock();
        for group in groups.values_mut() {
            group.commits.forget(topic);
        }
        groups.retain(|_, group| !group.is_nothing());
    }
}
