//! The committed offsets of a group, by topic and partition. Pure.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::journal::Commit;

/// The committed offsets of one group. Topics are identified by their ids, so a topic that is created again has no
/// commits.
#[derive(Debug, Default)]
pub(super) struct Commits {
    by_place: BTreeMap<(Uuid, i32), Commit>,
}

impl Commits {
    pub(super) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.by_place.len()
    }

    pub(super) fn get(&self, topic: Uuid, partition: i32) -> Option<&Commit> {
        self.by_place.get(&(topic, partition))
    }

    /// Stores a commit; `None` removes it.
    pub(super) fn put(&mut self, topic: Uuid, partition: i32, commit: Option<Commit>) {
        match commit {
            Some(commit) => self.by_place.insert((topic, partition), commit),
            None => self.by_place.remove(&(topic, partition)),
        };
    }

    /// Removes the commits for a deleted topic.
    pub(super) fn forget(&mut self, topic: Uuid) {
        self.by_place.retain(|(id, _), _| *id != topic);
    }

    /// Returns all commits, in the order of topic ids and partitions.
    pub(super) fn all(&self) -> impl Iterator<Item = (Uuid, i32, &Commit)> {
        self.by_place.iter().map(|((topic, partition), commit)| (*topic, *partition, commit))
    }
}
