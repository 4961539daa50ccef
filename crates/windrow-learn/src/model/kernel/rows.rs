//! Neighbouring rows of a chunk, with their combinations of levels.

use std::array::from_fn;
use std::ops::Range;

use crate::model::kernel::joint::Combination;
use crate::model::kernel::layout::Shape;

/// Neighbouring rows. The combinations are listed for these rows and perhaps for others.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, C> {
    pub(super) shape: &'a Shape,
    /// The combinations of the listed rows, joint by joint.
    combinations: &'a [C],
    /// The first of the listed rows, and their number.
    first_listed: usize,
    listed: usize,
    pub(super) begin: usize,
    pub(super) count: usize,
}

impl<'a, C: Combination> Rows<'a, C> {
    /// Returns the rows `listed`, whose combinations are given joint by joint.
    pub(super) fn new(shape: &'a Shape, combinations: &'a [C], listed: &Range<usize>) -> Self {
        let (first_listed, listed) = (listed.start, listed.len());
        Self { shape, combinations, first_listed, listed, begin: first_listed, count: listed }
    }

    /// Returns `count` of the listed rows from `begin`.
    #[inline(always)]
    pub(super) fn part(self, begin: usize, count: usize) -> Self {
        Self { begin, count, ..self }
    }

    /// Returns the combination of each row within one joint.
    #[inline(always)]
    pub(super) fn of_joint(self, joint: usize) -> &'a [C] {
        &self.combinations[joint * self.listed + self.begin - self.first_listed..][..self.count]
    }

    /// Returns the combination of each row within each of `N` neighbouring joints.
    #[inline(always)]
    pub(super) fn of_joints<const N: usize>(self, first: usize) -> [&'a [C]; N] {
        from_fn(|at| self.of_joint(first + at))
    }

    /// Returns the combination of one row, counted from `begin`, within one joint.
    #[inline(always)]
    pub(super) fn at(self, joint: usize, row: usize) -> C {
        self.combinations[joint * self.listed + self.begin + row - self.first_listed]
    }
}
