//! A member of a consumer group: what it asks for, and how far it has come towards its target.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;

use crate::groups::assign::{Assignor, Partitions};
use crate::refused::Refused;
use crate::wire::Client;

/// The longest silence of a member; Kafka's default.
const SESSION: Duration = Duration::from_secs(45);
/// The epochs by which members join and leave.
pub(crate) const JOINS: i32 = 0;
pub(super) const LEAVES: i32 = -1;
pub(crate) const LEAVES_FOR_A_WHILE: i32 = -2;

/// A member's request. What it leaves out is unchanged.
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

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) subscription: Subscription,
    pub(crate) current: CurrentAssignment,
    session_end: Instant,
}

impl Member {
    /// A member that joins has no partitions, whatever it had before.
    pub(super) fn joining(subscription: Subscription, now: Instant) -> Self {
        Self { subscription, current: CurrentAssignment::default(), session_end: now + SESSION }
    }

    /// Begins a new session. Returns whether the member asks for something else than before.
    pub(super) fn hear(&mut self, said: Heartbeat, now: Instant) -> bool {
        self.session_end = now + SESSION;
        self.subscription.update(said)
    }

    /// The time at which the member is removed: it was silent, or did not give up its partitions.
    pub(super) fn deadline(&self) -> Instant {
        match self.current.progress {
            Progress::Revoking { until, .. } => until.min(self.session_end),
            Progress::Stable | Progress::Waiting => self.session_end,
        }
    }
}

/// What a member has said about itself, and which topics it asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscription {
    pub(crate) instance: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) client: Client,
    /// The time that the member has to give up partitions.
    pub(super) rebalance: Duration,
    pub(crate) names: BTreeSet<String>,
    pub(crate) regex: Option<(String, regex::Regex)>,
    pub(super) assignor: Option<Assignor>,
}

impl Subscription {
    pub(super) fn wants(&self, topic: &str) -> bool {
        self.names.contains(topic) || self.regex.as_ref().is_some_and(|(_, regex)| regex.is_match(topic))
    }

    fn update(&mut self, said: Heartbeat) -> bool {
        let mut changed = false;
        (self.client, self.rebalance) = (said.client, said.rebalance.unwrap_or(self.rebalance));
        if said.rack.is_some() {
            self.rack = said.rack;
        }
        if let Some(names) = said.names {
            changed |= names != self.names;
            self.names = names;
        }
        if let Some(regex) = said.regex {
            changed |= regex.as_ref().map(|(text, _)| text) != self.regex.as_ref().map(|(text, _)| text);
            self.regex = regex;
        }
        if said.assignor.is_some() {
            changed |= said.assignor != self.assignor;
            self.assignor = said.assignor;
        }
        changed
    }
}

/// How far a member has come towards its target.
#[derive(Debug)]
enum Progress {
    Stable,
    /// The member has yet to give up these partitions.
    Revoking {
        revoked: Partitions,
        until: Instant,
    },
    /// Others have yet to give up partitions of the target.
    Waiting,
}

/// The partitions that a member has, on the way to its target. Follows Kafka's `CurrentAssignmentBuilder`.
#[derive(Debug)]
pub(crate) struct CurrentAssignment {
    pub(crate) epoch: i32,
    previous_epoch: i32,
    pub(crate) assigned: Partitions,
    progress: Progress,
}

impl Default for CurrentAssignment {
    fn default() -> Self {
        Self { epoch: JOINS, previous_epoch: -1, assigned: Partitions::new(), progress: Progress::Stable }
    }
}

impl CurrentAssignment {
    /// Returns whether this is a static member that has left and may come back.
    pub(super) fn is_away(&self) -> bool {
        self.epoch == LEAVES_FOR_A_WHILE
    }

    pub(super) fn has_reached(&self, target_epoch: i32) -> bool {
        matches!(self.progress, Progress::Stable) && (self.epoch == target_epoch || self.is_away())
    }

    /// Checks the epoch that a member sends. The previous one is valid if it has only what is assigned: it missed an answer.
    pub(super) fn check(&self, epoch: i32, owned: Option<&Partitions>) -> Result<(), Refused> {
        let is_late = epoch == self.previous_epoch && owned.is_some_and(|owned| owned.is_subset(&self.assigned));
        if epoch == self.epoch || (epoch < self.epoch && is_late) {
            return Ok(());
        }
        let message = format!("The member epoch is {}, and {epoch} was sent: join again.", self.epoch);
        Err((ResponseError::FencedMemberEpoch, message))
    }

    /// The partitions that no other member may get now.
    pub(super) fn held(&self) -> Partitions {
        match &self.progress {
            Progress::Revoking { revoked, .. } => &self.assigned | revoked,
            Progress::Stable | Progress::Waiting => self.assigned.clone(),
        }
    }

    /// Comes closer to the target. `taken` has what other members hold, `owned` what this one says that it has, and
    /// `until` is the time limit to give up partitions.
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
