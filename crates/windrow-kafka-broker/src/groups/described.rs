//! Groups: described to tools, deleted, and forgotten after a while.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use crate::groups::classic::{ClassicGroup, Phase};
use crate::groups::{ConsumerMember, Coordinator, Described, DescribedConsumers, Group, Listed, Members, Topics};
use crate::journal::Entry;

impl Coordinator {
    /// All groups, in the order of their names.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |(name, group): (&String, &Group)| match &group.members {
            Members::Classic(members) => Listed {
                group: name.clone(),
                protocol_type: members.protocol_type.clone().unwrap_or_default(),
                state: members.phase.name(),
                is_consumer: false,
            },
            Members::Consumer(members) => Listed {
                group: name.clone(),
                protocol_type: "consumer".to_owned(),
                state: members.state(),
                is_consumer: true,
            },
        };
        self.lock().iter().map(listed).collect()
    }

    /// A classic group; none where there is no such one.
    pub(crate) fn describe(&self, name: &str) -> Option<Described> {
        let groups = self.lock();
        let Members::Classic(group) = &groups.get(name)?.members else { return None };
        let protocol = group.protocol.clone().unwrap_or_default();
        let is_stable = group.phase == Phase::Stable;
        let members = group.members.iter().map(|(id, member)| {
            // Only an assignment that is final is listed, with what it was made from.
            let metadata = if is_stable { member.metadata(&protocol) } else { Bytes::new() };
            let assignment = if is_stable { member.assignment.clone() } else { Bytes::new() };
            (id.clone(), member.instance.clone(), member.client.clone(), metadata, assignment)
        });
        Some(Described {
            state: group.phase.name(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol: if is_stable { protocol } else { String::new() },
        })
    }

    /// A group whose broker assigns; none where there is no such one.
    pub(crate) fn describe_consumers(&self, name: &str) -> Option<DescribedConsumers> {
        let groups = self.lock();
        let Members::Consumer(group) = &groups.get(name)?.members else { return None };
        let members = group.members.iter().map(|(id, member)| ConsumerMember {
            id: id.clone(),
            instance: member.instance.clone(),
            rack: member.rack.clone(),
            epoch: member.epoch,
            client: member.client.clone(),
            names: member.names.iter().cloned().collect(),
            regex: member.regex.as_ref().map(|(text, _)| text.clone()),
            assigned: member.assigned.clone(),
            target: group.target.get(id).cloned().unwrap_or_default(),
        });
        Some(DescribedConsumers {
            state: group.state(),
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            assignor: group.assignor().name(),
            members: members.collect(),
        })
    }

    /// Removes a group without members, with what it has committed.
    pub(crate) fn delete(&self, name: &str) -> Result<(), ResponseError> {
        let mut groups = self.lock();
        let group = groups.get(name).ok_or(ResponseError::GroupIdNotFound)?;
        if !group.members.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        let entry =
            |(topic, partition, _)| Entry::Commit { group: name.to_owned(), id: topic, partition, commit: None };
        let entries: Vec<Entry> = group.commits.all().map(entry).collect();
        if !entries.is_empty() {
            self.write(&entries)?;
        }
        groups.remove(name);
        Ok(())
    }

    /// Does what is due by now, and gives the moment at which something is due next.
    pub(crate) fn expire(&self, topics: &Topics, now: Instant) -> Option<Instant> {
        let mut groups = self.lock();
        for group in groups.values_mut() {
            match &mut group.members {
                Members::Classic(members) if members.next().is_some_and(|next| next <= now) => members.expire(now),
                Members::Consumer(members) if members.next().is_some_and(|next| next <= now) => {
                    members.expire(topics, now)
                }
                _ => {}
            }
        }
        groups.retain(|_, group| !group.is_nothing());
        let next = groups.values().filter_map(|group| match &group.members {
            Members::Classic(members) => members.next(),
            Members::Consumer(members) => members.next(),
        });
        next.min()
    }

    /// Returns when something may be due earlier than [`Coordinator::expire`] said.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Group {
    /// Whether it would not be missed.
    pub(super) fn is_nothing(&self) -> bool {
        self.members.is_empty() && self.commits.is_empty()
    }

    /// Whether someone may commit: a member of this generation or epoch, or anybody while there are no members.
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

/// The classic group of this name.
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
