//! The ranking of policies: which are good enough, which are worse, and for which the data do not decide.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::bounds::{Bounds, CONFIDENCE_LEVEL, DRAWS, Yardstick, gains};
use crate::conditions::is_schedule;
use crate::confidence_set::confidence_set;
use crate::contrast::{Contrast, Interval, quantile};
use crate::order::place;
use crate::policy::Refit;
use crate::policy_finding::{KeptGain, PolicyVerdict};
use crate::trial::{MIN_WINDOWS, Series, Trial};
use crate::{alarm_history, fit_once};
use windrow_record::Scheme;

/// The findings on one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The log-loss per row less that of the best schedule.
    pub(crate) to_best: Contrast,
    /// The share of the best gain. The interval is missing if there are too few data or no gain. The bound is missing
    /// if the policy may not be named. The bound of following the advice is about this policy only.
    pub kept: KeptGain,
    /// The verdict that follows from these.
    pub verdict: PolicyVerdict,
    /// The p-value in the model confidence set; `None` if the series is not ranked, or the set has not been computed.
    pub(crate) set_p: Option<f64>,
}

/// The cheapest series that is shown good enough, or the best schedule if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedSeries {
    /// The index of the series.
    pub index: usize,
    /// `true` if the series is not shown good enough.
    pub provisional: bool,
}

/// The policies of a trial compared with the best schedule.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The index of the schedule with the lowest log-loss, of those with enough data.
    pub best: usize,
    /// The best schedule's gain in log-loss per row, compared with always predicting the share of positives.
    pub gain: Contrast,
    /// `true` if the gain is shown to be positive: the lower end of its one-sided interval is above 0.
    pub(crate) has_gain: bool,
    pub(crate) ranked: Vec<Ranked>,
    /// The indices of the series that may be named.
    pub(crate) candidates: Vec<usize>,
    /// The series to name. `None` with too few windows.
    pub named: Option<NamedSeries>,
    /// The schedule to name if only schedules are wanted. `None` with too few windows.
    pub schedule: Option<NamedSeries>,
    /// The critical value of the simultaneous bounds; `None` without bounds.
    pub(crate) critical: Option<f64>,
    /// The share of the best gain that is good enough.
    pub keep: f64,
}

impl Ranking {
    /// Ranks the series of a trial. `keep` is the share of the best gain that is good enough. Returns `None` if no
    /// schedule can be the best.
    pub fn new(trial: &Trial, keep: f64) -> Option<Self> {
        let yardstick = Yardstick::new(trial)?;
        let Yardstick { best, gain, has_gain } = yardstick;
        let (ranked, candidates, critical) = (Vec::new(), trial.candidates(), None);
        let mut ranking =
            Self { best, gain, has_gain, ranked, candidates, named: None, schedule: None, critical, keep };
        ranking.ranked = trial.series.iter().map(|series| ranking.rank(trial, series)).collect();
        if trial.len() >= MIN_WINDOWS {
            ranking.apply_bounds(trial, yardstick);
            ranking.named = Some(ranking.cheapest(trial, |_| true));
            ranking.schedule = Some(ranking.cheapest(trial, is_schedule));
        }
        Some(ranking)
    }

    /// Returns the cheapest series of some kind that is shown good enough, or the best schedule.
    fn cheapest(&self, trial: &Trial, is_kind: impl Fn(&Series) -> bool) -> NamedSeries {
        let shown = (0..trial.series.len())
            .filter(|index| self.ranked[*index].verdict == PolicyVerdict::GoodEnough && is_kind(&trial.series[*index]))
            .min_by_key(|index| place(&trial.series[*index], trial.len()));
        NamedSeries { index: shown.unwrap_or(self.best), provisional: shown.is_none() }
    }

    fn yardstick(&self) -> Yardstick {
        Yardstick { best: self.best, gain: self.gain, has_gain: self.has_gain }
    }

    /// Compares a series with the best schedule, on the windows of the same trial.
    pub(crate) fn rank(&self, trial: &Trial, series: &Series) -> Ranked {
        let to_best = self.yardstick().to_best(trial, series);
        let share = Some(1.0 - to_best.mean / self.gain.mean).filter(|share| self.gain.mean > 0.0 && share.is_finite());
        let is_comparable = trial.has_enough_data(series);
        let is_worse = is_comparable && to_best.interval().low > 0.0;
        let verdict = match series.policy.refit {
            Refit::Never if !trial.may_be_named(series) => PolicyVerdict::Reference,
            _ if !is_comparable => PolicyVerdict::TooFew,
            _ if is_worse => PolicyVerdict::Worse,
            _ => PolicyVerdict::CannotTell,
        };
        let kept = KeptGain { share, interval: self.share_interval(to_best).filter(|_| is_comparable), at_least: None };
        let mut ranked = Ranked { to_best, kept, verdict, set_p: None };
        // Following the advice is never named, so a bound for one policy is enough.
        if is_comparable && self.has_gain && series.policy.refit == Refit::Advice {
            let bound = self.yardstick().bound(to_best, quantile(CONFIDENCE_LEVEL, to_best.degrees));
            ranked.kept.at_least = Some(bound);
            if bound >= self.keep {
                ranked.verdict = PolicyVerdict::GoodEnough;
            }
        }
        ranked
    }

    /// Returns the interval of the share kept: the difference from the best, in units of the best's observed gain.
    fn share_interval(&self, to_best: Contrast) -> Option<Interval> {
        let Interval { low, high } = to_best.interval();
        self.has_gain.then(|| Interval { low: 1.0 - high / self.gain.mean, high: 1.0 - low / self.gain.mean })
    }

    /// Computes the simultaneous bounds, and the policies that are good enough by them. A policy that never refits and
    /// one that refits on an alarm must be good enough in more than one way.
    fn apply_bounds(&mut self, trial: &Trial, yardstick: Yardstick) {
        if !self.has_gain {
            return;
        }
        let bounds = Bounds::new(trial, yardstick, &self.candidates);
        self.critical = Some(bounds.critical);
        // All first fits need the same bounds on the last half of the windows.
        let in_the_last_half: OnceCell<BTreeSet<Scheme>> = OnceCell::new();
        for (index, bound) in self.candidates.iter().zip(&bounds.of_candidates) {
            let (series, ranked) = (&trial.series[*index], &mut self.ranked[*index]);
            ranked.kept.at_least = Some(*bound);
            let is_good_enough = *bound >= self.keep
                && match series.policy.refit {
                    Refit::Never => {
                        let holds = |history: Scheme| {
                            in_the_last_half
                                .get_or_init(|| fit_once::good_enough_in_the_last_half(trial, self.keep))
                                .contains(&history)
                        };
                        fit_once::is_good_enough(trial, yardstick, &bounds, series, self.keep, holds)
                    }
                    Refit::PsiAlarm | Refit::LossAlarm => {
                        alarm_history::is_good_enough(trial, bounds.critical, series, self.keep)
                    }
                    Refit::Every(_) | Refit::Recalibrated | Refit::Advice | Refit::Served => true,
                };
            if is_good_enough {
                ranked.verdict = PolicyVerdict::GoodEnough;
            }
        }
    }

    /// Returns the policies that may be named and can be the best one.
    fn yardsticks(&self, trial: &Trial) -> Vec<usize> {
        self.candidates.iter().copied().filter(|index| trial.is_yardstick(&trial.series[*index])).collect()
    }

    /// Returns `true` if a series is also shown to keep the share of each other schedule's gain, compared with one
    /// after the other: the mean of its gain less `keep` times the other's, less the critical value times the standard
    /// error, is above 0. The bounds compare with the observed best only. Returns `false` without bounds.
    pub(crate) fn passes_against_each(&self, trial: &Trial, index: usize) -> bool {
        let Some(critical) = self.critical else { return false };
        let own = gains(trial, &trial.series[index]);
        self.yardsticks(trial).into_iter().filter(|other| *other != index).all(|other| {
            let other = gains(trial, &trial.series[other]);
            let excess: Vec<f64> = own.iter().zip(&other).map(|(own, other)| own - self.keep * other).collect();
            let contrast = Contrast::new(&excess, &trial.rows);
            contrast.mean - critical * contrast.standard_error > 0.0
        })
    }

    /// Computes the p-values of the model confidence set of the schedules, with the same draws as the bounds.
    pub(super) fn find_confidence_set(&mut self, trial: &Trial) {
        if trial.len() < MIN_WINDOWS {
            return;
        }
        let (candidates, windows) = (self.yardsticks(trial), trial.len());
        let draws = stationary_bootstrap(windows, mean_run(windows), DRAWS);
        // Scaled so that the mean over windows is the mean loss per row: windows are weighted by their rows.
        let scale = windows as f64 / trial.rows.iter().sum::<f64>();
        let scaled = |index: &usize| trial.series[*index].log_loss.iter().map(|loss| loss * scale).collect();
        let losses: Vec<Vec<f64>> = candidates.iter().map(scaled).collect();
        for (index, p) in candidates.iter().zip(confidence_set(&losses, &draws)) {
            self.ranked[*index].set_p = Some(p);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::trials::trial;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    const KEEP: f64 = 0.9;

    /// Returns a source of numbers between -1 and 1.
    fn numbers(seed: u64) -> impl FnMut() -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        move || (random.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    fn bounds(trial: &Trial) -> Vec<f64> {
        let ranking = Ranking::new(trial, KEEP).expect("a best policy");
        ranking.ranked.iter().map(|ranked| ranked.kept.at_least.expect("a bound")).collect()
    }

    #[test]
    fn every_bound_is_finite_and_small_differences_are_shown_small_in_a_world_without_change() {
        for seed in 0..40 {
            let mut noise = numbers(seed);
            let windows = 12 + (seed as usize % 3) * 6;
            // All policies share the windows' own noise. The differences between them are a hundredth of it.
            let shared: Vec<f64> = (0..windows).map(|_| 0.03 * noise()).collect();
            let one = |policy: usize| {
                let own = shared.iter().map(|shared| 0.5 + shared + 0.0003 * noise());
                own.map(|loss| loss + 0.0001 * policy as f64).collect()
            };
            let trial = trial((0..12).map(one).collect());
            let bounds = bounds(&trial);
            // The gain is 0.1. The last policy truly keeps 99%.
            assert!(bounds.iter().all(|bound| bound.is_finite() && *bound > KEEP), "{seed}: {bounds:?}");
        }
    }

    #[test]
    fn a_policy_that_hardly_differs_from_the_best_has_nearly_its_bound() {
        for seed in 0..20 {
            let mut noise = numbers(seed);
            let best: Vec<f64> = (0..23).map(|_| 0.5 + 0.05 * noise()).collect();
            let mut losses = vec![best.clone()];
            losses.extend((0..18).map(|_| best.iter().map(|loss| loss + 0.01 + 0.02 * noise()).collect()));
            // The tolerance is a tenth of the gain.
            let tolerance = (1.0 - KEEP) * (0.6 - best.iter().sum::<f64>() / 23.0);
            losses.push(best.iter().map(|loss| loss + 0.0005 * tolerance * (1.0 + noise())).collect());
            let bounds = bounds(&trial(losses));
            let (own, other) = (bounds[0], bounds[19]);
            assert!((own - other).abs() < 0.02 * (1.0 - KEEP), "{seed}: {own} {other}");
        }
    }

    #[test]
    fn the_stricter_test_compares_with_each_policy_and_not_only_with_the_best() {
        let mut noise = numbers(3);
        let windows = 24;
        let base: Vec<f64> = (0..windows).map(|_| 0.5 + 0.01 * noise()).collect();
        let near = base.iter().map(|loss| loss + 0.0001 * (2.0 + noise())).collect();
        let close = trial(vec![base.clone(), near]);
        let ranking = Ranking::new(&close, KEEP).expect("a best policy");
        assert!([0, 1].into_iter().all(|index| ranking.passes_against_each(&close, index)));
        // A policy of large errors is never the observed best, and may still be the true one.
        let errors: Vec<f64> = (0..windows).map(|_| 0.1 * noise()).collect();
        let mean = errors.iter().sum::<f64>() / f64::from(windows);
        let wild = base.iter().zip(&errors).map(|(loss, error)| loss + 0.002 + error - mean).collect();
        let wild = trial(vec![base, wild]);
        let ranking = Ranking::new(&wild, KEEP).expect("a best policy");
        assert_eq!(ranking.best, 0);
        assert!(!ranking.passes_against_each(&wild, 0));
        let short = trial(vec![vec![0.5; 8]; 2]);
        let ranking = Ranking::new(&short, KEEP).expect("a best policy");
        assert!(!ranking.passes_against_each(&short, 0), "there are no bounds");
    }
}
