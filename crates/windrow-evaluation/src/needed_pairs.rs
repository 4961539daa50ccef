//! The pairs of model and window that are scored for the advice. This is the one definition of the rule, for the built-in
//! solvers and for learners outside of this program.
//!
//! A schedule has models in use that are at most as old as its refit period plus the label delay. The policy that never
//! refits, and those on alarm, begin with one of the newest models of the time when the first window judged arrives, and
//! may keep it. The Python package has the same rule: `ages_of_schedules` and `first_models` in `python/windrow/_ladder.py`.
//!
//! The rule says what is scored in advance, in one pass over each window. Which further models a policy keeps in use
//! follows from losses: after an alarm, after a break, or if you follow the advice. [`Evidence`](crate::Evidence) records
//! them when they are read.

use crate::losses::STARTS;
use crate::pairs::NeededPairs;
use crate::trial::{intervals, judged_histories, longest_history};
use windrow_record::Scheme;

/// Returns the pairs that the planned policies need for the advice after each of the first `windows` windows, and those
/// with which the policies on alarm begin.
///
/// `wanted` limits the histories, `delay` is the label delay in windows. More windows add pairs and remove none.
pub fn needed_pairs(windows: u32, wanted: Option<&[Scheme]>, delay: u32) -> NeededPairs {
    let mut needed = NeededPairs::default();
    for last in 1..=windows {
        let longest = longest_history(&judged_histories(last, wanted, delay));
        let judged = last.saturating_sub(longest.saturating_add(delay));
        let interval = intervals(judged as usize, delay).last().copied().unwrap_or(1);
        needed.oldest_age = needed.oldest_age.max(interval.saturating_add(delay));
        // The first window judged is the one after the longest history and the label delay.
        for first in (0..STARTS).filter_map(|age| longest.checked_sub(age)).filter(|first| *first > 0) {
            needed.first_models.insert(first, last);
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_kept;
    use crate::trial::sliding;
    use windrow_record::WindowIndex;

    fn index(number: u32) -> WindowIndex {
        WindowIndex::new(number).expect("not 0")
    }

    /// Returns the pairs of window numbers, first that of the model, which `is_in` accepts.
    fn count(windows: u32, is_in: impl Fn(WindowIndex, WindowIndex) -> bool) -> usize {
        let pairs = (2..=windows).flat_map(|window| (1..window).map(move |model| (index(model), index(window))));
        pairs.filter(|(model, window)| is_in(*model, *window)).count()
    }

    #[test]
    fn models_are_needed_up_to_the_longest_refit_period_plus_the_delay() {
        for (windows, delay, age) in [(16, 0, 4), (41, 0, 8), (41, 4, 12), (65, 0, 16), (65, 1, 17), (200, 0, 32)] {
            assert_eq!(needed_pairs(windows, None, delay).oldest_age, age, "{windows} windows, delay {delay}");
        }
        // A history of 24 windows leaves fewer windows to judge, from window 60 on. The advice before it counts too.
        let wanted = [Scheme::Cumulative, sliding(24)];
        assert_eq!(needed_pairs(65, Some(&wanted), 0).oldest_age, 16);
        assert_eq!(needed_pairs(65, Some(&wanted[..1]), 0).oldest_age, 16);
        assert_eq!(needed_pairs(97, Some(&wanted[..1]), 0).oldest_age, 32);
    }

    #[test]
    fn first_models_are_needed_as_long_as_the_longest_history_is_theirs() {
        let needed = needed_pairs(65, None, 0);
        // The longest history has 8 windows from window 20 on, and 16 from window 40 on.
        for (model, until) in [(4, 20), (5, 39), (8, 39), (12, 28), (13, 65), (16, 65), (17, 33)] {
            let last = (model + 1..=65).rfind(|window| needed.has(index(model), index(*window)));
            assert_eq!(last, Some(until), "window {model}");
        }
        assert!(!needed.has(index(7), index(7)) && !needed.has(index(8), index(7)), "only later windows");
    }

    #[test]
    fn few_pairs_of_many_windows_are_needed() {
        for (windows, kept, pairs) in [(16, 120, 92), (65, 2080, 1111)] {
            let needed = needed_pairs(windows, None, 0);
            assert_eq!(count(windows, is_kept), kept);
            assert_eq!(count(windows, |model, window| needed.has(model, window)), pairs, "{windows} windows");
        }
    }

    #[test]
    fn more_windows_take_no_pair_away() {
        for (wanted, delay) in [(None, 0), (None, 3), (Some(&[Scheme::Window, Scheme::Cumulative][..]), 1)] {
            for windows in 1..80 {
                let [few, more] = [windows, windows + 1].map(|windows| needed_pairs(windows, wanted, delay));
                let lost = count(windows, |model, window| few.has(model, window) && !more.has(model, window));
                assert_eq!(lost, 0, "{windows} windows, delay {delay}");
            }
        }
    }
}
