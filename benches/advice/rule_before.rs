//! The rule of the bounds as the program had it before: only the comparison in the second table uses it.
//!
//! It differs from the rule of today in these points:
//!
//! - A standard error is that of the cosine estimator only, with max(3, floor(0.4 W^(2/3))) cosines for W windows.
//! - The errors of the draws are divided by these standard errors, and not by their own deviation over the draws.
//! - The critical value is not limited by Bonferroni's inequality, so it can be infinite.
//! - Only schedules have a bound, and only schedules are named.
//!
//! The draws, the second bound (on the share of the best gain in each draw), the refits that a comparison needs and
//! the order of the schedules are the same.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use windrow_evaluation::{Policy, Series, Trial};

use crate::bounds::{Bound, KEPT_SHARE, RuleFindings};
use crate::world::RandomNumbers;

/// The number of draws of the bootstrap, and their seed: those of the program.
const DRAWS: usize = 999;
const SEED: u64 = 20_130_101;
const CONFIDENCE_LEVEL: f64 = 0.95;

/// A mean per row, with its standard error by the cosine estimator.
#[derive(Clone, Copy)]
struct Mean {
    mean: f64,
    error: f64,
}

impl Mean {
    fn new(sums: &[f64], rows: &[f64]) -> Self {
        let total: f64 = rows.iter().sum();
        let (mean, terms) = (sums.iter().sum::<f64>() / total, cosine_terms(sums.len()));
        let wave = |j: u32| {
            let step = std::f64::consts::PI * f64::from(j) / sums.len() as f64;
            let residuals = sums.iter().zip(rows).map(|(sum, rows)| sum - mean * rows).enumerate();
            residuals.map(|(at, residual)| residual * (step * (at as f64 + 0.5)).cos()).sum::<f64>()
        };
        let variance = 2.0 / f64::from(terms) * (1..=terms).map(|j| wave(j).powi(2)).sum::<f64>();
        Self { mean, error: variance.sqrt() / total }
    }
}

/// A schedule compared with the best one.
struct RankedSchedule {
    policy: Policy,
    same: Vec<Policy>,
    /// The share of the best gain that it keeps.
    share: f64,
    /// `true` if the interval of the difference from the best excludes zero.
    is_below_best: bool,
    /// The bound on the share; `None` with too few refits.
    at_least: Option<f64>,
}

impl RankedSchedule {
    fn is_shown(&self) -> bool {
        self.at_least.is_some_and(|bound| bound >= KEPT_SHARE)
    }
}

/// The schedules of a trial whose best one is shown to gain.
struct Ranking {
    schedules: Vec<RankedSchedule>,
    best: Policy,
}

/// The schedule that is named after a window.
#[derive(Clone, Copy)]
struct Named {
    policy: Policy,
    is_shown: bool,
    /// `true` if it was shown good enough at some window since it was named.
    was_shown: bool,
}

/// The rule applied after each window in turn.
#[derive(Default)]
pub(crate) struct RuleBefore {
    named: Option<Named>,
    /// The ranking after the newest window.
    ranking: Option<Ranking>,
}

impl RuleBefore {
    /// Ranks the schedules after the next window, if there is a trial with enough windows.
    pub(crate) fn advance(&mut self, trial: Option<&Trial>) {
        self.ranking = trial.and_then(Ranking::new);
        if let Some(ranking) = &self.ranking {
            self.named = Some(ranking.named(self.named));
        }
    }

    /// Returns the findings after the newest window.
    pub(crate) fn findings(&self) -> RuleFindings {
        let schedules = self.ranking.iter().flat_map(|ranking| &ranking.schedules);
        let bounds = schedules
            .filter_map(|one| Some(Bound { policy: one.policy, at_least: one.at_least?, is_shown: one.is_shown() }));
        let shown = self.named.filter(|named| self.ranking.is_some() && named.is_shown);
        RuleFindings { bounds: bounds.collect(), shown: shown.map(|named| named.policy), is_clear: false }
    }
}

impl Ranking {
    /// Returns `None` if no schedule has enough refits, or if no gain is shown.
    fn new(trial: &Trial) -> Option<Self> {
        let (rows, degrees) = (&trial.rows, cosine_terms(trial.rows.len()));
        let schedules: Vec<&Series> = trial.series.iter().filter(|series| series.policy.is_schedule()).collect();
        let compared: Vec<&Series> = schedules.iter().copied().filter(|series| series.has_enough_refits()).collect();
        let total = |series: &Series| series.log_loss.iter().sum::<f64>();
        let best = compared.iter().copied().min_by(|a, b| total(a).total_cmp(&total(b)))?;
        let gain = Mean::new(&gains(trial, best), rows);
        if gain.mean <= quantile(CONFIDENCE_LEVEL, degrees) * gain.error {
            return None;
        }
        let to_best = |series: &Series| {
            let excess: Vec<f64> = series.log_loss.iter().zip(&best.log_loss).map(|(own, best)| own - best).collect();
            Mean::new(&excess, rows)
        };
        let draws = draws(rows);
        let drawn: Vec<Vec<f64>> = compared.iter().map(|series| gains_in_draws(trial, series, &draws)).collect();
        let seen: Vec<Mean> = compared.iter().map(|series| to_best(series)).collect();
        let of_best = compared.iter().zip(&drawn).find(|(series, _)| series.policy == best.policy)?.1;
        let largest_error = |draw: usize| {
            let errors = drawn.iter().zip(&seen).map(|(gains, seen)| {
                let drawn = of_best[draw] - gains[draw];
                if seen.error > 0.0 { (seen.mean - drawn) / seen.error } else { 0.0 }
            });
            errors.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut largest: Vec<f64> = (0..DRAWS).map(largest_error).collect();
        largest.sort_unstable_by(f64::total_cmp);
        let index = ((DRAWS as f64 * CONFIDENCE_LEVEL).ceil() as usize).min(DRAWS) - 1;
        let critical = quantile(Normal::standard().cdf(largest[index]).max(CONFIDENCE_LEVEL), degrees);
        let most = |draw: usize| drawn.iter().map(|gains| gains[draw]).fold(f64::NEG_INFINITY, f64::max);
        let most: Vec<f64> = (0..DRAWS).map(most).collect();
        // The difference of the best from itself has no error. Times an infinite critical value, this is not a number, and
        // the bound is the second one.
        let bound = |seen: &Mean, gains: &[f64]| {
            (1.0 - (seen.mean + critical * seen.error) / gain.mean).min(low_share(gains, &most))
        };
        let bounds: Vec<f64> = seen.iter().zip(&drawn).map(|(seen, gains)| bound(seen, gains)).collect();
        let ranked = |series: &&Series| {
            let to_best = to_best(series);
            let compared = compared.iter().position(|other| other.policy == series.policy);
            RankedSchedule {
                policy: series.policy,
                same: series.same.clone(),
                share: 1.0 - to_best.mean / gain.mean,
                is_below_best: compared.is_some() && to_best.mean > quantile(0.975, degrees) * to_best.error,
                at_least: compared.map(|index| bounds[index]),
            }
        };
        Some(Self { schedules: schedules.iter().map(ranked).collect(), best: best.policy })
    }

    /// Returns the schedule to name, given the one named before. It stays as the program's policy did.
    fn named(&self, before: Option<Named>) -> Named {
        let shown = self.schedules.iter().filter(|one| one.is_shown()).min_by_key(|one| cost(one.policy));
        let is_shown = shown.is_some();
        let new = Named { policy: shown.map_or(self.best, |one| one.policy), is_shown, was_shown: is_shown };
        let Some(old) = before else { return new };
        let is_old = |one: &&RankedSchedule| one.policy == old.policy || one.same.contains(&old.policy);
        let Some(held) = self.schedules.iter().find(is_old) else { return new };
        let is_worse = held.is_below_best && !held.is_shown();
        let is_cheaper = cost(new.policy) < cost(held.policy);
        if is_worse || held.share < KEPT_SHARE || (is_shown && (is_cheaper || !old.was_shown)) {
            return new;
        }
        Named { policy: old.policy, is_shown: held.is_shown(), was_shown: old.was_shown || held.is_shown() }
    }
}

/// Returns the cost of a schedule, to sort by: fits first, then rows.
fn cost(policy: Policy) -> (u64, u32, Policy) {
    // The fits in a billion windows: an integer, which can be ordered.
    let fits = policy.fits().map_or(u64::MAX, |fits| (fits * 1e9) as u64);
    (fits, policy.length().unwrap_or(u32::MAX), policy)
}

fn cosine_terms(windows: usize) -> u32 {
    (0.4 * (windows as f64).powf(2.0 / 3.0)).floor().max(3.0) as u32
}

/// Returns a quantile of Student's t distribution.
fn quantile(probability: f64, degrees: u32) -> f64 {
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    StudentsT::new(0.0, 1.0, f64::from(degrees)).map_or(f64::NAN, |t| t.inverse_cdf(probability))
}

/// A draw of the bootstrap.
struct Draw {
    /// The indices of the windows drawn.
    windows: Vec<usize>,
    /// The number of their rows.
    rows: f64,
}

/// Returns the draws of the stationary bootstrap (Politis and Romano 1994), with runs of mean length sqrt(W).
fn draws(rows: &[f64]) -> Vec<Draw> {
    let mut random = RandomNumbers::new(SEED);
    let (count, mean_run) = (rows.len(), (rows.len() as f64).sqrt());
    let draw = |_| {
        let mut index = 0;
        let windows = (0..count).map(|at| {
            index = if at == 0 || random.uniform() * mean_run < 1.0 {
                (random.uniform() * count as f64) as usize
            } else {
                (index + 1) % count
            };
            index
        });
        let windows: Vec<usize> = windows.collect();
        Draw { rows: windows.iter().map(|index| rows[*index]).sum(), windows }
    };
    (0..DRAWS).map(draw).collect()
}

/// Returns the gain of a series over always predicting the share of positives, summed by window.
fn gains(trial: &Trial, series: &Series) -> Vec<f64> {
    trial.share_loss.iter().zip(&series.log_loss).map(|(share, loss)| share - loss).collect()
}

/// Returns the gain per row of a series in each draw.
fn gains_in_draws(trial: &Trial, series: &Series, draws: &[Draw]) -> Vec<f64> {
    let gains = gains(trial, series);
    draws.iter().map(|draw| draw.windows.iter().map(|index| gains[*index]).sum::<f64>() / draw.rows).collect()
}

/// Returns the 5% quantile, over the draws, of a share of the largest gain of a schedule in the draw.
fn low_share(gains: &[f64], most: &[f64]) -> f64 {
    let shares = gains.iter().zip(most).map(|(gain, most)| if *most > 0.0 { gain / most } else { 0.0 });
    let mut shares: Vec<f64> = shares.collect();
    shares.sort_unstable_by(f64::total_cmp);
    shares[(shares.len() as f64 * (1.0 - CONFIDENCE_LEVEL)).floor() as usize]
}
