//! The ranking with a part left out: without one window, or with other losses of some series.
//!
//! The column of the window is deleted, and the critical value of the full ranking is kept. The draws are those of the
//! full ranking too, without the window: nothing is drawn again. Which series may be named does not change either. What a
//! policy without a schedule must meet besides its bound is not looked at again: it is good enough only if it was.

use std::borrow::Cow;

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::bounds::{CONFIDENCE_LEVEL, DRAWS, gains};
use crate::conditions::is_schedule;
use crate::contrast::{Contrast, quantile};
use crate::jackknife::Jackknife;
use crate::order::place;
use crate::policy::{Policy, Refit};
use crate::policy_finding::{KeptGain, PolicyVerdict};
use crate::ranking::{NamedSeries, Ranked, Ranking};
use crate::trial::{Series, Trial};

/// A ranking, prepared to be repeated with a part left out.
pub(crate) struct Deletion<'a> {
    pub(crate) trial: &'a Trial,
    /// The ranking of all windows.
    pub(crate) ranking: &'a Ranking,
    /// The indices of the series that may be named.
    candidates: &'a [usize],
    /// The gains of all series.
    gains: Jackknife,
    /// The number of times that each draw has each window.
    counts: Vec<Vec<f64>>,
    /// The gains of each candidate, summed over each draw.
    drawn: Vec<Vec<f64>>,
    /// The quantiles of the one-sided and of the two-sided 95% interval.
    quantiles: [f64; 2],
}

/// A ranking with a part left out.
pub(crate) struct Again<'a> {
    pub(crate) ranking: Ranking,
    gains: Cow<'a, Jackknife>,
    /// The index of the window that is left out.
    left_out: Option<usize>,
}

impl Again<'_> {
    /// Returns the loss per row of one series less that of another one.
    pub(crate) fn difference(&self, series: usize, other: usize) -> Contrast {
        self.gains.contrast(other, Some(series), self.left_out)
    }
}

/// Returns how often a draw has each window.
fn occurrences(draw: &[usize], windows: usize) -> Vec<f64> {
    let mut counts = vec![0.0; windows];
    draw.iter().for_each(|window| counts[*window] += 1.0);
    counts
}

/// Returns the sum of a series in each draw.
fn sums_of_draws(counts: &[Vec<f64>], sums: &[f64]) -> Vec<f64> {
    counts.iter().map(|counts| counts.iter().zip(sums).map(|(count, sum)| count * sum).sum()).collect()
}

impl<'a> Deletion<'a> {
    /// Prepares the ranking of a trial.
    pub(crate) fn new(trial: &'a Trial, ranking: &'a Ranking) -> Self {
        let candidates = ranking.candidates.as_slice();
        let gains = Jackknife::new(trial.series.iter().map(|series| gains(trial, series)).collect(), &trial.rows);
        let windows = trial.len();
        // Without a critical value there are no bounds, and the draws are not needed.
        let draws = if ranking.critical.is_some() { DRAWS } else { 0 };
        let draws = stationary_bootstrap(windows, mean_run(windows), draws);
        let counts: Vec<Vec<f64>> = draws.iter().map(|draw| occurrences(draw, windows)).collect();
        let drawn = candidates.iter().map(|index| sums_of_draws(&counts, gains.sums(*index))).collect();
        let degrees = ranking.gain.degrees;
        let quantiles = [CONFIDENCE_LEVEL, (1.0 + CONFIDENCE_LEVEL) / 2.0].map(|level| quantile(level, degrees));
        Self { trial, ranking, candidates, gains, counts, drawn, quantiles }
    }

    /// Returns the index of the series of a policy, or of one with the same losses.
    pub(crate) fn index_of(&self, policy: Policy) -> Option<usize> {
        self.trial.series.iter().position(|series| series.is_of(policy))
    }

    /// Returns the gains of a series by window.
    pub(crate) fn gains(&self, series: usize) -> &[f64] {
        self.gains.sums(series)
    }

    /// Returns the share of the best gain that each series keeps, if the summed gain of each is smaller by `lost`.
    pub(crate) fn shares(&self, lost: impl Fn(usize) -> f64) -> Vec<Option<f64>> {
        let series = 0..self.trial.series.len();
        let gains: Vec<f64> = series.map(|index| self.gains.total(index, None) - lost(index)).collect();
        let most = self.yardsticks().map(|index| gains[index]).fold(f64::NEG_INFINITY, f64::max);
        gains.iter().map(|gain| (most > 0.0).then_some(gain / most)).collect()
    }

    /// Returns the ranking without a window, given by its index.
    pub(crate) fn without_window(&self, window: usize) -> Again<'_> {
        let ranking = self.rank(&self.gains, &self.drawn, Some(window));
        Again { ranking, gains: Cow::Borrowed(&self.gains), left_out: Some(window) }
    }

    /// Returns the ranking with other gains of some series.
    pub(crate) fn with_gains(&self, replaced: &[(usize, Vec<f64>)]) -> Again<'_> {
        let mut drawn = self.drawn.clone();
        for (index, sums) in replaced {
            if let Some(at) = self.candidates.iter().position(|candidate| candidate == index) {
                drawn[at] = sums_of_draws(&self.counts, sums);
            }
        }
        let gains = self.gains.with(replaced);
        Again { ranking: self.rank(&gains, &drawn, None), gains: Cow::Owned(gains), left_out: None }
    }

    /// Ranks the trial again without a window, with a critical value of its own. It is meant for a ranking that has no
    /// critical value to keep, because no gain is shown.
    pub(crate) fn rank_anew(&self, window: usize) -> Option<Ranking> {
        let mut trial = self.trial.clone();
        (trial.rows[window], trial.share_loss[window]) = (0.0, 0.0);
        let first_fits = &mut trial.conditions.other_first_fits;
        trial.series.iter_mut().chain(first_fits).for_each(|series| series.log_loss[window] = 0.0);
        Ranking::new(&trial, self.ranking.keep)
    }

    fn rank(&self, gains: &Jackknife, drawn: &[Vec<f64>], left_out: Option<usize>) -> Ranking {
        let [one_sided, two_sided] = self.quantiles;
        let total = |index: usize| gains.total(index, left_out);
        // If several are equal, the first is the best, as in the full ranking.
        let best = self.yardsticks().min_by(|a, b| total(*b).total_cmp(&total(*a)));
        let best = best.unwrap_or(self.ranking.best);
        let gain = gains.contrast(best, None, left_out);
        let has_gain = gain.mean - one_sided * gain.standard_error > 0.0;
        let again = |(index, full): (usize, &Ranked)| {
            let to_best = gains.contrast(best, Some(index), left_out);
            let share = Some(1.0 - to_best.mean / gain.mean).filter(|share| gain.mean > 0.0 && share.is_finite());
            Ranked { to_best, kept: KeptGain { share, ..full.kept }, ..*full }
        };
        let mut ranked: Vec<Ranked> = self.ranking.ranked.iter().enumerate().map(again).collect();
        let keep = self.ranking.keep;
        let critical = self.ranking.critical.filter(|_| has_gain);
        let is_close = |Contrast { mean, standard_error, .. }: Contrast| {
            critical.is_some_and(|critical| 1.0 - (mean + critical * standard_error) / gain.mean >= keep)
        };
        let is_any_close = self.candidates.iter().any(|index| is_close(ranked[*index].to_best));
        let in_draws =
            if is_any_close { self.keeps_in_draws(gains, drawn, left_out) } else { vec![false; drawn.len()] };
        for (at, index) in self.candidates.iter().enumerate() {
            let Ranked { to_best, verdict, .. } = &mut ranked[*index];
            let is_worse = to_best.mean - two_sided * to_best.standard_error > 0.0;
            let was_good_enough = *verdict == PolicyVerdict::GoodEnough;
            let has_schedule = matches!(self.trial.series[*index].policy.refit, Refit::Every(_) | Refit::Recalibrated);
            *verdict = if is_close(*to_best) && in_draws[at] && (has_schedule || was_good_enough) {
                PolicyVerdict::GoodEnough
            } else if is_worse {
                PolicyVerdict::Worse
            } else {
                PolicyVerdict::CannotTell
            };
        }
        let cheapest = |is_kind: fn(&Series) -> bool| {
            let series = |index: &usize| &self.trial.series[*index];
            let is_shown =
                |index: &usize| ranked[*index].verdict == PolicyVerdict::GoodEnough && is_kind(series(index));
            let shown = self.candidates.iter().copied().filter(is_shown);
            let shown = shown.min_by_key(|index| place(series(index), self.trial.len()));
            Some(NamedSeries { index: shown.unwrap_or(best), provisional: shown.is_none() })
        };
        let (named, schedule) = (cheapest(|_| true), cheapest(is_schedule));
        Ranking { best, gain, has_gain, ranked, named, schedule, ..self.ranking.clone() }
    }

    /// Returns the indices of the policies of which the best is the yardstick.
    fn yardsticks(&self) -> impl Iterator<Item = usize> {
        self.candidates.iter().copied().filter(|index| self.trial.is_yardstick(&self.trial.series[*index]))
    }

    /// Returns, for each candidate, `true` if it keeps enough of the best gain in all but 5% of the draws.
    fn keeps_in_draws(&self, gains: &Jackknife, drawn: &[Vec<f64>], left_out: Option<usize>) -> Vec<bool> {
        let gone = |counts: &Vec<f64>| left_out.map_or(0.0, |window| counts[window]);
        let gone: Vec<f64> = self.counts.iter().map(gone).collect();
        let remaining = |(index, drawn): (&usize, &Vec<f64>)| -> Vec<f64> {
            let gain = left_out.map_or(0.0, |window| gains.sums(*index)[window]);
            drawn.iter().zip(&gone).map(|(drawn, times)| drawn - times * gain).collect()
        };
        let drawn: Vec<Vec<f64>> = self.candidates.iter().zip(drawn).map(remaining).collect();
        let is_yardstick = |index: &usize| self.trial.is_yardstick(&self.trial.series[*index]);
        let schedules = || drawn.iter().zip(self.candidates).filter(|(_, index)| is_yardstick(index));
        let most = |draw: usize| schedules().map(|(gains, _)| gains[draw]).fold(f64::NEG_INFINITY, f64::max);
        let most: Vec<f64> = (0..gone.len()).map(most).collect();
        // The bound is the share with this index in ascending order.
        let allowed = (gone.len() as f64 * (1.0 - CONFIDENCE_LEVEL)).floor() as usize;
        let keeps = |gains: &Vec<f64>| {
            let shares = gains.iter().zip(&most).map(|(gain, most)| if *most > 0.0 { gain / most } else { 0.0 });
            shares.filter(|share| *share < self.ranking.keep).count() <= allowed
        };
        drawn.iter().map(keeps).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::trials;

    const WINDOWS: u32 = 24;

    /// Returns a trial of policies whose losses per row are 0.5 and these on top. Windows differ, and predicting the
    /// share of positives loses 0.6.
    fn trial(policies: &[&dyn Fn(u32) -> f64]) -> Trial {
        let loss = |window: u32, more: f64| 0.5 + 0.01 * f64::from(window * 7 % 5) + more;
        let losses = policies.iter().map(|more| {
            let losses = (0..WINDOWS).map(|window| loss(window, more(window)));
            losses.collect::<Vec<f64>>()
        });
        trials::trial(losses.collect())
    }

    /// Returns a small difference that changes from window to window.
    fn luck(window: u32) -> f64 {
        0.001 * f64::from(window * 5 % 7)
    }

    #[test]
    fn without_a_change_the_ranking_is_the_full_one() {
        let trial = trial(&[&|_| 0.0, &luck, &|window| 0.02 + luck(window), &|_| 0.15]);
        let full = Ranking::new(&trial, 0.9).expect("a best policy");
        let again = Deletion::new(&trial, &full).with_gains(&[]).ranking;
        assert_eq!((again.best, again.has_gain, again.named), (full.best, full.has_gain, full.named));
        let verdicts = |ranking: &Ranking| ranking.ranked.iter().map(|ranked| ranked.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&again), verdicts(&full));
        assert!(verdicts(&full).contains(&PolicyVerdict::GoodEnough));
        for (again, full) in again.ranked.iter().zip(&full.ranked) {
            assert!((again.to_best.standard_error - full.to_best.standard_error).abs() < 1e-7, "{again:?} {full:?}");
            assert!(again.kept.share.zip(full.kept.share).is_some_and(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn the_window_that_spoils_a_policy_is_deleted_and_the_critical_value_is_kept() {
        // The first policy is the best one in all windows except window 9.
        let spoilt = |window: u32| if window == 9 { 15.0 } else { 0.0 };
        let trial = trial(&[&spoilt, &|window| 0.03 + luck(window), &|window| 0.035 + luck(window + 3)]);
        let full = Ranking::new(&trial, 0.9).expect("a best policy");
        assert_ne!(full.best, 0);
        let deletion = Deletion::new(&trial, &full);
        let without = deletion.without_window(9).ranking;
        assert_eq!((without.best, without.critical), (0, full.critical));
        assert!(without.critical.is_some());
        assert_eq!(without.named, Some(NamedSeries { index: 0, provisional: false }));
        assert_eq!(deletion.without_window(10).ranking.best, full.best);
        // The shares are those of the ranking.
        let shares = deletion.shares(|index| deletion.gains(index)[9]);
        for (share, ranked) in shares.iter().zip(&without.ranked) {
            assert!(share.zip(ranked.kept.share).is_some_and(|(a, b)| (a - b).abs() < 1e-9), "{share:?} {ranked:?}");
        }
        // To replace the losses in this window has the same effect as to delete it, nearly.
        let mut gains = deletion.gains(0).to_vec();
        gains[9] = gains[10];
        assert_eq!(deletion.with_gains(&[(0, gains)]).ranking.named, without.named);
    }

    #[test]
    fn a_window_that_hides_every_gain_is_found_by_ranking_anew() {
        let spoilt = |window: u32| luck(window) + if window == 9 { 15.0 } else { 0.0 };
        let trial = trial(&[&spoilt, &|window| 0.03 + spoilt(window)]);
        let full = Ranking::new(&trial, 0.9).expect("a best policy");
        assert_eq!((full.has_gain, full.critical), (false, None));
        let deletion = Deletion::new(&trial, &full);
        assert!(deletion.without_window(9).ranking.has_gain && !deletion.without_window(10).ranking.has_gain);
        let anew = deletion.rank_anew(9).expect("a best policy");
        assert_eq!(anew.named, Some(NamedSeries { index: 0, provisional: false }));
    }
}
