//! A set of numbers that mostly arrive in ascending order without a gap, as row numbers and offsets do.

use std::ops::RangeInclusive;

use roaring::RoaringTreemap;

use crate::RowRange;

/// A set of numbers. To add the number after the last one takes a comparison, and not a search.
#[derive(Debug, Default)]
pub(crate) struct NumberSet {
    /// The numbers that were added before the stretch. They may include some of the stretch.
    before: RoaringTreemap,
    /// The consecutive numbers that were added last.
    stretch: Option<Stretch>,
}

/// Consecutive numbers. Both ends are included.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: u64,
    last: u64,
}

impl Stretch {
    #[inline]
    fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }

    fn insert_into(self, numbers: &mut RoaringTreemap) {
        if self.first == self.last {
            numbers.insert(self.first);
        } else {
            numbers.insert_range(self.first..=self.last);
        }
    }
}

impl NumberSet {
    #[inline]
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.stretch.is_some_and(|stretch| stretch.contains(number)) || self.before.contains(number)
    }

    #[inline]
    pub(crate) fn insert(&mut self, number: u64) {
        match &mut self.stretch {
            Some(stretch) if stretch.last.checked_add(1) == Some(number) => stretch.last = number,
            Some(stretch) if stretch.contains(number) => {}
            _ => self.begin_stretch(number),
        }
    }

    fn begin_stretch(&mut self, number: u64) {
        self.end_stretch();
        self.stretch = Some(Stretch { first: number, last: number });
    }

    fn end_stretch(&mut self) {
        if let Some(stretch) = self.stretch.take() {
            stretch.insert_into(&mut self.before);
        }
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.end_stretch();
        self.before.remove(number);
    }

    /// Adds the numbers of a range.
    pub(crate) fn insert_range(&mut self, range: &RowRange) {
        range.insert_into(&mut self.before);
    }

    /// Adds the numbers of another set.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.end_stretch();
        other.end_stretch();
        self.before |= other.before;
    }

    /// Returns the count of numbers in a range.
    pub(crate) fn count_in(&self, range: RangeInclusive<u64>) -> u64 {
        let counted = self.before.range_cardinality(range.clone());
        let Some(stretch) = self.stretch else { return counted };
        let (first, last) = (stretch.first.max(*range.start()), stretch.last.min(*range.end()));
        if first > last {
            return counted;
        }
        // Some numbers of the stretch may also be in `before`.
        counted + (last - first + 1) - self.before.range_cardinality(first..=last)
    }

    /// Returns the ranges of the set, as [`RowRange::of_set`] does.
    pub(crate) fn ranges(&self, step: u64) -> Vec<RowRange> {
        match self.stretch {
            Some(stretch) if step == 1 && self.before.is_empty() => vec![RowRange::new(stretch.first, stretch.last)],
            Some(stretch) => {
                let mut all = self.before.clone();
                stretch.insert_into(&mut all);
                RowRange::of_set(&all, step)
            }
            None => RowRange::of_set(&self.before, step),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that go on by one, jump, or come again.
    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let stretch = (0_u64..60, 1_u64..12).prop_map(|(first, count)| (first..first + count).collect::<Vec<u64>>());
        prop::collection::vec(stretch, 0..8).prop_map(|stretches| stretches.concat())
    }

    fn set_of(numbers: &[u64]) -> (NumberSet, RoaringTreemap) {
        let mut set = NumberSet::default();
        numbers.iter().for_each(|number| set.insert(*number));
        (set, numbers.iter().copied().collect())
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(
            numbers in numbers(),
            first in 0_u64..80,
            length in 0_u64..40,
            step in 1_u64..4,
        ) {
            let (set, plain) = set_of(&numbers);
            prop_assert!((0..80).all(|number| set.contains(number) == plain.contains(number)));
            let range = first..=first + length;
            prop_assert_eq!(set.count_in(range.clone()), plain.range_cardinality(range));
            prop_assert_eq!(set.ranges(step), RowRange::of_set(&plain, step));
        }

        #[test]
        fn it_changes_as_a_plain_set_does(
            one in numbers(),
            other in numbers(),
            removed in 0_u64..80,
            from in 0_u64..80,
        ) {
            let ((mut set, mut plain), (more, plain_more)) = (set_of(&one), set_of(&other));
            set.absorb(more);
            plain |= plain_more;
            set.insert(from);
            plain.insert(from);
            set.insert_range(&RowRange::new(from, from + 3));
            plain.insert_range(from..=from + 3);
            set.remove(removed);
            plain.remove(removed);
            prop_assert_eq!(set.ranges(1), RowRange::of_set(&plain, 1));
            prop_assert_eq!(set.count_in(0..=100), plain.len());
        }
    }

    #[test]
    fn it_holds_the_largest_number() {
        let (set, plain) = set_of(&[u64::MAX - 1, u64::MAX, u64::MAX]);
        assert_eq!(set.ranges(1), RowRange::of_set(&plain, 1));
        assert_eq!(set.count_in(0..=u64::MAX), 2);
    }
}
