//! One-hot features that the kernel reads as one.
//!
//! A row has one level of each feature, and each level costs a read in a gradient and each pair of levels one in a
//! Hessian. Features of few levels are joined to a feature whose levels are the combinations. The sums by combination
//! are added up to sums by level after the last row.

use std::ops::AddAssign;

/// Features that are read as one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Joint {
    /// The number of combinations of levels.
    pub(in crate::model) levels: usize,
    /// The index of its first combination among all combinations.
    pub(in crate::model) first: usize,
    /// The features, each with the number by which its level is multiplied in the index of a combination.
    pub(super) members: Vec<(usize, usize)>,
    /// The levels of each combination, counted among all levels of all features.
    indexes: Vec<u32>,
}

impl Joint {
    /// Returns the levels of a combination, one for each feature, counted among all levels of all features.
    #[inline]
    pub(in crate::model) fn level_indexes(&self, combination: usize) -> &[u32] {
        let members = self.members.len();
        &self.indexes[combination * members..][..members]
    }
}

/// The combination of each row within each joint, joint by joint. Passes over the same rows can share them.
#[derive(Debug)]
pub(in crate::model) enum Combinations {
    /// The joints have at most 2^16 levels.
    Narrow(Vec<u16>),
    /// A joint has more levels.
    Wide(Vec<u32>),
}

/// The index of a combination within its joint.
pub(super) trait Combination: Copy + Default + AddAssign {
    fn new(index: u32) -> Self;
    fn index(self) -> usize;
}

impl Combination for u16 {
    fn new(index: u32) -> Self {
        // The joints have at most 2^16 levels.
        index as Self
    }

    fn index(self) -> usize {
        self.into()
    }
}

impl Combination for u32 {
    fn new(index: u32) -> Self {
        index
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Combinations {
    /// Creates an empty list for rows of some joints.
    pub(in crate::model) fn new(joints: &[Joint]) -> Self {
        let is_narrow = joints.iter().all(|joint| joint.levels <= 1 << 16);
        if is_narrow { Self::Narrow(Vec::new()) } else { Self::Wide(Vec::new()) }
    }

    /// Returns the bytes that some rows take.
    pub(in crate::model) fn bytes(joints: &[Joint], rows: usize) -> usize {
        let size = match Self::new(joints) {
            Self::Narrow(_) => size_of::<u16>(),
            Self::Wide(_) => size_of::<u32>(),
        };
        rows * joints.len() * size
    }

    /// Replaces the list by the combinations of some rows. `codes` are their codes of all features, row by row, and
    /// `maps` have the level by feature and code.
    pub(in crate::model) fn read(&mut self, joints: &[Joint], codes: &[u32], maps: &[Vec<u32>]) {
        match self {
            Self::Narrow(all) => read(all, joints, codes, maps),
            Self::Wide(all) => read(all, joints, codes, maps),
        }
    }
}

fn read<C: Combination>(all: &mut Vec<C>, joints: &[Joint], codes: &[u32], maps: &[Vec<u32>]) {
    /// The codes of a few rows stay in the first-level cache for all joints.
    const ROWS: usize = 128;
    let features = maps.len().max(1);
    let rows = codes.len() / features;
    all.clear();
    all.resize(rows * joints.len(), C::default());
    for (begin, codes) in (0..rows).step_by(ROWS).zip(codes.chunks(ROWS * features)) {
        for (joint, all) in joints.iter().zip(all.chunks_exact_mut(rows.max(1))) {
            for (feature, step) in &joint.members {
                let (map, step) = (&maps[*feature], *step as u32);
                for (code, combination) in codes[*feature..].iter().step_by(features).zip(&mut all[begin..]) {
                    *combination += C::new(map[*code as usize] * step);
                }
            }
        }
    }
}

/// Joins features, given by their numbers of levels, and by the index of the first level of each. A joint of several
/// features has at most `most` levels.
pub(super) fn join(levels: &[usize], first: &[usize], most: usize) -> Vec<Joint> {
    let mut by_size: Vec<usize> = (0..levels.len()).collect();
    by_size.sort_by_key(|feature| std::cmp::Reverse(levels[*feature]));
    // First fit, the largest features first.
    let mut packed: Vec<(usize, Vec<usize>)> = Vec::new();
    for feature in by_size {
        let fits = |(joined, _): &&mut (usize, Vec<usize>)| joined.saturating_mul(levels[feature]) <= most;
        match packed.iter_mut().find(fits) {
            Some((joined, members)) => {
                *joined *= levels[feature];
                members.push(feature);
            }
            None => packed.push((levels[feature], vec![feature])),
        }
    }
    let mut begin = 0;
    let joint = |(joined, features): (usize, Vec<usize>)| {
        let mut step = 1;
        let members: Vec<(usize, usize)> = features
            .into_iter()
            .map(|feature| {
                let own = step;
                step *= levels[feature];
                (feature, own)
            })
            .collect();
        let index = |combination: usize| {
            let of_member = move |(feature, step): &(usize, usize)| {
                // The index of a level is below the width of a design, which is far below 2^32.
                (first[*feature] + combination / step % levels[*feature]) as u32
            };
            members.iter().map(of_member).collect::<Vec<_>>()
        };
        let indexes = (0..joined).flat_map(index).collect();
        let at = begin;
        begin += joined;
        Joint { levels: joined, first: at, members, indexes }
    };
    packed.into_iter().map(joint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(levels: &[usize]) -> Vec<Joint> {
        let first: Vec<usize> =
            levels.iter().scan(0, |all, count| Some(std::mem::replace(all, *all + count))).collect();
        join(levels, &first, 64)
    }

    #[test]
    fn small_features_are_joined_and_large_ones_are_not() {
        let members = |levels: &[usize]| -> Vec<Vec<usize>> {
            let of = |joint: &Joint| joint.members.iter().map(|(feature, _)| *feature).collect();
            joined(levels).iter().map(of).collect()
        };
        assert_eq!(members(&[3, 100, 4, 5]), [vec![1], vec![3, 2, 0]]);
        assert_eq!(members(&[64, 2, 1]), [vec![0, 2], vec![1]]);
        assert_eq!(members(&[]), Vec::<Vec<usize>>::new());
        // A feature without levels cannot make an index that is out of range.
        assert_eq!(joined(&[0, 3]).iter().map(|joint| joint.levels).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn each_combination_has_its_levels_once() {
        let levels = [3, 100, 4, 5, 2, 2, 9];
        let joints = joined(&levels);
        let total: usize = joints.iter().map(|joint| joint.levels).sum();
        assert_eq!(joints.iter().map(|joint| joint.members.len()).sum::<usize>(), levels.len());
        let mut next = 0;
        for joint in &joints {
            assert_eq!(joint.first, next);
            next += joint.levels;
            let mut combinations: Vec<&[u32]> = (0..joint.levels).map(|at| joint.level_indexes(at)).collect();
            combinations.sort_unstable();
            combinations.dedup();
            assert_eq!(combinations.len(), joint.levels);
        }
        assert_eq!(next, total);
    }
}
