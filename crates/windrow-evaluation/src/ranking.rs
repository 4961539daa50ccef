//! The ranking of policies: which are good enough, which are worse, and for which the data do not decide.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::confidence_set::confidence_set;
use crate::contrast::{Contrast, Interval, quantile};
use crate::policy::Refit;
use crate::policy_finding::{KeptGain, PolicyVerdict};
use crate::trial::{MIN_WINDOWS, Series, Trial, cost};

/// The minimum number of refits of a policy for a comparison.
const MIN_REFITS: f64 = 4.0;
/// The number of draws of the bootstrap.
const DRAWS: usize = 999;
/// The confidence level of all intervals.
const CONFIDENCE_LEVEL: f64 = 0.95;

/// The findings on one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The log-loss per row less that of the best series.
    pub(crate) to_best: Contrast,
    /// The share of the best gain. The interval is missing if there are too few data or no gain. The bound is missing
    /// if the series is not ranked. A bound of a policy that is not planned is about this policy only.
    pub kept: KeptGain,
    /// The verdict that follows from these.
    pub verdict: PolicyVerdict,
    /// The p-value of the model confidence set; `None` if the series is not ranked, or the set has not been computed.
    pub(crate) set_p: Option<f64>,
}

/// The cheapest series that is shown good enough, or the best one if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedSeries {
    /// The index of the series.
    pub index: usize,
    /// `true` if the series is not shown good enough.
    pub provisional: bool,
}

/// The policies of a trial compared with the best of them.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The index of the series with the lowest log-loss, of those with enough data. The policy `never` does not take
    /// part.
    pub best: usize,
    /// The best series' gain in log-loss per row, compared with always predicting the share of positives.
    pub gain: Contrast,
    /// `true` if the gain is shown to be positive: the lower end of its one-sided interval is above 0.
    pub(crate) has_gain: bool,
    pub(crate) ranked: Vec<Ranked>,
    /// The series to name. `None` with too few windows.
    pub named: Option<NamedSeries>,
    /// The critical value of the simultaneous bounds; `None` without bounds.
    pub(crate) critical: Option<f64>,
    /// The share of the best gain that is good enough.
    pub keep: f64,
}

fn has_enough_data(trial: &Trial, series: &Series) -> bool {
    let refits = matches!(series.policy.refit, Refit::Never | Refit::Recalibrated | Refit::Served)
        || series.refits >= MIN_REFITS;
    trial.len() >= MIN_WINDOWS && refits
}

impl Ranking {
    /// Ranks the series of a trial. `keep` is the share of the best gain that is good enough. Returns `None` if no
    /// series can be the best.
    pub fn new(trial: &Trial, keep: f64) -> Option<Self> {
        let is_short = trial.len() < MIN_WINDOWS;
        let is_candidate = |index: usize| {
            let series = &trial.series[index];
            series.policy.refit != Refit::Never && (is_short || has_enough_data(trial, series))
        };
        let total_loss = |index: usize| trial.series[index].log_loss.iter().sum::<f64>();
        let indices = 0..trial.series.len();
        let best = indices.filter(|at| is_candidate(*at)).min_by(|a, b| total_loss(*a).total_cmp(&total_loss(*b)))?;
        let gain = Contrast::new(&gains(trial, &trial.series[best]), &trial.rows);
        let has_gain = !is_short && gain.lower_bound() > 0.0;
        let (ranked, named, critical) = (Vec::new(), None, None);
        let mut ranking = Self { best, gain, has_gain, ranked, named, critical, keep };
        ranking.ranked = trial.series.iter().map(|series| ranking.rank(trial, series)).collect();
        if !is_short {
            ranking.apply_bounds(trial);
            let shown = (0..trial.series.len())
                .filter(|index| ranking.ranked[*index].verdict == PolicyVerdict::GoodEnough)
                .min_by_key(|index| cost(trial.series[*index].policy));
            let index = shown.unwrap_or(best);
            ranking.named = Some(NamedSeries { index, provisional: shown.is_none() });
        }
        Some(ranking)
    }

    /// Compares a series with the best one, on the windows of the same trial. The series need not be a planned one.
    pub(crate) fn rank(&self, trial: &Trial, series: &Series) -> Ranked {
        let best = &trial.series[self.best].log_loss;
        let excess: Vec<f64> = series.log_loss.iter().zip(best).map(|(own, best)| own - best).collect();
        let to_best = Contrast::new(&excess, &trial.rows);
        let share = Some(1.0 - to_best.mean / self.gain.mean).filter(|share| self.gain.mean > 0.0 && share.is_finite());
        let is_comparable = has_enough_data(trial, series);
        let is_worse = is_comparable && to_best.interval().low > 0.0;
        let verdict = match series.policy.refit {
            Refit::Never => PolicyVerdict::Reference,
            _ if !is_comparable => PolicyVerdict::TooFew,
            _ if is_worse => PolicyVerdict::Worse,
            _ => PolicyVerdict::CannotTell,
        };
        let kept = KeptGain { share, interval: self.share_interval(to_best).filter(|_| is_comparable), at_least: None };
        let mut ranked = Ranked { to_best, kept, verdict, set_p: None };
        // Recalibration and alarm policies are not recommended, so a bound for one policy is enough.
        if is_comparable && self.has_gain && !matches!(series.policy.refit, Refit::Every(_) | Refit::Never) {
            let most = to_best.mean + quantile(CONFIDENCE_LEVEL, to_best.degrees) * to_best.standard_error;
            let bound = 1.0 - most / self.gain.mean;
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

    /// Computes the simultaneous bounds, and the policies that are good enough by them.
    ///
    /// The lower bound on a policy's share is the lower one of two.
    ///
    /// - The first comes from its difference from the best, in units of the best's observed gain: the mean, plus the
    ///   [`critical_value`] times the standard error.
    /// - The second is the 5% quantile, over the draws, of its share of the gain of the best policy in the draw. It
    ///   allows for the uncertainty of which policy is best.
    fn apply_bounds(&mut self, trial: &Trial) {
        if !self.has_gain {
            return;
        }
        let candidates = candidates(trial);
        let draws = stationary_bootstrap(trial.len(), mean_run(trial.len()), DRAWS);
        let drawn = gains_in_draws(trial, &candidates, &draws);
        let seen: Vec<Contrast> = candidates.iter().map(|index| self.ranked[*index].to_best).collect();
        let of_best = candidates.iter().position(|index| *index == self.best);
        let largest_error = |gains: &Vec<f64>| {
            let best = of_best.map_or(self.gain.mean, |best| gains[best]);
            let errors = gains.iter().zip(&seen).filter(|(_, seen)| seen.bootstrap_error > 0.0).map(|(gain, seen)| {
                // A difference that is drawn too small makes a policy look better than it is.
                (seen.mean - (best - gain)) / seen.bootstrap_error
            });
            errors.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut largest: Vec<f64> = drawn.iter().map(largest_error).collect();
        largest.sort_unstable_by(f64::total_cmp);
        let index = ((DRAWS as f64 * CONFIDENCE_LEVEL).ceil() as usize).min(DRAWS) - 1;
        // Policies with equal losses are one.
        let mut distinct: Vec<&Vec<f64>> = candidates.iter().map(|index| &trial.series[*index].log_loss).collect();
        distinct.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        distinct.dedup();
        let critical = critical_value(largest[index], distinct.len().saturating_sub(1), self.gain.degrees);
        self.critical = Some(critical);
        for (candidate, (index, seen)) in candidates.iter().zip(seen).enumerate() {
            let bound = 1.0 - (seen.mean + critical * seen.standard_error) / self.gain.mean;
            let bound = bound.min(share_in_draws(&drawn, candidate));
            let ranked = &mut self.ranked[*index];
            ranked.kept.at_least = Some(bound);
            if bound >= self.keep {
                ranked.verdict = PolicyVerdict::GoodEnough;
            }
        }
    }

    /// Returns `true` if a series is also shown to keep the share of each other candidate's gain, compared with one
    /// after the other: the mean of its gain less `keep` times the other's, less the critical value times the standard
    /// error, is above 0. The bounds compare with the observed best only. Returns `false` without bounds.
    pub(crate) fn passes_against_each(&self, trial: &Trial, index: usize) -> bool {
        let Some(critical) = self.critical else { return false };
        let own = gains(trial, &trial.series[index]);
        candidates(trial).into_iter().filter(|other| *other != index).all(|other| {
            let other = gains(trial, &trial.series[other]);
            let excess: Vec<f64> = own.iter().zip(&other).map(|(own, other)| own - self.keep * other).collect();
            let contrast = Contrast::new(&excess, &trial.rows);
            contrast.mean - critical * contrast.standard_error > 0.0
        })
    }

    /// Computes the p-values of the model confidence set, with the same draws as the bounds.
    pub(super) fn find_confidence_set(&mut self, trial: &Trial) {
        if trial.len() < MIN_WINDOWS {
            return;
        }
        let (candidates, windows) = (candidates(trial), trial.len());
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

/// Returns the critical value of simultaneous one-sided 95% bounds, in standard errors with `degrees` degrees of
/// freedom.
///
/// `largest_error` is the 95% quantile, over the draws, of the largest error of the differences of `rivals` policies
/// from the best, each divided by its deviation over the draws. The draws ignore the uncertainty of the standard errors.
/// To allow for it, the level that the normal distribution gives to this quantile is used with Student's t. The value is
/// at least that for a single policy and at most Bonferroni's, which is always finite.
fn critical_value(largest_error: f64, rivals: usize, degrees: u32) -> f64 {
    let by_draws = Normal::standard().cdf(largest_error).max(CONFIDENCE_LEVEL);
    let bonferroni = 1.0 - (1.0 - CONFIDENCE_LEVEL) / rivals.max(1) as f64;
    quantile(by_draws.min(bonferroni), degrees)
}

/// Returns the gain of a series over always predicting the share of positives, summed by window.
fn gains(trial: &Trial, series: &Series) -> Vec<f64> {
    trial.share_loss.iter().zip(&series.log_loss).map(|(share, loss)| share - loss).collect()
}

/// Returns the gain per row of each candidate in each draw.
fn gains_in_draws(trial: &Trial, candidates: &[usize], draws: &[Vec<usize>]) -> Vec<Vec<f64>> {
    let all: Vec<Vec<f64>> = candidates.iter().map(|index| gains(trial, &trial.series[*index])).collect();
    let drawn = draws.iter().map(|draw| {
        let rows: f64 = draw.iter().map(|index| trial.rows[*index]).sum();
        all.iter().map(|one| draw.iter().map(|index| one[*index]).sum::<f64>() / rows).collect()
    });
    drawn.collect()
}

/// Returns the indices of the series that may be named and have enough data.
fn candidates(trial: &Trial) -> Vec<usize> {
    let is_candidate = |series: &Series| series.policy.refit != Refit::Never && has_enough_data(trial, series);
    (0..trial.series.len()).filter(|index| is_candidate(&trial.series[*index])).collect()
}

/// Returns the 5% quantile, over the draws, of a candidate's share of the largest gain in the draw.
fn share_in_draws(drawn: &[Vec<f64>], candidate: usize) -> f64 {
    let share = |gains: &Vec<f64>| {
        let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // If no candidate gains in a draw, there is nothing to keep.
        if most > 0.0 { gains[candidate] / most } else { 0.0 }
    };
    let mut shares: Vec<f64> = drawn.iter().map(share).collect();
    shares.sort_unstable_by(f64::total_cmp);
    let index = (shares.len() as f64 * (1.0 - CONFIDENCE_LEVEL)).floor() as usize;
    shares.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::trial::sliding;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    const ROWS: f64 = 100.0;
    const KEEP: f64 = 0.9;

    /// Returns a trial of policies with these losses per row by window. Predicting the share of positives loses 0.6.
    fn trial(losses: Vec<Vec<f64>>) -> Trial {
        let windows = losses[0].len() as u32;
        let histories = (0..).map(|power| sliding(1 << power));
        let series = histories.zip(losses).map(|(history, losses)| Series {
            policy: Policy { history, refit: Refit::Every(1) },
            same: Vec::new(),
            log_loss: losses.iter().map(|loss| loss * ROWS).collect(),
            squared_error: Vec::new(),
            false_alarms: Vec::new(),
            misses: Vec::new(),
            fits: Vec::new(),
            refits: f64::from(windows),
        });
        Trial {
            windows: (1..=windows).collect(),
            rows: vec![ROWS; windows as usize],
            delay: 0,
            oldest: 1,
            share_loss: vec![0.6 * ROWS; windows as usize],
            series: series.collect(),
        }
    }

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
    fn the_critical_value_is_between_that_of_one_policy_and_that_of_bonferroni() {
        for degrees in 3..9 {
            for rivals in [0, 1, 2, 20, 500] {
                let bonferroni = quantile(1.0 - 0.05 / rivals.max(1) as f64, degrees);
                for error in [f64::NEG_INFINITY, -1.0, 0.0, 1.7, 3.0, 8.0, 40.0, f64::INFINITY] {
                    let value = critical_value(error, rivals, degrees);
                    assert!(value.is_finite() && value >= quantile(0.95, degrees), "{error} {rivals}: {value}");
                    assert!(value <= bonferroni, "{error} {rivals}: {value}");
                }
            }
        }
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
