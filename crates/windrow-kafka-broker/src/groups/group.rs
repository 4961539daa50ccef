//! One group: its members, which use one of the two protocols, and its committed offsets.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::groups::classic::{ClassicGroup, GroupPhase, Who};
use crate::groups::consumer::ConsumerGroup;
use crate::journal::Commit;

/// The committed offsets of one group, by topic and partition. Topics are identified by their ids, so a topic that is
/// created again has no commits.
pub(crate) type Commits = BTreeMap<(Uuid, i32), Commit>;

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) members: Members,
    pub(super) commits: Commits,
}

/// The members of a group, by the protocol that they use.
#[derive(Debug)]
pub(crate) enum Members {
    Classic(ClassicGroup),
    Consumer(ConsumerGroup),
}

impl Default for Members {
    fn default() -> Self {
        Self::Classic(ClassicGroup::default())
    }
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Consumer(group) => group.is_empty(),
        }
    }

    /// Returns Kafka's name for the state of the group.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.phase.name(),
            Self::Consumer(group) => group.state(),
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        match self {
            Self::Classic(group) => group.next(),
            Self::Consumer(group) => group.next(),
        }
    }
}

impl Group {
    /// Returns true if the group has neither members nor commits, so that it can be removed.
    pub(super) fn is_unused(&self) -> bool {
        self.members.is_empty() && self.commits.is_empty()
    }

    /// Checks that a client may commit: a member of this generation or epoch, or any client if the group has no
    /// members.
    pub(super) fn may_commit(&mut self, who: Who<'_>, now: Instant) -> Result<(), ResponseError> {
        let (id, _, generation) = who;
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        match &mut self.members {
            Members::Classic(members) => members.keep_alive(who, GroupPhase::Completing, now),
            Members::Consumer(members) => members.check(id, generation),
        }
    }
}

pub(super) fn classic<'a>(
    groups: &'a mut BTreeMap<String, Group>,
    name: &str,
) -> Result<&'a mut ClassicGroup, ResponseError> {
    if name.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    match groups.get_mut(name).map(|group| &mut group.members) {
        Some(Members::Classic(group)) => Ok(group),
        _ => Err(ResponseError::UnknownMemberId),
    }
}
