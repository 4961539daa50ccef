//! Assignors: which member gets which partitions, in groups whose broker decides. Pure.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// A set of partitions, by topic id and partition number.
pub(crate) type Partitions = BTreeSet<(Uuid, i32)>;

/// The topics that each member wants.
type Wishes = BTreeMap<String, BTreeSet<Uuid>>;

/// The partitions of each member.
type Shares = BTreeMap<String, Partitions>;

/// The assignors that members can ask for. The first is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assignor {
    /// Moves as few partitions as possible, and balances the numbers of partitions of the members.
    Uniform,
    /// Gives each member a contiguous range of each topic's partitions, in the order of the members.
    Range,
}

impl Assignor {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// Assigns every partition of `topics` (their ids and partition counts) to a member that wants the topic, if there
    /// is one. `wanted` has the topics of each member. `before` has the partitions that each member had.
    pub(crate) fn assign(self, wanted: &Wishes, topics: &BTreeMap<Uuid, i32>, before: &Shares) -> Shares {
        match self {
            Self::Uniform => uniform(wanted, topics, before),
            Self::Range => range(wanted, topics),
        }
    }
}

fn range(wanted: &Wishes, topics: &BTreeMap<Uuid, i32>) -> Shares {
    let mut given: Shares = wanted.keys().map(|id| (id.clone(), Partitions::new())).collect();
    for (topic, count) in topics {
        let members: Vec<&String> = wanted.iter().filter(|(_, all)| all.contains(topic)).map(|(id, _)| id).collect();
        let Ok(many) = i32::try_from(members.len()) else { continue };
        let mut next = 0;
        for (index, id) in (0..many).zip(members) {
            let share = count / many + i32::from(index < count % many);
            if let Some(partitions) = given.get_mut(id) {
                partitions.extend((next..next + share).map(|partition| (*topic, partition)));
            }
            next += share;
        }
    }
    given
}

fn uniform(wanted: &Wishes, topics: &BTreeMap<Uuid, i32>, before: &Shares) -> Shares {
    let ids: Vec<&String> = wanted.keys().collect();
    let total: usize = topics.values().map(|count| usize::try_from(*count).unwrap_or(0)).sum();
    let quota = total.div_ceil(ids.len().max(1));
    let mut shares = vec![Partitions::new(); ids.len()];
    let mut owned = Partitions::new();
    for ((id, topics_wanted), share) in wanted.iter().zip(&mut shares) {
        for (topic, partition) in before.get(id).into_iter().flatten() {
            let exists = topics.get(topic).is_some_and(|count| (0..*count).contains(partition));
            let may_keep = exists && share.len() < quota && topics_wanted.contains(topic);
            if may_keep && owned.insert((*topic, *partition)) {
                share.insert((*topic, *partition));
            }
        }
    }
    let wants = |member: usize, topic: &Uuid| wanted[ids[member]].contains(topic);
    for (topic, count) in topics {
        let members: Vec<usize> = (0..ids.len()).filter(|member| wants(*member, topic)).collect();
        for partition in (0..*count).filter(|partition| !owned.contains(&(*topic, *partition))) {
            if let Some(least) = members.iter().min_by_key(|member| shares[**member].len()) {
                shares[*least].insert((*topic, partition));
            }
        }
    }
    // A member that has two partitions more than another gives one up, if the other wants its topic. Each move brings
    // the two closer, so the loop ends.
    loop {
        let mut moved = false;
        for from in 0..ids.len() {
            let has_less = |to: &usize| shares[*to].len() + 1 < shares[from].len();
            let transfer = shares[from].iter().rev().find_map(|(topic, partition)| {
                let takers = (0..ids.len()).filter(|to| has_less(to) && wants(*to, topic));
                takers.min_by_key(|to| shares[*to].len()).map(|to| (to, (*topic, *partition)))
            });
            if let Some((to, partition)) = transfer {
                shares[from].remove(&partition);
                shares[to].insert(partition);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    ids.into_iter().cloned().zip(shares).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flat(given: &Shares) -> BTreeMap<(Uuid, i32), String> {
        let mut owners = BTreeMap::new();
        for (id, partitions) in given {
            for partition in partitions {
                assert_eq!(owners.insert(*partition, id.clone()), None, "one owner");
            }
        }
        owners
    }

    proptest! {
        #[test]
        fn every_partition_has_one_owner_and_few_move(
            members in 1_usize..7, counts in prop::collection::vec(0_i32..12, 1..4), leaving in 0_usize..7,
        ) {
            let topics: BTreeMap<Uuid, i32> = (1..).map(Uuid::from_u128).zip(counts).collect();
            let all: BTreeSet<Uuid> = topics.keys().copied().collect();
            let mut wanted: BTreeMap<_, _> = (0..members).map(|member| (format!("m{member}"), all.clone())).collect();
            let total: i32 = topics.values().sum();
            for assignor in [Assignor::Uniform, Assignor::Range] {
                let given = assignor.assign(&wanted, &topics, &BTreeMap::new());
                prop_assert_eq!(i32::try_from(flat(&given).len()), Ok(total));
            }
            let before = Assignor::Uniform.assign(&wanted, &topics, &BTreeMap::new());
            let sizes = |given: &Shares| -> Vec<usize> { given.values().map(BTreeSet::len).collect() };
            prop_assert!(sizes(&before).iter().max().expect("one") - sizes(&before).iter().min().expect("one") <= 1);
            prop_assert_eq!(&Assignor::Uniform.assign(&wanted, &topics, &before), &before, "nothing moves without a reason");
            if wanted.len() > 1 && wanted.remove(&format!("m{leaving}")).is_some() {
                let after = Assignor::Uniform.assign(&wanted, &topics, &before);
                prop_assert!(sizes(&after).iter().max().expect("one") - sizes(&after).iter().min().expect("one") <= 1);
                let (old, new) = (flat(&before), flat(&after));
                prop_assert_eq!(new.len(), old.len());
                for (partition, owner) in old.iter().filter(|(_, owner)| wanted.contains_key(*owner)) {
                    prop_assert_eq!(&new[partition], owner, "who stays keeps what it has");
                }
            }
        }
    }

    #[test]
    fn members_get_topics_that_they_want_only() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let topics = BTreeMap::from([(one, 4), (two, 4)]);
        let wanted =
            BTreeMap::from([("a".to_owned(), BTreeSet::from([one])), ("b".to_owned(), BTreeSet::from([one, two]))]);
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let owners = flat(&assignor.assign(&wanted, &topics, &BTreeMap::new()));
            assert_eq!(owners.len(), 8);
            assert!(owners.iter().all(|((topic, _), owner)| *topic == one || owner == "b"));
        }
        let uniform = flat(&Assignor::Uniform.assign(&wanted, &topics, &BTreeMap::new()));
        let of_a = uniform.values().filter(|owner| *owner == "a").count();
        assert_eq!(of_a, 4, "b has enough with the topic that only b wants");
    }
}
