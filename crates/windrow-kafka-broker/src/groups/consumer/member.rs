//! A member of a consumer group: its subscription, and its progress towards its target assignment.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;

use crate::groups::assign::{Assignor, Partitions};
use crate::refusal::Refusal;
use crate::wire::Client;

/// The maximum time between two heartbeats of a member; Kafka's default.
const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
/// The epochs that members send to join and to leave.
pub(crate) const JOIN_EPOCH: i32 = 0;
pub(super) const LEAVE_EPOCH: i32 = -1;
pub(crate) const STATIC_LEAVE_EPOCH: i32 = -2;

/// A member's heartbeat request. A field that is `None` is unchanged.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    pub(crate) member: String,
    pub(crate) epoch: i32,
    pub(crate) instance: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) client: Client,
    pub(crate) rebalance: Option<Duration>,
    pub(crate) names: Option<BTreeSet<String>>,
    pub(crate) regex: Option<Option<(String, regex::Regex)>>,
    pub(crate) assignor: Option<Assignor>,
    pub(crate) owned: Option<Partitions>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) subscription: Subscription,
    pub(crate) current: CurrentAssignment,
    session_end: Instant,
}

impl Member {
    /// Creates a member that joins. It has no partitions, even if it had some before.
    pub(super) fn joining(subscription: Subscription, now: Instant) -> Self {
        Self { subscription, current: CurrentAssignment::default(), session_end: now + SESSION_TIMEOUT }
    }

    /// Starts a new session. Returns true if the subscription has changed.
    pub(super) fn renew_session(&mut self, heartbeat: Heartbeat, now: Instant) -> bool {
        self.session_end = now + SESSION_TIMEOUT;
        self.subscription.update(heartbeat)
    }

    /// Returns the time at which the member is removed: it sent no heartbeat, or did not give up its partitions.
    pub(super) fn deadline(&self) -> Instant {
        match self.current.progress {
            Progress::Revoking { until, .. } => until.min(self.session_end),
            Progress::Stable | Progress::Waiting => self.session_end,
        }
    }
}

/// The client of a member, and the topics that the member wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscription {
    pub(crate) instance: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) client: Client,
    /// The time limit for the member to give up partitions.
    pub(super) rebalance: Duration,
    pub(crate) names: BTreeSet<String>,
    pub(crate) regex: Option<(String, regex::Regex)>,
    pub(super) assignor: Option<Assignor>,
}

impl Subscription {
    pub(super) fn wants(&self, topic: &str) -> bool {
        self.names.contains(topic) || self.regex.as_ref().is_some_and(|(_, regex)| regex.is_match(topic))
    }

    fn update(&mut self, heartbeat: Heartbeat) -> bool {
        let mut changed = false;
        (self.client, self.rebalance) = (heartbeat.client, heartbeat.rebalance.unwrap_or(self.rebalance));
        if heartbeat.rack.is_some() {
            self.rack = heartbeat.rack;
        }
        if let Some(names) = heartbeat.names {
            changed |= names != self.names;
            self.names = names;
        }
        if let Some(regex) = heartbeat.regex {
            changed |= regex.as_ref().map(|(text, _)| text) != self.regex.as_ref().map(|(text, _)| text);
            self.regex = regex;
        }
        if heartbeat.assignor.is_some() {
            changed |= heartbeat.assignor != self.assignor;
            self.assignor = heartbeat.assignor;
        }
        changed
    }
}

/// The progress of a member towards its target assignment.
#[derive(Debug)]
enum Progress {
    /// The member has all partitions of its target.
    Stable,
    /// The member must give up these partitions before `until`.
    Revoking { revoked: Partitions, until: Instant },
    /// Other members must give up partitions of the target first.
    Waiting,
}

/// The partitions that a member has on the way to its target. Follows Kafka's `CurrentAssignmentBuilder`.
#[derive(Debug)]
pub(crate) struct CurrentAssignment {
    pub(crate) epoch: i32,
    previous_epoch: i32,
    pub(crate) assigned: Partitions,
    progress: Progress,
}

impl Default for CurrentAssignment {
    fn default() -> Self {
        Self { epoch: JOIN_EPOCH, previous_epoch: -1, assigned: Partitions::new(), progress: Progress::Stable }
    }
}

impl CurrentAssignment {
    /// Returns true if this is a static member that has left and may come back.
    pub(super) fn has_left_temporarily(&self) -> bool {
        self.epoch == STATIC_LEAVE_EPOCH
    }

    pub(super) fn has_reached(&self, target_epoch: i32) -> bool {
        matches!(self.progress, Progress::Stable) && (self.epoch == target_epoch || self.has_left_temporarily())
    }

    /// Checks the epoch that a member sends. The previous epoch is valid if the member reports only assigned
    /// partitions: it missed an answer.
    pub(super) fn check(&self, epoch: i32, owned: Option<&Partitions>) -> Result<(), Refusal> {
        let is_late = epoch == self.previous_epoch && owned.is_some_and(|owned| owned.is_subset(&self.assigned));
        if epoch == self.epoch || (epoch < self.epoch && is_late) {
            return Ok(());
        }
        let message = format!("The member epoch is {}, and {epoch} was sent: join again.", self.epoch);
        Err((ResponseError::FencedMemberEpoch, message))
    }

    /// Returns the partitions that no other member may get now.
    pub(super) fn held(&self) -> Partitions {
        match &self.progress {
            Progress::Revoking { revoked, .. } => &self.assigned | revoked,
            Progress::Stable | Progress::Waiting => self.assigned.clone(),
        }
    }

    /// Moves closer to the target. `taken` has the partitions that other members hold. `owned` has the partitions that
    /// this member reports. `until` is the time limit to give up partitions.
    pub(super) fn reconcile(
        &mut self,
        (target, target_epoch): (&Partitions, i32),
        taken: &Partitions,
        owned: Option<&Partitions>,
        until: Instant,
    ) {
        let may_have = |partitions: &Partitions| owned.is_none_or(|owned| !owned.is_disjoint(partitions));
        match &self.progress {
            Progress::Stable if self.epoch == target_epoch => return,
            Progress::Revoking { revoked, .. } if may_have(revoked) => return,
            _ => {}
        }
        let (kept, revoked) = (&self.assigned & target, &self.assigned - target);
        if !revoked.is_empty() && may_have(&revoked) {
            (self.assigned, self.progress) = (kept, Progress::Revoking { revoked, until });
            return;
        }
        self.assigned = &kept | &(target - taken);
        self.progress = if self.assigned == *target { Progress::Stable } else { Progress::Waiting };
        if self.epoch != target_epoch {
            (self.previous_epoch, self.epoch) = (self.epoch, target_epoch);
        }
    }
}
