//! How a member comes into a classic group, new, again, or under a new id.

use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::groups::classic::{ClassicGroup, Join, Joined, Member, Outcome, Phase};

impl ClassicGroup {
    /// Lets a member join; the answer comes when all have.
    pub(crate) fn join(&mut self, join: Join, now: Instant, answer: oneshot::Sender<Outcome<Joined>>) {
        if let Err(refused) = self.try_join(join, now, answer) {
            let (answer, error, member) = refused;
            let _ = answer.send(Err((error, member)));
        }
    }

    fn try_join(
        &mut self,
        join: Join,
        now: Instant,
        answer: oneshot::Sender<Outcome<Joined>>,
    ) -> Result<(), (oneshot::Sender<Outcome<Joined>>, ResponseError, String)> {
        let member = join.member.clone();
        if !self.fits(&join) {
            return Err((answer, ResponseError::InconsistentGroupProtocol, member));
        }
        let known = join.instance.as_ref().and_then(|instance| self.statics.get(instance)).cloned();
        if join.member.is_empty() {
            let id = format!("{}-{}", join.instance.as_deref().unwrap_or(&join.client.id), Uuid::new_v4());
            if let Some(old) = known {
                self.replace(&old, &id, join, now, answer);
            } else if join.instance.is_none() && join.needs_id {
                self.announced.insert(id.clone(), now + join.session);
                return Err((answer, ResponseError::MemberIdRequired, id));
            } else {
                self.add(id, join, now, answer);
            }
            return Ok(());
        }
        if join.instance.is_some() && known.as_ref() != Some(&join.member) {
            let error = if known.is_some() { ResponseError::FencedInstanceId } else { ResponseError::UnknownMemberId };
            return Err((answer, error, member));
        }
        if self.announced.remove(&join.member).is_some() {
            self.add(join.member.clone(), join, now, answer);
            return Ok(());
        }
        let Some(found) = self.members.get_mut(&join.member) else {
            return Err((answer, ResponseError::UnknownMemberId, member));
        };
        let is_same = found.protocols == join.protocols;
        let is_leader = self.leader.as_ref() == Some(&join.member);
        (found.client, found.session, found.rebalance) = (join.client, join.session, join.rebalance);
        found.deadline = now + found.session;
        let may_stay = match self.phase {
            Phase::Completing => is_same,
            Phase::Stable => is_same && !is_leader,
            Phase::Preparing | Phase::Empty => false,
        };
        if may_stay {
            let _ = answer.send(Ok(self.joined(&member, false)));
            return Ok(());
        }
        found.protocols = join.protocols;
        found.fail(ResponseError::RebalanceInProgress);
        found.joining = Some(answer);
        self.rebalance(now);
        Ok(())
    }

    fn fits(&self, join: &Join) -> bool {
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return false;
        }
        if self.members.is_empty() {
            return true;
        }
        let others = self.members.iter().filter(|(id, _)| **id != join.member);
        let mut others = others.map(|(_, member)| &member.protocols).peekable();
        let is_type = self.protocol_type.as_ref() == Some(&join.protocol_type);
        let others: Vec<_> = others.by_ref().collect();
        let is_common = |name: &String| others.iter().all(|has| has.iter().any(|(other, _)| other == name));
        is_type && join.protocols.iter().any(|(name, _)| is_common(name))
    }

    fn add(&mut self, id: String, join: Join, now: Instant, answer: oneshot::Sender<Outcome<Joined>>) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        if let Some(instance) = &join.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        let member = Member {
            instance: join.instance,
            client: join.client,
            session: join.session,
            rebalance: join.rebalance,
            protocols: join.protocols,
            assignment: Bytes::new(),
            deadline: now + join.session,
            joining: Some(answer),
            syncing: None,
        };
        self.members.insert(id, member);
        self.rebalance(now);
    }

    /// A static member that comes back under a new id.
    fn replace(&mut self, old: &str, id: &str, join: Join, now: Instant, answer: oneshot::Sender<Outcome<Joined>>) {
        let Some(mut member) = self.members.remove(old) else { return };
        member.fail(ResponseError::FencedInstanceId);
        let is_same = member.protocols == join.protocols;
        let was_leader = self.leader.as_deref() == Some(old);
        (member.client, member.session, member.rebalance) = (join.client, join.session, join.rebalance);
        (member.protocols, member.deadline) = (join.protocols, now + join.session);
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), id.to_owned());
        }
        if was_leader {
            self.leader = Some(id.to_owned());
        }
        let stays = self.phase == Phase::Stable && is_same;
        if !stays {
            member.joining = Some(answer);
            self.members.insert(id.to_owned(), member);
            self.rebalance(now);
            return;
        }
        self.members.insert(id.to_owned(), member);
        let mut joined = self.joined(id, was_leader && join.may_skip);
        if was_leader && !join.may_skip {
            // Told that another leads, it assigns nothing.
            (joined.leader, joined.members) = (old.to_owned(), Vec::new());
        }
        let _ = answer.send(Ok(joined));
    }
}
