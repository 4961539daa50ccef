//! A group of the consumer protocol (KIP-848), in which the broker assigns the partitions. Members report the topics
//! that they want and the partitions that they own, and get their next assignment. A partition is assigned to a new
//! owner only after the old owner no longer reports it.
//!
//! A state machine without a clock: it takes heartbeats and times, and returns answers. Follows Kafka's `ConsumerGroup`
//! and `CurrentAssignmentBuilder`.

mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::groups::assign::{Assignor, Partitions};
pub(crate) use crate::groups::consumer::member::{Heartbeat, JOIN_EPOCH, STATIC_LEAVE_EPOCH, Subscription};
use crate::groups::consumer::member::{LEAVE_EPOCH, Member};
use crate::refusal::Refusal;

/// The heartbeat interval of members; Kafka's default.
pub(crate) const HEARTBEAT_MS: i32 = 5_000;

/// The existing topics by id: their names and partition counts.
pub(crate) type Topics = BTreeMap<Uuid, (String, i32)>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeartbeatAnswer {
    pub(crate) member: String,
    pub(crate) epoch: i32,
    /// The assignment of the member; `None` if it is unchanged and the member did not report its partitions.
    pub(crate) assignment: Option<Partitions>,
}

#[derive(Debug, Default)]
pub(crate) struct ConsumerGroup {
    pub(crate) epoch: i32,
    pub(crate) target_epoch: i32,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) target: BTreeMap<String, Partitions>,
    /// The partition counts of the topics that members wanted when the target was computed.
    wanted: BTreeMap<Uuid, i32>,
}

impl ConsumerGroup {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn state(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.current.has_reached(self.target_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Returns the assignor that most members ask for.
    pub(crate) fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.subscription.assignor) {
            *votes.entry(assignor).or_default() += 1;
        }
        votes.into_iter().rev().max_by_key(|(_, votes)| *votes).map_or(Assignor::Uniform, |(assignor, _)| assignor)
    }

    pub(crate) fn check(&self, id: &str, epoch: i32) -> Result<(), ResponseError> {
        let member = self.members.get(id).ok_or(ResponseError::UnknownMemberId)?;
        if member.current.epoch == epoch { Ok(()) } else { Err(ResponseError::StaleMemberEpoch) }
    }

    pub(crate) fn heartbeat(
        &mut self,
        heartbeat: Heartbeat,
        topics: &Topics,
        now: Instant,
    ) -> Result<HeartbeatAnswer, Refusal> {
        if heartbeat.epoch <= LEAVE_EPOCH {
            return self.leave(&heartbeat, topics);
        }
        let (id, epoch, owned) = (heartbeat.member.clone(), heartbeat.epoch, heartbeat.owned.clone());
        let mut changed = false;
        if epoch == JOIN_EPOCH {
            changed = self.join(&heartbeat, now)?;
        }
        let Some(member) = self.members.get_mut(&id) else {
            return Err((ResponseError::UnknownMemberId, format!("Member {id} is not a member of the group.")));
        };
        member.current.check(epoch, owned.as_ref())?;
        changed |= member.renew_session(heartbeat, now);
        let before = member.current.assigned.clone();
        self.refresh(topics, changed);
        let (epoch_now, assigned) = self.reconcile(&id, owned.as_ref(), now);
        let has_news = epoch == JOIN_EPOCH || owned.is_some() || assigned != before;
        Ok(HeartbeatAnswer { member: id, epoch: epoch_now, assignment: has_news.then_some(assigned) })
    }

    /// Adds a member, or resets a known one. Returns true if the group has one more member.
    fn join(&mut self, heartbeat: &Heartbeat, now: Instant) -> Result<bool, Refusal> {
        let is_former = |(id, member): &(&String, &Member)| {
            heartbeat.instance.is_some()
                && member.subscription.instance == heartbeat.instance
                && **id != heartbeat.member
        };
        let mut former = None;
        if let Some((old, member)) = self.members.iter().find(is_former) {
            if !member.current.has_left_temporarily() {
                let instance = heartbeat.instance.as_deref().unwrap_or_default();
                let message = format!("Static member {instance} is in use by another member.");
                return Err((ResponseError::UnreleasedInstanceId, message));
            }
            let old = old.clone();
            former = self.members.remove(&old);
            if let Some(target) = self.target.remove(&old) {
                self.target.insert(heartbeat.member.clone(), target);
            }
        }
        let known = former.or_else(|| self.members.remove(&heartbeat.member));
        let is_new = known.is_none();
        let newcomer = || Subscription { instance: heartbeat.instance.clone(), ..Subscription::default() };
        let subscription = known.map_or_else(newcomer, |member| member.subscription);
        self.members.insert(heartbeat.member.clone(), Member::joining(subscription, now));
        Ok(is_new)
    }

    fn leave(&mut self, heartbeat: &Heartbeat, topics: &Topics) -> Result<HeartbeatAnswer, Refusal> {
        let unknown = || (ResponseError::UnknownMemberId, format!("Member {} is not known.", heartbeat.member));
        let member = self.members.get_mut(&heartbeat.member).ok_or_else(unknown)?;
        if heartbeat.epoch == STATIC_LEAVE_EPOCH && member.subscription.instance.is_some() {
            member.current.epoch = STATIC_LEAVE_EPOCH;
        } else {
            self.remove(&heartbeat.member);
            self.refresh(topics, true);
        }
        Ok(HeartbeatAnswer { member: heartbeat.member.clone(), epoch: heartbeat.epoch, assignment: None })
    }

    fn remove(&mut self, id: &str) {
        self.members.remove(id);
        self.target.remove(id);
    }

    /// Returns the ids of the topics that each member wants.
    fn subscriptions(&self, topics: &Topics) -> BTreeMap<String, BTreeSet<Uuid>> {
        let of = |member: &Member| {
            let wanted = topics.iter().filter(|(_, (name, _))| member.subscription.wants(name));
            wanted.map(|(id, _)| *id).collect::<BTreeSet<_>>()
        };
        self.members.iter().map(|(id, member)| (id.clone(), of(member))).collect()
    }

    /// Computes a new target assignment if members or their subscriptions (`changed`) or their topics have changed. All
    /// these changes together increase the epoch by one.
    pub(crate) fn refresh(&mut self, topics: &Topics, changed: bool) {
        let subscriptions = self.subscriptions(topics);
        let all: BTreeSet<Uuid> = subscriptions.values().flatten().copied().collect();
        let wanted: BTreeMap<Uuid, i32> = all.iter().filter_map(|id| Some((*id, topics.get(id)?.1))).collect();
        if changed || wanted != self.wanted {
            self.epoch += 1;
            self.wanted = wanted;
        }
        if self.epoch > self.target_epoch {
            self.target = self.assignor().assign(&subscriptions, &self.wanted, &self.target);
            self.target_epoch = self.epoch;
        }
    }

    /// Moves a member closer to its target. Returns its epoch and its current assignment.
    fn reconcile(&mut self, id: &str, owned: Option<&Partitions>, now: Instant) -> (i32, Partitions) {
        let others = self.members.iter().filter(|(other, _)| *other != id);
        let taken = others.flat_map(|(_, other)| other.current.held()).collect();
        let target = self.target.get(id).cloned().unwrap_or_default();
        let Some(Member { subscription, current, .. }) = self.members.get_mut(id) else { return Default::default() };
        current.reconcile((&target, self.target_epoch), &taken, owned, now + subscription.rebalance);
        (current.epoch, current.assigned.clone())
    }

    /// Removes members that sent no heartbeat in time, or did not give up their partitions in time.
    pub(crate) fn expire(&mut self, topics: &Topics, now: Instant) {
        let gone = self.members.iter().filter(|(_, member)| member.deadline() <= now);
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in &gone {
            self.remove(id);
        }
        if !gone.is_empty() {
            self.refresh(topics, true);
        }
    }

    /// Returns the time of the next event.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.members.values().map(Member::deadline).min()
    }
}
