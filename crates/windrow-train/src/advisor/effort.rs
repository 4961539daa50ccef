//! An estimate of the time that the ladder still needs: the work that is left in rows, divided by the rates so far.
//!
//! Each kind of work has a rate of its own: a row of a fit takes much longer than a row that is scored. The time of each
//! piece of work is a parameter.

use std::time::Duration;

/// A kind of work of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Rows of windows on which models are scored: each is parsed once.
    Read,
    /// Rows that are scored, once for each model.
    Score,
    /// Rows that are fitted, once for each model.
    Fit,
}

/// The rows of each kind of work, in the order of [`Work`].
pub(super) type Rows = [u64; 3];

/// The work that is left, and the rates so far.
#[derive(Debug, Default)]
pub(super) struct Effort {
    left: Rows,
    done: Rows,
    took: [Duration; 3],
}

impl Effort {
    /// Sets the work that is left. The rates stay.
    pub(super) fn plan(&mut self, left: Rows) {
        self.left = left;
    }

    /// Records work that was done, and the time that it took.
    pub(super) fn add(&mut self, work: Work, rows: u64, took: Duration) {
        let kind = work as usize;
        self.left[kind] = self.left[kind].saturating_sub(rows);
        self.done[kind] = self.done[kind].saturating_add(rows);
        self.took[kind] = self.took[kind].saturating_add(took);
    }

    /// Returns the time that the work left takes at the rates so far. `None` before the first fit. Reading and scoring
    /// take little time compared with fits, so they count only if their rate is known.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let of = |work: Work| {
            let kind = work as usize;
            let share = self.left[kind] as f64 / self.done[kind] as f64;
            match (self.left[kind], self.done[kind]) {
                (0, _) => Some(Duration::ZERO),
                (_, 0) => None,
                _ => Duration::try_from_secs_f64(self.took[kind].as_secs_f64() * share).ok(),
            }
        };
        let others = [Work::Read, Work::Score].map(|work| of(work).unwrap_or_default());
        others.into_iter().try_fold(of(Work::Fit)?, Duration::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_left_follows_from_the_rates_so_far() {
        let mut effort = Effort::default();
        effort.plan([300, 5_000, 1_000]);
        assert_eq!(effort.time_left(), None, "no rate is known");
        effort.add(Work::Fit, 100, 2 * SECOND);
        assert_eq!(effort.time_left(), Some(18 * SECOND), "900 rows at 50 a second");
        effort.add(Work::Read, 100, SECOND);
        effort.add(Work::Score, 1_000, SECOND);
        assert_eq!(effort.time_left(), Some((18 + 2 + 4) * SECOND));
        // A slower fit changes the rate.
        effort.add(Work::Fit, 300, 18 * SECOND);
        assert_eq!(effort.time_left(), Some((30 + 2 + 4) * SECOND), "600 rows at 20 a second");
        effort.plan([0, 0, 60]);
        assert_eq!(effort.time_left(), Some(3 * SECOND), "new windows are fitted at the known rate");
        effort.plan([0; 3]);
        assert_eq!(effort.time_left(), Some(Duration::ZERO));
    }

    #[test]
    fn extreme_numbers_do_no_harm() {
        let mut effort = Effort::default();
        effort.plan([u64::MAX; 3]);
        effort.add(Work::Fit, 1, Duration::MAX);
        assert_eq!(effort.time_left(), None);
        effort.add(Work::Fit, u64::MAX, Duration::MAX);
        assert_eq!(effort.time_left(), Some(Duration::ZERO), "more work than planned");
    }
}
