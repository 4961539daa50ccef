//! A group of the classic protocol, whose members decide on their partitions. Members join, wait for the others, and
//! take the partitions that the leader assigned.
//!
//! A state machine without a clock: it takes events and times, answers through the channels of the members that wait,
//! and returns the time of the next event. Follows Kafka's `ClassicGroup`.

mod join;
mod member;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

pub(crate) use crate::groups::classic::member::{
    GroupPhase, Join, JoinAnswer, Member, Outcome, Registration, SyncAnswer, Who,
};

#[derive(Debug, Default)]
pub(crate) struct ClassicGroup {
    pub(crate) phase: GroupPhase,
    generation: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    leader: Option<String>,
    pub(crate) members: BTreeMap<String, Member>,
    /// The member id of each static member, by its instance id.
    statics: HashMap<String, String>,
    /// The ids that were given to clients that have not joined yet, and the times when they expire.
    announced: HashMap<String, Instant>,
    /// The time until which the group waits for members.
    deadline: Option<Instant>,
}

impl ClassicGroup {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.announced.is_empty()
    }

    /// Returns the number of members, including ids that are given but not yet used.
    pub(crate) fn size(&self) -> usize {
        self.members.len() + self.announced.len()
    }

    /// Returns the number of bytes that members store in the group.
    pub(crate) fn bytes(&self) -> usize {
        self.members.values().map(|member| member.assignment.len() + member.registration.bytes()).sum()
    }

    /// Starts a rebalance: all members must join again.
    fn rebalance(&mut self, now: Instant) {
        if self.phase != GroupPhase::Preparing {
            for member in self.members.values_mut() {
                member.waiting.fail_sync(ResponseError::RebalanceInProgress);
            }
            self.phase = GroupPhase::Preparing;
            self.deadline = Some(now + self.rebalance_timeout());
        }
        if self.announced.is_empty() && self.members.values().all(|member| member.waiting.join.is_some()) {
            self.complete(now);
        }
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.registration.rebalance).max().unwrap_or_default()
    }

    /// Ends the join phase with the members that have joined.
    fn complete(&mut self, now: Instant) {
        self.remove_if(|member| member.waiting.join.is_none() && member.registration.instance.is_none());
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            (self.phase, self.deadline, self.protocol, self.leader) = (GroupPhase::Empty, None, None, None);
            return;
        }
        let has_joined = |id: &String| self.members.get(id).is_some_and(|member| member.waiting.join.is_some());
        if !self.leader.as_ref().is_some_and(has_joined) {
            let next = self.members.iter().find(|(_, member)| member.waiting.join.is_some()).map(|(id, _)| id.clone());
            if next.is_none() {
                // Only static members are left, and none has joined. The group waits for them until their sessions end.
                self.deadline = Some(now + self.rebalance_timeout());
                return;
            }
            self.leader = next;
        }
        self.protocol = Some(self.choose());
        self.phase = GroupPhase::Completing;
        self.deadline = Some(now + self.rebalance_timeout());
        let all: Vec<JoinAnswer> = self.members.keys().map(|id| self.joined(id, false)).collect();
        for (member, joined) in self.members.values_mut().zip(all) {
            member.assignment = Bytes::new();
            if let Some(answer) = member.waiting.join.take() {
                member.renew_session(now);
                let _ = answer.send(Ok(joined));
            }
        }
    }

    /// Returns the answer to a member at the end of a join.
    fn joined(&self, id: &str, skips_assignment: bool) -> JoinAnswer {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().unwrap_or_default();
        let all = || {
            let members = self.members.iter().map(|(id, member)| (id, &member.registration));
            members.map(|(id, member)| (id.clone(), member.instance.clone(), member.metadata(&protocol)))
        };
        JoinAnswer {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            member: id.to_owned(),
            skips_assignment,
            members: if leader == id { all().collect() } else { Vec::new() },
            protocol,
            leader,
        }
    }

    /// Chooses the protocol that most members prefer, among those that all members support.
    fn choose(&self) -> String {
        let registrations = || self.members.values().map(|member| &member.registration);
        let is_common = |name: &str| registrations().all(|member| member.supports(name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in registrations() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| is_common(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(name, _)| name.to_owned()).unwrap_or_default()
    }

    /// Checks that a member belongs to the group and to this generation.
    pub(crate) fn check(&self, (id, instance, generation): Who<'_>) -> Result<(), ResponseError> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(known) if known != id => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if !self.members.contains_key(id) {
            return Err(ResponseError::UnknownMemberId);
        }
        if generation == self.generation { Ok(()) } else { Err(ResponseError::IllegalGeneration) }
    }

    /// Takes the assignments of the leader. Other members wait for theirs.
    pub(crate) fn sync(
        &mut self,
        id: &str,
        protocols: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Bytes)>,
        now: Instant,
        answer: oneshot::Sender<Outcome<SyncAnswer>>,
    ) {
        let is_other = |given: Option<&str>, own: &Option<String>| given.is_some() && given != own.as_deref();
        let synced = |assignment: Bytes| SyncAnswer {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment,
        };
        let is_consistent = !is_other(protocols.0, &self.protocol_type) && !is_other(protocols.1, &self.protocol);
        let refused = match self.phase {
            _ if !is_consistent => Some(ResponseError::InconsistentGroupProtocol),
            GroupPhase::Empty => Some(ResponseError::UnknownMemberId),
            GroupPhase::Preparing => Some(ResponseError::RebalanceInProgress),
            GroupPhase::Completing | GroupPhase::Stable => None,
        };
        if let Some(error) = refused {
            let _ = answer.send(Err((error, String::new())));
            return;
        }
        if self.phase == GroupPhase::Stable {
            let assignment = self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default();
            let _ = answer.send(Ok(synced(assignment)));
            return;
        }
        let outcome = synced(Bytes::new());
        if let Some(member) = self.members.get_mut(id) {
            member.renew_session(now);
            member.waiting.sync = Some(answer);
        }
        if self.leader.as_deref() != Some(id) {
            return;
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        (self.phase, self.deadline) = (GroupPhase::Stable, None);
        for member in self.members.values_mut() {
            if let Some(answer) = member.waiting.sync.take() {
                member.renew_session(now);
                let _ = answer.send(Ok(SyncAnswer { assignment: member.assignment.clone(), ..outcome.clone() }));
            }
        }
    }

    /// Checks a member and starts a new session for it. Its request is refused in this phase of a rebalance.
    pub(crate) fn keep_alive(&mut self, who: Who<'_>, refused: GroupPhase, now: Instant) -> Result<(), ResponseError> {
        self.check(who)?;
        if let Some(member) = self.members.get_mut(who.0) {
            member.renew_session(now);
        }
        if self.phase == refused { Err(ResponseError::RebalanceInProgress) } else { Ok(()) }
    }

    /// Removes a member, and returns its id. The instance id is sufficient for a static member.
    pub(crate) fn leave(&mut self, id: &str, instance: Option<&str>, now: Instant) -> Result<String, ResponseError> {
        let id = match instance {
            Some(instance) => match self.statics.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(known) if !id.is_empty() && known != id => return Err(ResponseError::FencedInstanceId),
                Some(known) => known.clone(),
            },
            None => id.to_owned(),
        };
        if self.announced.remove(&id).is_none() && !self.members.contains_key(&id) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.remove(&id);
        self.after_removal(now);
        Ok(id)
    }

    fn remove(&mut self, id: &str) {
        if let Some(mut member) = self.members.remove(id) {
            member.waiting.fail(ResponseError::UnknownMemberId);
            if let Some(instance) = &member.registration.instance {
                self.statics.remove(instance);
            }
        }
    }

    /// Removes the members for which `is_gone` returns true. Returns true if there were any.
    fn remove_if(&mut self, is_gone: impl Fn(&Member) -> bool) -> bool {
        let gone: Vec<String> = self.members.iter().filter(|(_, one)| is_gone(one)).map(|(id, _)| id.clone()).collect();
        for id in &gone {
            self.remove(id);
        }
        !gone.is_empty()
    }

    fn after_removal(&mut self, now: Instant) {
        if self.phase != GroupPhase::Empty {
            self.rebalance(now);
        }
    }

    /// Handles everything that is due by `now`.
    pub(crate) fn expire(&mut self, now: Instant) {
        let before = self.announced.len();
        self.announced.retain(|_, deadline| *deadline > now);
        let is_anyone_silent = self.remove_if(|member| member.deadline().is_some_and(|deadline| deadline <= now));
        if is_anyone_silent || (self.announced.len() < before && self.phase == GroupPhase::Preparing) {
            self.after_removal(now);
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            match self.phase {
                GroupPhase::Preparing => self.complete(now),
                GroupPhase::Completing => {
                    // Members that did not ask for their assignments are removed.
                    self.remove_if(|member| member.waiting.sync.is_none());
                    self.rebalance(now);
                }
                GroupPhase::Empty | GroupPhase::Stable => self.deadline = None,
            }
        }
    }

    /// Returns the time of the next event.
    pub(crate) fn next(&self) -> Option<Instant> {
        let sessions = self.members.values().filter_map(Member::deadline);
        sessions.chain(self.announced.values().copied()).chain(self.deadline).min()
    }
}
