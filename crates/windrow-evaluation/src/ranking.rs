//! Which policy is good enough, which is worse, and which cannot be told.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::bootstrap::{mean_run, stationary_bootstrap};
use crate::confidence_set::confidence_set;
use crate::contrast::{Contrast, Interval, Spectrum, quantile};
use crate::policy::Refit;
use crate::policy_finding::{KeptGain, Verdict};
use crate::trial::{Series, Trial, cost};

/// Fewer windows than this tell nothing.
pub(crate) const FEWEST_WINDOWS: usize = 12;
/// Fewer refits of the rarer of two policies tell nothing of their difference.
const FEWEST_REFITS: f64 = 4.0;
/// Draws of the bootstrap.
const DRAWS: usize = 999;
/// The level of all intervals.
const LEVEL: f64 = 0.95;

/// What can be told of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its log-loss a row less the best's.
    pub(crate) to_best: Contrast,
    /// Its share of the best's gain. It has no interval if there is too little to tell, and no bound if it is not ranked.
    pub kept: KeptGain,
    /// What follows from these.
    pub verdict: Verdict,
    /// The p-value of the model confidence set; `None` for what is not ranked, and before it is asked for.
    pub(crate) set_p: Option<f64>,
}

/// The policies of a trial beside the best of them.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The place of the series of the lowest log-loss of those that there is enough to tell of, `never` not among them.
    pub best: usize,
    /// The best's gain in log-loss a row over always saying the share of positives.
    pub gain: Contrast,
    /// Whether that gain is shown to be one: the lower end of its one-sided interval is above 0.
    pub(crate) gains: bool,
    pub(crate) ranked: Vec<Ranked>,
    /// The place of the cheapest series that is good enough; where none is shown to be, of the best; and whether it is
    /// provisional for that reason. `None` with too few windows.
    pub named: Option<(usize, bool)>,
    share_gain: Vec<Spectrum>,
    rows: Spectrum,
    /// The share of the best's gain that is good enough.
    pub keep: f64,
}

/// Whether enough was seen to compare a series with others.
fn is_told(trial: &Trial, series: &Series) -> bool {
    let refits = matches!(series.policy.refit, Refit::Never | Refit::Recalibrated) || series.refits >= FEWEST_REFITS;
    trial.len() >= FEWEST_WINDOWS && refits
}

impl Ranking {
    /// Ranks the series of a trial; `keep` is the share of the best's gain that is good enough. `None` without a series.
    pub fn new(trial: &Trial, keep: f64) -> Option<Self> {
        let rows = Spectrum::new(&trial.rows);
        let share = Spectrum::new(&trial.share_loss);
        let losses: Vec<Spectrum> = trial.series.iter().map(|series| Spectrum::new(&series.log_loss)).collect();
        let share_gain: Vec<Spectrum> = losses.iter().map(|loss| share.plus(-1.0, loss)).collect();
        let is_short = trial.len() < FEWEST_WINDOWS;
        let is_candidate = |place: usize| {
            let series = &trial.series[place];
            series.policy.refit != Refit::Never && (is_short || is_told(trial, series))
        };
        let places = 0..trial.series.len();
        let best =
            places.filter(|place| is_candidate(*place)).min_by(|a, b| losses[*a].total.total_cmp(&losses[*b].total))?;
        let gain = share_gain[best].contrast(&rows, trial.len());
        let mut ranking = Self {
            best,
            gain,
            gains: trial.len() >= FEWEST_WINDOWS && gain.lower_bound() > 0.0,
            ranked: Vec::new(),
            named: None,
            share_gain,
            rows,
            keep,
        };
        let ranked = trial.series.iter().map(|series| ranking.rank(trial, series));
        ranking.ranked = ranked.collect();
        if trial.len() >= FEWEST_WINDOWS {
            ranking.bound(trial);
            let shown = (0..trial.series.len())
                .filter(|place| ranking.ranked[*place].verdict == Verdict::GoodEnough)
                .min_by_key(|place| cost(trial.series[*place].policy));
            ranking.named = Some(shown.map_or((best, true), |place| (place, false)));
        }
        Some(ranking)
    }

    /// What can be told of a series beside the best, planned or not, on the windows of the same trial.
    pub(crate) fn rank(&self, trial: &Trial, series: &Series) -> Ranked {
        let loss = Spectrum::new(&series.log_loss);
        let share_gain = Spectrum::new(&trial.share_loss).plus(-1.0, &loss);
        let best = &self.share_gain[self.best];
        let to_best = best.plus(-1.0, &share_gain).contrast(&self.rows, trial.len());
        let share = Some(share_gain.total / best.total).filter(|share| best.total > 0.0 && share.is_finite());
        let is_told = is_told(trial, series);
        let is_worse = is_told && to_best.interval().low > 0.0;
        let verdict = match series.policy.refit {
            Refit::Never => Verdict::Reference,
            _ if !is_told => Verdict::TooFew,
            _ if is_worse => Verdict::Worse,
            _ => Verdict::CannotTell,
        };
        let mut ranked = Ranked {
            to_best,
            kept: KeptGain { share, interval: self.interval(to_best).filter(|_| is_told), at_least: None },
            verdict,
            set_p: None,
        };
        // What is not one of several to choose from has a bound of its own.
        if is_told && self.gains && !matches!(series.policy.refit, Refit::Every(_) | Refit::Never) {
            let most = to_best.mean + quantile(LEVEL, to_best.degrees) * to_best.standard_error;
            if most <= (1.0 - self.keep) * self.gain.mean {
                ranked.verdict = Verdict::GoodEnough;
            }
        }
        ranked
    }

    /// The interval of the difference from the best, in units of the best's observed gain.
    fn interval(&self, to_best: Contrast) -> Option<Interval> {
        let Interval { low, high } = to_best.interval();
        self.gains.then(|| Interval { low: 1.0 - high / self.gain.mean, high: 1.0 - low / self.gain.mean })
    }

    /// The simultaneous bounds, and what is good enough by them.
    ///
    /// The lower end of a policy's share is the lower one of two. The first is that of its difference from the best, in units of
    /// the best's observed gain. The critical value is the 95% quantile, over the draws, of the largest studentised error of any
    /// policy's difference: so many policies are called good enough at once. The draws do not know how uncertain the standard
    /// errors are: the normal's level of that quantile is taken for t's. The second is the 5% quantile, over the draws, of its share
    /// of the gain of whichever policy is the best of the draw: which one is best is not known either.
    fn bound(&mut self, trial: &Trial) {
        if !self.gains {
            return;
        }
        let candidates = candidates(trial);
        let draws = stationary_bootstrap(trial.len(), mean_run(trial.len()), DRAWS);
        let seen: Vec<Contrast> = candidates.iter().map(|place| self.ranked[*place].to_best).collect();
        let of_best = candidates.iter().position(|place| *place == self.best);
        let drawn = self.drawn(trial, &candidates, &draws);
        let mut largest: Vec<f64> = drawn
            .iter()
            .map(|gains| {
                let best = of_best.map_or(self.gain.mean, |best| gains[best]);
                let errors = gains.iter().zip(&seen).map(|(gain, seen)| {
                    // That the difference was drawn too small is what makes a policy look good.
                    if seen.standard_error > 0.0 { (seen.mean - (best - gain)) / seen.standard_error } else { 0.0 }
                });
                errors.fold(f64::NEG_INFINITY, f64::max)
            })
            .collect();
        largest.sort_unstable_by(f64::total_cmp);
        let place = ((DRAWS as f64 * LEVEL).ceil() as usize).min(DRAWS) - 1;
        // Never less than for one policy alone.
        let level = Normal::standard().cdf(largest[place]).max(LEVEL);
        let critical = quantile(level, self.gain.degrees);
        for (candidate, (place, seen)) in candidates.iter().zip(seen).enumerate() {
            let bound = 1.0 - (seen.mean + critical * seen.standard_error) / self.gain.mean;
            let bound = bound.min(share_in_draws(&drawn, candidate));
            let ranked = &mut self.ranked[*place];
            ranked.kept.at_least = Some(bound);
            if bound >= self.keep {
                ranked.verdict = Verdict::GoodEnough;
            }
        }
    }

    /// Fills in the p-values of the model confidence set, by the draws of the bounds.
    pub(super) fn find_confidence_set(&mut self, trial: &Trial) {
        if trial.len() < FEWEST_WINDOWS {
            return;
        }
        let (candidates, windows) = (candidates(trial), trial.len());
        let draws = stationary_bootstrap(windows, mean_run(windows), DRAWS);
        // Losses as means a row: windows weighed by their rows.
        let scale = windows as f64 / self.rows.total;
        let losses: Vec<Vec<f64>> = candidates
            .iter()
            .map(|place| trial.series[*place].log_loss.iter().map(|loss| loss * scale).collect())
            .collect();
        for (place, p) in candidates.iter().zip(confidence_set(&losses, &draws)) {
            self.ranked[*place].set_p = Some(p);
        }
    }

    /// The gain a row over the share of positives of each candidate in each draw.
    fn drawn(&self, trial: &Trial, candidates: &[usize], draws: &[Vec<usize>]) -> Vec<Vec<f64>> {
        let gain = |place: &usize| -> Vec<f64> {
            let losses = &trial.series[*place].log_loss;
            trial.share_loss.iter().zip(losses).map(|(share, loss)| share - loss).collect()
        };
        let gains: Vec<Vec<f64>> = candidates.iter().map(gain).collect();
        let drawn = draws.iter().map(|draw| {
            let rows: f64 = draw.iter().map(|place| trial.rows[*place]).sum();
            gains.iter().map(|one| draw.iter().map(|place| one[*place]).sum::<f64>() / rows).collect()
        });
        drawn.collect()
    }
}

/// The places of the series that may be named, and of which enough was seen.
fn candidates(trial: &Trial) -> Vec<usize> {
    let is_candidate = |series: &Series| series.policy.refit != Refit::Never && is_told(trial, series);
    (0..trial.series.len()).filter(|place| is_candidate(&trial.series[*place])).collect()
}

/// The 5% quantile, over the draws, of a candidate's share of the largest gain of the draw.
fn share_in_draws(drawn: &[Vec<f64>], candidate: usize) -> f64 {
    let share = |gains: &Vec<f64>| {
        let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Where nothing gains there is nothing to keep.
        if most > 0.0 { gains[candidate] / most } else { 0.0 }
    };
    let mut shares: Vec<f64> = drawn.iter().map(share).collect();
    shares.sort_unstable_by(f64::total_cmp);
    let place = (shares.len() as f64 * (1.0 - LEVEL)).floor() as usize;
    shares.get(place).copied().unwrap_or_default()
}
