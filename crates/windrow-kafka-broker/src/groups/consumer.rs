//! A group whose broker decides on the partitions (Kafka's KIP-848): members say what they want and have, and are assigned what to
//! have next. A partition goes to its new owner only after the old one has reported without it.
//!
//! A state machine without a clock of its own: heartbeats and times in, answers out. Follows Kafka's `ConsumerGroup` and
//! `CurrentAssignmentBuilder`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::groups::assign::{Assignor, Partitions};
use crate::refused::Refused;
use crate::wire::Client;

/// How long a member may be silent, and how often it is to be heard; Kafka's defaults.
const SESSION: Duration = Duration::from_secs(45);
pub(crate) const HEARTBEAT_MS: i32 = 5_000;
/// The epochs by which members join and leave.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;
const LEAVES_FOR_A_WHILE: i32 = -2;

/// The topics that there are, by id: name and partitions.
pub(crate) type Topics = BTreeMap<Uuid, (String, i32)>;

/// What a member says. What is not there is as it was.
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

/// What a member is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) member: String,
    pub(crate) epoch: i32,
    /// What to have; none where that is as before.
    pub(crate) assignment: Option<Partitions>,
}

/// How far a member has come to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Stable,
    /// It has yet to give partitions up.
    Unrevoked,
    /// Others have yet to give up what it is to have.
    Unreleased,
}

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) epoch: i32,
    previous_epoch: i32,
    progress: Progress,
    pub(crate) instance: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) client: Client,
    rebalance: Duration,
    pub(crate) names: BTreeSet<String>,
    pub(crate) regex: Option<(String, regex::Regex)>,
    assignor: Option<Assignor>,
    pub(crate) assigned: Partitions,
    revoked: Partitions,
    deadline: Instant,
    /// Until when it is to give partitions up.
    revocation: Option<Instant>,
    /// A static member that has left and may come back.
    is_away: bool,
}

/// A group of the newer protocol.
#[derive(Debug, Default)]
pub(crate) struct ConsumerGroup {
    pub(crate) epoch: i32,
    pub(crate) target_epoch: i32,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) target: BTreeMap<String, Partitions>,
    /// The topics that members wanted when the target was made, with their partitions.
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
        } else if self
            .members
            .values()
            .all(|member| member.progress == Progress::Stable && (member.epoch == self.target_epoch || member.is_away))
        {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// The assignor that most members ask for.
    pub(crate) fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.assignor) {
            *votes.entry(assignor).or_default() += 1;
        }
        votes.into_iter().rev().max_by_key(|(_, votes)| *votes).map_or(Assignor::Uniform, |(assignor, _)| assignor)
    }

    /// Whether a member may act in this epoch of its own.
    pub(crate) fn check(&self, id: &str, epoch: i32) -> Result<(), ResponseError> {
        let member = self.members.get(id).ok_or(ResponseError::UnknownMemberId)?;
        if member.epoch == epoch { Ok(()) } else { Err(ResponseError::StaleMemberEpoch) }
    }

    /// Takes a member's heartbeat, and answers what to do.
    ///
    /// # Errors
    /// It is not known, or another has taken its place.
    pub(crate) fn heartbeat(&mut self, said: Heartbeat, topics: &Topics, now: Instant) -> Result<Told, Refused> {
        if said.epoch <= LEAVES {
            return self.leave(&said, topics);
        }
        let id = said.member.clone();
        let mut changed = false;
        if said.epoch == JOINS {
            changed = self.join(&said, now)?;
        } else {
            let member = self.members.get(&id).ok_or_else(|| {
                (ResponseError::UnknownMemberId, format!("Member {id} is not a member of the group."))
            })?;
            let is_late = said.epoch == member.previous_epoch
                && said.owned.as_ref().is_some_and(|owned| is_within(owned, &member.assigned));
            if said.epoch > member.epoch || (said.epoch < member.epoch && !is_late) {
                let message = format!("The member epoch is {}, and {} was sent: join again.", member.epoch, said.epoch);
                return Err((ResponseError::FencedMemberEpoch, message));
            }
        }
        let is_full = said.epoch == JOINS || said.owned.is_some();
        let owned = said.owned.clone();
        let Some(member) = self.members.get_mut(&id) else {
            return Err((ResponseError::UnknownMemberId, String::new()));
        };
        member.deadline = now + SESSION;
        changed |= member.hear(said);
        self.refresh(topics, changed);
        let before = self.members.get(&id).map(|member| (member.assigned.clone(), member.epoch));
        self.reconcile(&id, owned.as_ref(), now);
        let Some(member) = self.members.get(&id) else {
            return Err((ResponseError::UnknownMemberId, String::new()));
        };
        let has_news = before.is_none_or(|(assigned, _)| assigned != member.assigned);
        let assignment = (is_full || has_news).then(|| member.assigned.clone());
        Ok(Told { member: id, epoch: member.epoch, assignment })
    }

    /// Whether the group has one more member.
    fn join(&mut self, said: &Heartbeat, now: Instant) -> Result<bool, Refused> {
        let mut inherited = None;
        if let Some(instance) = &said.instance {
            let same = |member: &Member| member.instance.as_ref() == Some(instance);
            let known = self.members.iter().find(|(id, member)| same(member) && **id != said.member);
            if let Some((old, member)) = known {
                if !member.is_away {
                    let message = format!("Static member {instance} is in use by another member.");
                    return Err((ResponseError::UnreleasedInstanceId, message));
                }
                let old = old.clone();
                inherited = self.members.remove(&old);
                if let Some(target) = self.target.remove(&old) {
                    self.target.insert(said.member.clone(), target);
                }
            }
        }
        let is_new = inherited.is_none() && !self.members.contains_key(&said.member);
        let mut member = inherited.or_else(|| self.members.remove(&said.member)).unwrap_or_else(|| Member {
            epoch: 0,
            previous_epoch: -1,
            progress: Progress::Stable,
            instance: said.instance.clone(),
            rack: None,
            client: said.client.clone(),
            rebalance: Duration::ZERO,
            names: BTreeSet::new(),
            regex: None,
            assignor: None,
            assigned: Partitions::new(),
            revoked: Partitions::new(),
            deadline: now + SESSION,
            revocation: None,
            is_away: false,
        });
        // Whoever joins has nothing, whatever it had.
        (member.epoch, member.previous_epoch, member.is_away) = (0, -1, false);
        (member.progress, member.revocation) = (Progress::Stable, None);
        member.assigned.clear();
        member.revoked.clear();
        self.members.insert(said.member.clone(), member);
        Ok(is_new)
    }

    fn leave(&mut self, said: &Heartbeat, topics: &Topics) -> Result<Told, Refused> {
        let unknown = || (ResponseError::UnknownMemberId, format!("Member {} is not known.", said.member));
        let member = self.members.get_mut(&said.member).ok_or_else(unknown)?;
        if said.epoch == LEAVES_FOR_A_WHILE && member.instance.is_some() {
            (member.epoch, member.is_away) = (LEAVES_FOR_A_WHILE, true);
        } else {
            self.remove(&said.member);
            self.refresh(topics, true);
        }
        Ok(Told { member: said.member.clone(), epoch: said.epoch, assignment: None })
    }

    fn remove(&mut self, id: &str) {
        self.members.remove(id);
        self.target.remove(id);
    }

    /// The topics of each member.
    fn subscriptions(&self, topics: &Topics) -> BTreeMap<String, BTreeSet<Uuid>> {
        let wants = |member: &Member, name: &String| {
            member.names.contains(name) || member.regex.as_ref().is_some_and(|(_, regex)| regex.is_match(name))
        };
        let of = |member: &Member| {
            topics.iter().filter(|(_, (name, _))| wants(member, name)).map(|(id, _)| *id).collect::<BTreeSet<_>>()
        };
        self.members.iter().map(|(id, member)| (id.clone(), of(member))).collect()
    }

    /// Makes a new target where topics that members want have changed.
    pub(crate) fn topics_changed(&mut self, topics: &Topics) {
        self.refresh(topics, false);
    }

    /// Makes a new target where members or their wishes (`changed`) or the topics have changed: one more epoch for all of it.
    fn refresh(&mut self, topics: &Topics, changed: bool) {
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

    /// Brings a member closer to its target.
    fn reconcile(&mut self, id: &str, owned: Option<&Partitions>, now: Instant) {
        let target = self.target.get(id).cloned().unwrap_or_default();
        let mut taken = BTreeSet::new();
        for (_, other) in self.members.iter().filter(|(other, _)| *other != id) {
            taken.extend(places(&other.assigned));
            taken.extend(places(&other.revoked));
        }
        let (target_epoch, Some(member)) = (self.target_epoch, self.members.get_mut(id)) else { return };
        match member.progress {
            Progress::Stable if member.epoch == target_epoch => return,
            Progress::Unrevoked => {
                let still_has =
                    owned.is_none_or(|owned| places(&member.revoked).iter().any(|place| has(owned, *place)));
                if still_has {
                    return;
                }
                member.revoked.clear();
                member.revocation = None;
            }
            Progress::Stable | Progress::Unreleased => {}
        }
        let (wanted, has_now) = (places(&target), places(&member.assigned));
        let kept: BTreeSet<_> = has_now.intersection(&wanted).copied().collect();
        let revoked: BTreeSet<_> = has_now.difference(&wanted).copied().collect();
        let must_wait = |place: &&(Uuid, i32)| owned.is_none_or(|owned| has(owned, **place));
        if !revoked.is_empty() && revoked.iter().any(|place| must_wait(&place)) {
            (member.assigned, member.revoked) = (grouped(&kept), grouped(&revoked));
            member.progress = Progress::Unrevoked;
            member.revocation = Some(now + member.rebalance);
            return;
        }
        let free: BTreeSet<_> = wanted.difference(&kept).filter(|place| !taken.contains(*place)).copied().collect();
        let is_complete = kept.len() + free.len() == wanted.len();
        member.assigned = grouped(&kept.union(&free).copied().collect());
        member.progress = if is_complete { Progress::Stable } else { Progress::Unreleased };
        if member.epoch != target_epoch {
            (member.previous_epoch, member.epoch) = (member.epoch, target_epoch);
        }
    }

    /// Lets those go who were silent, or did not give up what they had to.
    pub(crate) fn expire(&mut self, topics: &Topics, now: Instant) {
        let is_over =
            |member: &Member| member.deadline <= now || member.revocation.is_some_and(|deadline| deadline <= now);
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| is_over(member)).map(|(id, _)| id.clone()).collect();
        for id in &gone {
            self.remove(id);
        }
        if !gone.is_empty() {
            self.refresh(topics, true);
        }
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let deadlines = self.members.values();
        deadlines.map(|member| member.revocation.map_or(member.deadline, |other| other.min(member.deadline))).min()
    }
}

impl Member {
    /// Takes what a member says of itself; whether its wishes have changed.
    fn hear(&mut self, said: Heartbeat) -> bool {
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
            let text = |regex: &Option<(String, regex::Regex)>| regex.as_ref().map(|(text, _)| text.clone());
            changed |= text(&regex) != text(&self.regex);
            self.regex = regex;
        }
        if said.assignor.is_some() {
            changed |= said.assignor != self.assignor;
            self.assignor = said.assignor;
        }
        changed
    }
}

fn places(partitions: &Partitions) -> BTreeSet<(Uuid, i32)> {
    partitions.iter().flat_map(|(topic, all)| all.iter().map(move |partition| (*topic, *partition))).collect()
}

fn grouped(places: &BTreeSet<(Uuid, i32)>) -> Partitions {
    let mut partitions = Partitions::new();
    for (topic, partition) in places {
        partitions.entry(*topic).or_default().insert(*partition);
    }
    partitions
}

fn has(partitions: &Partitions, (topic, partition): (Uuid, i32)) -> bool {
    partitions.get(&topic).is_some_and(|all| all.contains(&partition))
}

fn is_within(owned: &Partitions, assigned: &Partitions) -> bool {
    places(owned).is_subset(&places(assigned))
}
