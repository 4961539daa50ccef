//! The trial: every policy on the same windows.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::evidence::Evidence;
use crate::losses::{BLOCKS, MAX_AGE, ModelLosses};
use crate::policy::{Policy, Refit, length};
use windrow_record::{ModelId, Scheme};

/// The minimum number of windows for a ranking.
pub const MIN_WINDOWS: usize = 12;
/// The minimum number of refits of a policy for a comparison.
const MIN_REFITS: f64 = 4.0;
/// The maximum length of a finite history, as a share of the windows.
const MAX_HISTORY_SHARE: f64 = 0.4;
/// The maximum refit period, as a share of the windows judged.
const MAX_INTERVAL_SHARE: f64 = 1.0 / 3.0;

/// The losses of one policy, summed by window.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The policy that was applied.
    pub policy: Policy,
    /// Policies with the same losses and a higher cost.
    pub same: Vec<Policy>,
    /// The sums of -log p(truth), natural logarithm.
    pub log_loss: Vec<f64>,
    /// The sums of (p - truth)^2.
    pub squared_error: Vec<f64>,
    /// The number of negative rows at or above the threshold.
    pub false_alarms: Vec<f64>,
    /// The number of positive rows below the threshold.
    pub misses: Vec<f64>,
    /// The number of refits whose model is used for the first time in each window, as a mean over all phases.
    pub fits: Vec<f64>,
    /// The number of refits within the windows judged, as a mean over all phases.
    pub refits: f64,
    /// The models in use, by window, of each run of a policy that depends on its own past. Empty for other policies:
    /// [`Trial::in_use`] has the models of the planned ones.
    pub(crate) runs: Vec<Vec<ModelId>>,
}

/// The facts that decide whether a policy without a schedule may be named, besides its losses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// `true` if a break was found.
    pub(crate) has_break: bool,
    /// `true` if policies are compared with the best one of all kinds, and not with the best schedule: costs decide.
    pub(crate) is_by_cost: bool,
    /// The losses of never refitting another first model of each history.
    pub(crate) other_first_fits: Vec<Series>,
    /// The runs of every policy that refits on an alarm or when it pays.
    pub(crate) alarm_runs: Vec<AlarmRuns>,
}

/// The runs of a policy that refits on an alarm or when it pays. The first one starts with the newest model, the others
/// with older ones.
#[derive(Debug, Clone)]
pub(crate) struct AlarmRuns {
    /// The policy that was applied.
    pub(crate) policy: Policy,
    /// The windows that rang in each run. If the policy refits when it pays, these are the windows after which it
    /// refitted.
    pub(crate) rang: Vec<Vec<u32>>,
    /// The windows in which each run uses a refitted model for the first time.
    pub(crate) refitted: Vec<Vec<u32>>,
}

/// The windows on which policies are judged, and the losses of every policy on them.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The windows judged. Windows without a labelled row are left out.
    pub windows: Vec<u32>,
    /// The number of labelled rows of each window.
    pub rows: Vec<f64>,
    /// The label delay, in windows.
    pub delay: u32,
    /// The oldest window whose model is used.
    pub(crate) oldest: u32,
    /// The log-loss sums of always predicting the share of positives so far.
    pub share_loss: Vec<f64>,
    /// The policies. Those that are planned come first, with `never` among them; of these, policies with the same losses
    /// are merged.
    pub series: Vec<Series>,
    /// The facts that decide whether a policy without a schedule may be named. Without conditions, none that needs them may.
    pub(crate) conditions: Conditions,
}

/// Returns the histories to try with a number of windows: the last 1, 2, 4, 8, ... and all. With `wanted`, returns
/// those of it that are not too long.
pub fn histories(windows: u32, wanted: Option<&[Scheme]>) -> Vec<Scheme> {
    let longest = MAX_HISTORY_SHARE * f64::from(windows);
    let doubling = (0..31).map(|power| sliding(1 << power)).chain([Scheme::Cumulative]);
    let all: Vec<Scheme> = wanted.map_or_else(|| doubling.collect(), <[Scheme]>::to_vec);
    all.into_iter().filter(|history| length(*history).is_none_or(|length| f64::from(length) <= longest)).collect()
}

/// Returns those of [`histories`] that leave enough windows for advice, if there are enough at all. Labels are `delay`
/// windows late. Further windows then never take the advice away, because a longer history never leaves too few.
pub fn judged_histories(windows: u32, wanted: Option<&[Scheme]>, delay: u32) -> Vec<Scheme> {
    let is_enough = |windows: u32| {
        let longest = longest_history(&histories(windows, wanted));
        windows.saturating_sub(longest + delay) as usize >= MIN_WINDOWS
    };
    let all = histories(windows, wanted);
    if is_enough(windows) || !(1..windows).any(is_enough) {
        return all;
    }
    let room = windows.saturating_sub(delay + MIN_WINDOWS as u32);
    all.into_iter().filter(|history| length(*history).is_none_or(|length| length <= room)).collect()
}

/// Returns the length of the longest finite history. Policies are judged on the windows after it.
pub(crate) fn longest_history(histories: &[Scheme]) -> u32 {
    histories.iter().filter_map(|history| length(*history)).max().unwrap_or(1)
}

/// Returns the scheme of the last `windows` windows.
pub(super) fn sliding(windows: u32) -> Scheme {
    match NonZeroU32::new(windows) {
        None | Some(NonZeroU32::MIN) => Scheme::Window,
        Some(windows) => Scheme::Sliding(windows),
    }
}

/// Returns the intervals between refits that can be compared on `judged` windows: 1, 2, 4, 8, ... windows.
pub(crate) fn intervals(judged: usize, delay: u32) -> Vec<u32> {
    intervals_in_steps(1, judged, delay)
}

/// Returns the intervals between refits that can be compared on `judged` windows: 1, 2, 4, 8, ... times `step` windows.
fn intervals_in_steps(step: u32, judged: usize, delay: u32) -> Vec<u32> {
    let longest = (judged as f64 * MAX_INTERVAL_SHARE).max(f64::from(step));
    let every = (0..31).map(|power| (1_u32 << power).saturating_mul(step));
    every.take_while(|every| f64::from(*every) <= longest && every.saturating_add(delay) <= MAX_AGE).collect()
}

/// Returns the windows that [`Trial::new`] judges.
pub fn judged_windows(evidence: &Evidence, last: u32, histories: &[Scheme], delay: u32) -> Vec<u32> {
    with_models(evidence, first_after(histories, delay)..=last, histories, delay, 1)
}

/// Returns the first window after the longest finite history whose labels may be known.
fn first_after(histories: &[Scheme], delay: u32) -> u32 {
    longest_history(histories) + 1 + delay
}

/// Returns those of some windows that have a labelled row, from the first model of any history on. The models are those
/// of window `oldest` and later ones. In a table, also a later window is left out if a history has no score there.
fn with_models(
    evidence: &Evidence,
    windows: RangeInclusive<u32>,
    histories: &[Scheme],
    delay: u32,
    oldest: u32,
) -> Vec<u32> {
    let has_model = |window: u32| evidence.is_comparable(histories, window.saturating_sub(1 + delay), oldest, window);
    let windows = windows.filter(|window| evidence.rows(*window) > 0.0);
    if evidence.is_table() {
        return windows.filter(|window| histories.is_empty() || has_model(*window)).collect();
    }
    windows.skip_while(|window| !histories.is_empty() && !has_model(*window)).collect()
}

impl Trial {
    /// Judges schedules on the windows after the longest finite history, up to `last`. At window t, models may use the
    /// windows up to t - 1 - `delay`.
    pub fn new(evidence: &Evidence, last: u32, histories: &[Scheme], delay: u32) -> Self {
        Self::over(evidence, first_after(histories, delay), last, histories, delay, 1)
    }

    /// Judges windows `first` to `last` with the models of window `oldest` and later ones. Windows before the first
    /// model of any history are left out: no policy could have predicted their rows.
    pub fn over(evidence: &Evidence, first: u32, last: u32, histories: &[Scheme], delay: u32, oldest: u32) -> Self {
        let windows = with_models(evidence, first..=last, histories, delay, oldest);
        let share_loss = |window: &u32| evidence.share_loss(window.saturating_sub(1 + delay), *window);
        let rows = windows.iter().map(|window| evidence.rows(*window)).collect();
        let share_loss = windows.iter().map(share_loss).collect();
        let conditions = Conditions::default();
        let mut trial = Self { rows, share_loss, windows, delay, oldest, series: Vec::new(), conditions };
        let refits = |history: Scheme| {
            let every = intervals_in_steps(evidence.step(history), trial.windows.len(), delay);
            every.into_iter().map(Refit::Every).chain([Refit::Never])
        };
        let of = |history: &Scheme| {
            let history = *history;
            refits(history).map(move |refit| Policy { history, refit })
        };
        let policies = histories.iter().flat_map(of);
        let mut all: Vec<Series> = policies.filter_map(|policy| trial.planned(evidence, policy)).collect();
        // If two policies have the same losses, the cheaper one is kept. It must not have too few refits for a comparison
        // if the other one has enough, and a schedule is never replaced by the policy without refits.
        all.sort_by_key(|series| cost(series.policy));
        let kind = |series: &Series| (series.policy.refit == Refit::Never, series.has_enough_refits());
        for series in all {
            let is_same = |kept: &&mut Series| kind(kept) == kind(&series) && kept.log_loss == series.log_loss;
            match trial.series.iter_mut().find(is_same) {
                Some(kept) => kept.same.push(series.policy),
                None => trial.series.push(series),
            }
        }
        trial
    }

    /// Returns the series of a policy, or of one with the same losses.
    pub(crate) fn series_of(&self, policy: Policy) -> Option<&Series> {
        self.series.iter().find(|series| series.is_of(policy))
    }

    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Returns the newest window that a model may know at `window`.
    pub fn known(&self, window: u32) -> u32 {
        window.saturating_sub(1 + self.delay)
    }

    /// Returns the losses on `window` of the models that a policy has in use then, one for each of its phases. Returns
    /// `None` if a loss is not known, or if the policy's refits are not planned.
    ///
    /// A window that could not be learned from has no model. The model before it then stays in use. A phase that has no
    /// model yet takes the first one that could be known.
    pub(crate) fn in_use<'e>(
        &self,
        evidence: &'e Evidence,
        policy: Policy,
        window: u32,
    ) -> Option<Vec<&'e ModelLosses>> {
        let in_use = |model: u32, known: u32| {
            let model = model.max(self.oldest);
            let newest = evidence.newest(policy.history, model, self.oldest, window).map(|(_, losses)| losses);
            newest.or_else(|| evidence.oldest(policy.history, model, known, window))
        };
        match policy.refit {
            Refit::Every(every) => {
                let known = self.known(window);
                // If fits come every `step` windows only, there are as many phases as such fits in a period.
                let (step, newest) = (evidence.step(policy.history), evidence.newest_fit(policy.history, known));
                (0..(every / step).max(1)).map(|phase| in_use(newest.saturating_sub(phase * step), known)).collect()
            }
            Refit::Never => {
                let known = self.known(*self.windows.first()?);
                Some(vec![in_use(known, known)?])
            }
            _ => None,
        }
    }

    /// Returns the losses of a policy whose refits are planned, as a mean over its phases. Returns `None` if a loss is
    /// not known.
    pub fn planned(&self, evidence: &Evidence, policy: Policy) -> Option<Series> {
        self.windows.first()?;
        let mut series = Series::new(policy);
        for window in &self.windows {
            series.push(&self.in_use(evidence, policy, *window)?);
        }
        // One of the `every` phases refits in each window.
        let fits = policy.fits().unwrap_or_default();
        (series.fits, series.refits) = (vec![fits; self.len()], fits * self.len() as f64);
        Some(series)
    }

    /// Returns the trial on the windows at some indices only, with the same conditions.
    pub(crate) fn part(&self, is_in: impl Fn(usize) -> bool) -> Self {
        let numbers = |all: &[f64]| -> Vec<f64> {
            all.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, one)| *one).collect()
        };
        let part = |series: &Series| {
            let fits = numbers(&series.fits);
            Series {
                policy: series.policy,
                same: series.same.clone(),
                log_loss: numbers(&series.log_loss),
                squared_error: numbers(&series.squared_error),
                false_alarms: numbers(&series.false_alarms),
                misses: numbers(&series.misses),
                refits: fits.iter().sum(),
                fits,
                runs: Vec::new(),
            }
        };
        let windows = self.windows.iter().enumerate().filter(|(at, _)| is_in(*at));
        let other_first_fits = self.conditions.other_first_fits.iter().map(part).collect();
        Self {
            windows: windows.map(|(_, window)| *window).collect(),
            rows: numbers(&self.rows),
            delay: self.delay,
            oldest: self.oldest,
            share_loss: numbers(&self.share_loss),
            series: self.series.iter().map(part).collect(),
            conditions: Conditions { other_first_fits, ..self.conditions.clone() },
        }
    }

    /// Returns the losses of a policy that depends on its own past: `choose` returns the model for each window. `before`
    /// is the model in use before the first window; without it, the first model is not a refit.
    pub(crate) fn stateful(
        &self,
        evidence: &Evidence,
        policy: Policy,
        mut before: Option<(Scheme, u32)>,
        mut choose: impl FnMut(u32) -> (Scheme, u32),
    ) -> Option<Series> {
        let mut series = Series::new(policy);
        let mut models = Vec::with_capacity(self.len());
        for window in &self.windows {
            let (history, model) = choose(*window);
            let is_refit = before.is_some_and(|before| before != (history, model));
            before = Some((history, model));
            series.fits.push(f64::from(u8::from(is_refit)));
            let (_, losses) = evidence.newest(history, model, 1, *window)?;
            models.push(losses.model);
            series.push(&[losses]);
        }
        series.runs = vec![models];
        series.refits = series.fits.iter().sum();
        Some(series)
    }

    /// Returns the losses of a model that is recalibrated instead of refitted, from its sums by window: log-loss,
    /// squared error, false alarms and misses.
    pub fn recalibrated(&self, history: Scheme, sums: impl Fn(u32) -> Option<[f64; 4]>) -> Option<Series> {
        let mut series = Series::new(Policy { history, refit: Refit::Recalibrated });
        for window in &self.windows {
            series.push_sums(sums(*window)?);
        }
        series.fits = vec![0.0; self.len()];
        Some(series)
    }
}

/// Returns the cost of a policy, to sort by: fits first, then rows. Policies that are not planned ahead come last.
fn cost(policy: Policy) -> (u64, u32, Policy) {
    // The fits in a billion windows: an integer, which can be ordered.
    let fits = policy.fits().map_or(u64::MAX, |fits| (fits * 1e9) as u64);
    (fits, policy.length().unwrap_or(u32::MAX), policy)
}

impl Series {
    fn new(policy: Policy) -> Self {
        let [log_loss, squared_error, false_alarms, misses, fits] = [const { Vec::new() }; 5];
        let (same, runs) = (Vec::new(), Vec::new());
        Self { policy, same, log_loss, squared_error, false_alarms, misses, fits, refits: 0.0, runs }
    }

    /// Returns `true` if the policy has enough refits for a comparison, or needs none.
    pub fn has_enough_refits(&self) -> bool {
        matches!(
            self.policy.refit,
            Refit::Never | Refit::Recalibrated | Refit::WhenItPays | Refit::Advice | Refit::Served
        ) || self.refits >= MIN_REFITS
    }

    /// Returns `true` if these are the losses of `policy`.
    pub(crate) fn is_of(&self, policy: Policy) -> bool {
        self.policy == policy || self.same.contains(&policy)
    }

    /// Returns the mean of several runs of one policy, or `None` of no run.
    pub(crate) fn mean(runs: &[Self]) -> Option<Self> {
        let share = 1.0 / runs.len() as f64;
        let mean = |losses: fn(&Self) -> &Vec<f64>| -> Option<Vec<f64>> {
            let windows = 0..losses(runs.first()?).len();
            Some(windows.map(|at| runs.iter().map(|run| losses(run)[at]).sum::<f64>() * share).collect())
        };
        Some(Self {
            policy: runs.first()?.policy,
            same: Vec::new(),
            log_loss: mean(|run| &run.log_loss)?,
            squared_error: mean(|run| &run.squared_error)?,
            false_alarms: mean(|run| &run.false_alarms)?,
            misses: mean(|run| &run.misses)?,
            fits: mean(|run| &run.fits)?,
            refits: runs.iter().map(|run| run.refits).sum::<f64>() * share,
            runs: runs.iter().flat_map(|run| run.runs.iter().cloned()).collect(),
        })
    }

    /// Adds a window with the mean losses of several models.
    fn push(&mut self, models: &[&ModelLosses]) {
        let share = 1.0 / models.len() as f64;
        let mean = |sum: fn(&ModelLosses) -> f64| models.iter().map(|losses| sum(losses)).sum::<f64>() * share;
        self.push_sums([
            mean(|losses| losses.log_loss.iter().sum()),
            mean(|losses| losses.squared_error.iter().sum()),
            mean(|losses| counted(&losses.false_alarms)),
            mean(|losses| counted(&losses.misses)),
        ]);
    }

    /// Adds a window with its log-loss, squared error, false alarms and misses.
    fn push_sums(&mut self, sums: [f64; 4]) {
        let series = [&mut self.log_loss, &mut self.squared_error, &mut self.false_alarms, &mut self.misses];
        series.into_iter().zip(sums).for_each(|(series, sum)| series.push(sum));
    }
}

fn counted(blocks: &[u64; BLOCKS]) -> f64 {
    blocks.iter().sum::<u64>() as f64
}
