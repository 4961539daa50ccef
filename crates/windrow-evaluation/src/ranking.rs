//! The ranking of policies: which are good enough, which are worse, and for which the data do not decide.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::confidence_set::confidence_set;
use crate::contrast::{Contrast, Interval, Spectrum, quantile};
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
    /// if the series is not ranked.
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
    share_gain: Vec<Spectrum>,
    rows: Spectrum,
    /// The share of the best gain that is good enough.
    pub keep: f64,
}

fn has_enough_data(trial: &Trial, series: &Series) -> bool {
    let refits = matches!(series.policy.refit, Refit::Never | Refit::Recalibrated) || series.refits >= MIN_REFITS;
    trial.len() >= MIN_WINDOWS && refits
}

impl Ranking {
    /// Ranks the series of a trial. `keep` is the share of the best gain that is good enough. Returns `None` if no
    /// series can be the best.
    pub fn new(trial: &Trial, keep: f64) -> Option<Self> {
        let rows = Spectrum::new(&trial.rows);
        let baseline_loss = Spectrum::new(&trial.share_loss);
        let losses: Vec<Spectrum> = trial.series.iter().map(|series| Spectrum::new(&series.log_loss)).collect();
        let share_gain: Vec<Spectrum> = losses.iter().map(|loss| baseline_loss.add_scaled(-1.0, loss)).collect();
        let is_short = trial.len() < MIN_WINDOWS;
        let is_candidate = |index: usize| {
            let series = &trial.series[index];
            series.policy.refit != Refit::Never && (is_short || has_enough_data(trial, series))
        };
        let indices = 0..trial.series.len();
        let best =
            indices.filter(|at| is_candidate(*at)).min_by(|a, b| losses[*a].total.total_cmp(&losses[*b].total))?;
        let gain = share_gain[best].contrast(&rows, trial.len());
        let has_gain = !is_short && gain.lower_bound() > 0.0;
        let mut ranking = Self { best, gain, has_gain, ranked: Vec::new(), named: None, share_gain, rows, keep };
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
        let loss = Spectrum::new(&series.log_loss);
        let share_gain = Spectrum::new(&trial.share_loss).add_scaled(-1.0, &loss);
        let best = &self.share_gain[self.best];
        let to_best = best.add_scaled(-1.0, &share_gain).contrast(&self.rows, trial.len());
        let share = Some(share_gain.total / best.total).filter(|share| best.total > 0.0 && share.is_finite());
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
            if most <= (1.0 - self.keep) * self.gain.mean {
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
    /// - The first comes from its difference from the best, in units of the best's observed gain. Many policies can be
    ///   called good enough at once. The critical value is therefore based on the 95% quantile, over the draws, of the
    ///   largest studentised error of any policy's difference. The draws ignore the uncertainty of the standard errors.
    ///   To allow for it, the level that the normal distribution gives to this quantile is used with Student's t.
    /// - The second is the 5% quantile, over the draws, of its share of the gain of the best policy in the draw. It
    ///   allows for the uncertainty of which policy is best.
    fn apply_bounds(&mut self, trial: &Trial) {
        if !self.has_gain {
            return;
        }
        let candidates = candidates(trial);
        let draws = stationary_bootstrap(trial.len(), mean_run(trial.len()), DRAWS);
        let seen: Vec<Contrast> = candidates.iter().map(|index| self.ranked[*index].to_best).collect();
        let of_best = candidates.iter().position(|index| *index == self.best);
        let drawn = self.gains_in_draws(trial, &candidates, &draws);
        let largest_error = |gains: &Vec<f64>| {
            let best = of_best.map_or(self.gain.mean, |best| gains[best]);
            let errors = gains.iter().zip(&seen).map(|(gain, seen)| {
                // A difference that is drawn too small makes a policy look better than it is.
                if seen.standard_error > 0.0 { (seen.mean - (best - gain)) / seen.standard_error } else { 0.0 }
            });
            errors.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut largest: Vec<f64> = drawn.iter().map(largest_error).collect();
        largest.sort_unstable_by(f64::total_cmp);
        let index = ((DRAWS as f64 * CONFIDENCE_LEVEL).ceil() as usize).min(DRAWS) - 1;
        // The level is at least that for a single policy.
        let level = Normal::standard().cdf(largest[index]).max(CONFIDENCE_LEVEL);
        let critical = quantile(level, self.gain.degrees);
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

    /// Computes the p-values of the model confidence set, with the same draws as the bounds.
    pub(super) fn find_confidence_set(&mut self, trial: &Trial) {
        if trial.len() < MIN_WINDOWS {
            return;
        }
        let (candidates, windows) = (candidates(trial), trial.len());
        let draws = stationary_bootstrap(windows, mean_run(windows), DRAWS);
        // Scaled so that the mean over windows is the mean loss per row: windows are weighted by their rows.
        let scale = windows as f64 / self.rows.total;
        let scaled = |index: &usize| trial.series[*index].log_loss.iter().map(|loss| loss * scale).collect();
        let losses: Vec<Vec<f64>> = candidates.iter().map(scaled).collect();
        for (index, p) in candidates.iter().zip(confidence_set(&losses, &draws)) {
            self.ranked[*index].set_p = Some(p);
        }
    }

    /// Returns the gain per row of each candidate in each draw, compared with the share of positives.
    fn gains_in_draws(&self, trial: &Trial, candidates: &[usize], draws: &[Vec<usize>]) -> Vec<Vec<f64>> {
        let gain = |index: &usize| -> Vec<f64> {
            let losses = &trial.series[*index].log_loss;
            trial.share_loss.iter().zip(losses).map(|(share, loss)| share - loss).collect()
        };
        let gains: Vec<Vec<f64>> = candidates.iter().map(gain).collect();
        let drawn = draws.iter().map(|draw| {
            let rows: f64 = draw.iter().map(|index| trial.rows[*index]).sum();
            gains.iter().map(|one| draw.iter().map(|index| one[*index]).sum::<f64>() / rows).collect()
        });
        drawn.collect()
    }
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
