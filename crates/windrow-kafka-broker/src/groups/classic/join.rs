//! Joins of a classic group: new members, known members, and static members with a new id.

use std::time::Instant;

use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::groups::classic::{ClassicGroup, GroupPhase, Join, JoinAnswer, Member, Outcome, Registration};

impl ClassicGroup {
    /// Adds a member to the group. The answer is sent after all members have joined.
    pub(crate) fn join(&mut self, join: Join, now: Instant, answer: oneshot::Sender<Outcome<JoinAnswer>>) {
        if let Err(refused) = self.check_join(&join, now) {
            let _ = answer.send(Err(refused));
            return;
        }
        if join.member.is_empty() {
            let id = new_id(&join);
            match self.known(&join.registration).cloned() {
                Some(old) => self.replace(&old, &id, join, now, answer),
                None => self.add(id, join, now, answer),
            }
            return;
        }
        let Some(found) = self.members.get_mut(&join.member) else {
            self.announced.remove(&join.member);
            self.add(join.member.clone(), join, now, answer);
            return;
        };
        let is_same = found.renew(join.registration, now);
        let may_stay = match self.phase {
            GroupPhase::Completing => is_same,
            GroupPhase::Stable => is_same && self.leader.as_ref() != Some(&join.member),
            GroupPhase::Preparing | GroupPhase::Empty => false,
        };
        if may_stay {
            let _ = answer.send(Ok(self.joined(&join.member, false)));
            return;
        }
        found.waiting.fail(ResponseError::RebalanceInProgress);
        found.waiting.join = Some(answer);
        self.rebalance(now);
    }

    /// Checks a request to join. The error holds the member id that the client must use from now on.
    fn check_join(&mut self, join: &Join, now: Instant) -> Outcome<()> {
        let refused = |error| Err((error, join.member.clone()));
        let (instance, known) = (&join.registration.instance, self.known(&join.registration));
        if !self.fits(join) {
            refused(ResponseError::InconsistentGroupProtocol)
        } else if join.member.is_empty() && instance.is_none() && join.needs_id {
            let id = new_id(join);
            self.announced.insert(id.clone(), now + join.registration.session);
            Err((ResponseError::MemberIdRequired, id))
        } else if join.member.is_empty() {
            Ok(())
        } else if instance.is_some() && known != Some(&join.member) {
            refused(if known.is_some() { ResponseError::FencedInstanceId } else { ResponseError::UnknownMemberId })
        } else if self.announced.contains_key(&join.member) || self.members.contains_key(&join.member) {
            Ok(())
        } else {
            refused(ResponseError::UnknownMemberId)
        }
    }

    /// Returns the member id of the static member with this instance id.
    fn known(&self, registration: &Registration) -> Option<&String> {
        self.statics.get(registration.instance.as_ref()?)
    }

    fn fits(&self, join: &Join) -> bool {
        if join.protocol_type.is_empty() || join.registration.protocols.is_empty() {
            return false;
        }
        let others = || self.members.iter().filter(|(id, _)| **id != join.member);
        let is_common = |name: &str| others().all(|(_, member)| member.registration.supports(name));
        let is_type = self.members.is_empty() || self.protocol_type.as_ref() == Some(&join.protocol_type);
        is_type && join.registration.protocols.iter().any(|(name, _)| is_common(name))
    }

    fn add(&mut self, id: String, join: Join, now: Instant, answer: oneshot::Sender<Outcome<JoinAnswer>>) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        if let Some(instance) = &join.registration.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        let mut member = Member::new(join.registration, now);
        member.waiting.join = Some(answer);
        self.members.insert(id, member);
        self.rebalance(now);
    }

    /// Replaces a static member that comes back under a new id.
    fn replace(&mut self, old: &str, id: &str, join: Join, now: Instant, answer: oneshot::Sender<Outcome<JoinAnswer>>) {
        let Some(mut member) = self.members.remove(old) else { return };
        member.waiting.fail(ResponseError::FencedInstanceId);
        let is_same = member.renew(join.registration, now);
        let was_leader = self.leader.as_deref() == Some(old);
        if let Some(instance) = &member.registration.instance {
            self.statics.insert(instance.clone(), id.to_owned());
        }
        if was_leader {
            self.leader = Some(id.to_owned());
        }
        let stays = self.phase == GroupPhase::Stable && is_same;
        if !stays {
            member.waiting.join = Some(answer);
            self.members.insert(id.to_owned(), member);
            self.rebalance(now);
            return;
        }
        self.members.insert(id.to_owned(), member);
        let mut joined = self.joined(id, was_leader && join.may_skip);
        if was_leader && !join.may_skip {
            // The member must assign nothing, so the answer names its old id as the leader.
            (joined.leader, joined.members) = (old.to_owned(), Vec::new());
        }
        let _ = answer.send(Ok(joined));
    }
}

fn new_id(join: &Join) -> String {
    let registration = &join.registration;
    format!("{}-{}", registration.instance.as_deref().unwrap_or(&registration.client.id), Uuid::new_v4())
}
