//! One group: its members, which use one of the two protocols, and its committed offsets.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_protocol::ResponseError;

use crate::groups::classic::ClassicGroup;
use crate::groups::commits::Commits;
use crate::groups::consumer::ConsumerGroup;

/// A group: its members and its committed offsets.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) members: Members,
    pub(super) commits: Commits,
}

/// The members of a group, by the protocol that they use.
#[derive(Debug)]
pub(super) enum Members {
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
}

impl Group {
    /// Returns true if the group has neither members nor commits, so that it can be removed.
    pub(super) fn is_nothing(&self) -> bool {
        self.members.is_empty() && self.commits.is_empty()
    }

    /// Checks that a client may commit: a member of this generation or epoch, or any client if the group has no
    /// members.
    pub(super) fn may_commit(
        &mut self,
        (id, instance, generation): (&str, Option<&str>, i32),
        now: Instant,
    ) -> Result<(), ResponseError> {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        match &mut self.members {
            Members::Classic(members) => {
                if generation < 0 && id.is_empty() && instance.is_none() {
                    return Err(ResponseError::UnknownMemberId);
                }
                members.check(id, instance, generation)?;
                members.may_commit(id, now)
            }
            Members::Consumer(members) => members.check(id, generation),
        }
    }
}

/// Returns the classic group with this name.
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
