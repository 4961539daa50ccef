//! The groups in the form in which administration tools list and describe them.

use bytes::Bytes;

use crate::groups::assign::Partitions;
use crate::groups::classic::{Phase, Registration};
use crate::groups::consumer::Subscription;
use crate::groups::coordinator::Coordinator;
use crate::groups::group::{Group, Members};
use crate::wire::Client;

/// An entry in the list of groups.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) group: String,
    pub(crate) protocol_type: String,
    pub(crate) state: &'static str,
    pub(crate) is_consumer: bool,
}

/// The description of a member of a classic group: id, instance, client, metadata, assignment.
pub(crate) type ClassicMember = (String, Option<String>, Client, Bytes, Bytes);

/// The description of a classic group.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<ClassicMember>,
}

/// The description of a member of a consumer group.
#[derive(Debug)]
pub(crate) struct ConsumerMember {
    pub(crate) id: String,
    pub(crate) subscription: Subscription,
    pub(crate) epoch: i32,
    pub(crate) assigned: Partitions,
    pub(crate) target: Partitions,
}

/// The description of a consumer group.
#[derive(Debug)]
pub(crate) struct DescribedConsumers {
    pub(crate) state: &'static str,
    pub(crate) epoch: i32,
    pub(crate) target_epoch: i32,
    pub(crate) assignor: &'static str,
    pub(crate) members: Vec<ConsumerMember>,
}

impl Coordinator {
    /// Returns all groups, in the order of their names.
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

    /// Returns the classic group with this name, if there is one.
    pub(crate) fn describe(&self, name: &str) -> Option<Described> {
        let groups = self.lock();
        let Members::Classic(group) = &groups.get(name)?.members else { return None };
        let protocol = group.protocol.clone().unwrap_or_default();
        let is_stable = group.phase == Phase::Stable;
        let members = group.members.iter().map(|(id, member)| {
            // Only a final assignment is listed, with the metadata that it was made from.
            let metadata = if is_stable { member.registration.metadata(&protocol) } else { Bytes::new() };
            let assignment = if is_stable { member.assignment.clone() } else { Bytes::new() };
            let Registration { instance, client, .. } = &member.registration;
            (id.clone(), instance.clone(), client.clone(), metadata, assignment)
        });
        Some(Described {
            state: group.phase.name(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol: if is_stable { protocol } else { String::new() },
        })
    }

    /// Returns the consumer group with this name, if there is one.
    pub(crate) fn describe_consumers(&self, name: &str) -> Option<DescribedConsumers> {
        let groups = self.lock();
        let Members::Consumer(group) = &groups.get(name)?.members else { return None };
        let members = group.members.iter().map(|(id, member)| ConsumerMember {
            id: id.clone(),
            subscription: member.subscription.clone(),
            epoch: member.current.epoch,
            assigned: member.current.assigned.clone(),
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
}
