//! Policies that refit on an alarm: when features drift, when losses rise, or when a refit pays. [`AlarmRun`]: one such
//! policy from window to window. [`Alarms`]: those that ring now.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::evidence::Evidence;
use crate::losses::{Costs, STARTS};
use crate::policy::{Policy, Refit};
use crate::trial::{AlarmRuns, Series, Trial};
use windrow_record::Scheme;

/// The customary threshold of the population stability index. Values below it count as no shift.
const MIN_PSI_THRESHOLD: f64 = 0.1;
/// The probability of a false alarm in a window without drift, over all of its features.
const FALSE_ALARM_RATE: f64 = 0.05;
/// The tolerance of the test: excesses over the mean up to this many deviations do not count.
const TOLERANCE: f64 = 0.5;
/// The sum of excesses, in deviations, that raises an alarm.
const ALARM_THRESHOLD: f64 = 10.0;
/// The number of windows after a fit that only set the mean and the deviations of the losses. With fewer, windows that
/// differ by chance would raise alarms.
const WARM_UP_WINDOWS: f64 = 3.0;

/// Returns the population stability index above which two samples of `rows` and `rows_before` rows in `bins` bins
/// differ.
///
/// The threshold is the larger of the customary 0.1 and the value that sampling error exceeds in 5% of windows for any
/// of `features`. Without drift, the index is distributed as (1/n + 1/m) times chi-squared with bins - 1 degrees of
/// freedom (Yurdakul 2018).
pub fn psi_threshold(rows: u64, rows_before: u64, bins: usize, features: usize) -> f64 {
    if rows == 0 || rows_before == 0 || bins < 2 {
        return MIN_PSI_THRESHOLD;
    }
    let probability = 1.0 - FALSE_ALARM_RATE / features.max(1) as f64;
    let quantile = ChiSquared::new((bins - 1) as f64).map_or(0.0, |chi| chi.inverse_cdf(probability));
    MIN_PSI_THRESHOLD.max((1.0 / rows as f64 + 1.0 / rows_before as f64) * quantile)
}

/// The test of Page (1954) and Hinkley for a rising mean. Block losses are standardised by their mean and deviation so
/// far, as in Gama, Sebastiao and Rodrigues (2013) for streams of losses.
///
/// Rows of one window can be alike, so that the means of windows spread more than their blocks do. Then the blocks of a
/// window are not independent, and their sum would raise false alarms. The deviation is therefore the larger one of that
/// of the blocks and of the one that blocks would have if only chance separated the means of windows.
#[derive(Debug, Clone, Default)]
struct Detector {
    blocks: Moments,
    windows: Moments,
    sum: f64,
    lowest: f64,
}

/// The count, the mean and the sum of squared deviations of some values (Welford 1962).
#[derive(Debug, Clone, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        self.squares += apart * (value - self.mean);
    }

    /// Returns the standard deviation; 0 of a single value.
    fn deviation(&self) -> f64 {
        if self.count > 1.0 { (self.squares / (self.count - 1.0)).sqrt() } else { 0.0 }
    }
}

impl Detector {
    /// Adds the block losses of a window and returns `true` for an alarm. The first [`WARM_UP_WINDOWS`] only set the
    /// mean and the deviations.
    fn push(&mut self, blocks: &[f64]) -> bool {
        let mut is_alarm = false;
        for value in blocks {
            if self.windows.count >= WARM_UP_WINDOWS {
                let blocks_in_a_window = self.blocks.count / self.windows.count;
                let deviation = self.blocks.deviation().max(blocks_in_a_window.sqrt() * self.windows.deviation());
                if deviation > 0.0 {
                    self.sum += (value - self.blocks.mean) / deviation - TOLERANCE;
                    self.lowest = self.lowest.min(self.sum);
                }
                is_alarm |= self.sum - self.lowest > ALARM_THRESHOLD;
            }
            self.blocks.push(*value);
        }
        if !blocks.is_empty() {
            self.windows.push(blocks.iter().sum::<f64>() / blocks.len() as f64);
        }
        is_alarm
    }
}

/// The data that the alarms of a policy need: the losses, the label delay in windows, whether the features of the second
/// window have drifted since the first, and the costs.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct AlarmData<'a> {
    /// The losses of all windows.
    pub evidence: &'a Evidence,
    /// The label delay, in windows.
    pub delay: u32,
    /// Returns `true` if the features of the second window have drifted since the first.
    pub has_drifted: &'a dyn Fn(u32, u32) -> bool,
    /// The costs of a false alarm, a miss and a fit. Without them, no refit pays.
    pub cost: Option<Costs>,
}

/// Returns the losses of a policy that refits on an alarm, as the mean of runs that start with models of different ages,
/// and the alarms of these runs. When an alarm rings depends on the model at the start, which is luck.
pub(super) fn on_alarm(trial: &Trial, data: AlarmData<'_>, policy: Policy) -> Option<(Series, AlarmRuns)> {
    let known = trial.known(*trial.windows.first()?);
    let mut found = Vec::new();
    let mut runs = AlarmRuns { policy, rang: Vec::new(), refitted: Vec::new() };
    // Before the first model of all, there may be fewer starts.
    for start in (0..STARTS).filter_map(|age| known.checked_sub(age)) {
        let start = (policy.history, start);
        let mut run = AlarmRun::new(data, policy, start);
        let series =
            trial.stateful(data.evidence, policy, Some(start), |window| run.advance(trial.known(window), window - 1));
        let Some(series) = series else { continue };
        let refitted = trial.windows.iter().zip(&series.fits).filter(|(_, fits)| **fits > 0.0);
        runs.refitted.push(refitted.map(|(window, _)| *window).collect());
        runs.rang.push(run.rang);
        found.push(series);
    }
    Some((Series::mean(&found)?, runs))
}

/// A model that is refitted on an alarm, from window to window.
pub(super) struct AlarmRun<'a> {
    data: AlarmData<'a>,
    policy: Policy,
    /// The history and the newest window of the model in use.
    model: (Scheme, u32),
    /// The window whose features raised the alarm, until its labels are known.
    awaited: Option<u32>,
    /// The newest window whose losses have been read.
    read: u32,
    detector: Detector,
    /// The cost of the errors of the model in use less that of newer models, on the windows that have been read.
    extra_cost: f64,
    /// The windows that rang, or after which a refit paid.
    rang: Vec<u32>,
}

impl<'a> AlarmRun<'a> {
    /// Creates a run that starts with the model of a history and its newest window. The policy refits on its own
    /// history.
    pub(super) fn new(data: AlarmData<'a>, policy: Policy, start: (Scheme, u32)) -> Self {
        let (read, detector, rang) = (start.1, Detector::default(), Vec::new());
        Self { data, policy, model: start, awaited: None, read, detector, extra_cost: 0.0, rang }
    }

    /// Returns the history and the newest window of the model in use.
    pub(super) fn model(&self) -> (Scheme, u32) {
        self.model
    }

    /// Takes the labels of the windows up to `known` and the features of window `newest`. Returns the model in use from
    /// then on. Both windows must ascend from call to call.
    pub(super) fn advance(&mut self, known: u32, newest: u32) -> (Scheme, u32) {
        match self.policy.refit {
            Refit::LossAlarm => self.read_losses(known),
            Refit::WhenItPays => self.add_up_errors(known),
            _ => self.compare_features(known, newest),
        }
        self.model
    }

    /// Refits when the features have drifted since the model's newest window. Features are known at once; labels are
    /// not. The refit waits for the labels of the window that raised the alarm, and no other alarm is raised until then.
    fn compare_features(&mut self, known: u32, newest: u32) {
        if self.awaited.is_none() && self.model.1 < newest && (self.data.has_drifted)(self.model.1, newest) {
            self.awaited = Some(newest);
            self.rang.push(newest);
        }
        if self.awaited.is_some_and(|drifted| drifted <= known) {
            self.refit(known);
        }
    }

    /// Refits when the mean losses of the blocks rise.
    fn read_losses(&mut self, known: u32) {
        while self.read < known {
            self.read += 1;
            let (history, model) = self.model;
            if self.detector.push(&block_losses(self.data.evidence, history, model, self.read)) {
                self.rang.push(self.read);
                self.refit(known);
            }
        }
    }

    /// Refits when the errors of the model in use have cost as much more than those of newer models as a fit costs.
    ///
    /// This is the rule of the ski-rental problem (Karlin, Manasse, Rudolph and Sleator 1988): rent until the rent adds up
    /// to the price, and then buy. If the errors rise evenly with the age of the model, it refits as often as the best
    /// schedule.
    fn add_up_errors(&mut self, known: u32) {
        let Some(costs) = self.data.cost else { return };
        while self.read < known {
            self.read += 1;
            self.extra_cost += self.extra_cost_on(self.read, costs).unwrap_or_default();
        }
        let [_, _, fit] = costs;
        if self.model.1 < known && self.extra_cost >= fit {
            self.rang.push(known);
            self.refit(known);
        }
    }

    /// Returns the cost of the errors of the model in use on a window, less that of the newest model of the policy that could have been
    /// in use. Returns `None` if it is the same model, or if a loss is not known.
    fn extra_cost_on(&self, window: u32, costs: Costs) -> Option<f64> {
        let AlarmData { evidence, delay, .. } = self.data;
        let (history, model) = self.model;
        let newest = window.checked_sub(1 + delay).filter(|newest| *newest > model)?;
        let cost =
            |history: Scheme, model: u32| Some(evidence.newest(history, model, 1, window)?.1.cost_of_errors(costs));
        Some(cost(history, model)? - cost(self.policy.history, newest)?)
    }

    fn refit(&mut self, known: u32) {
        (self.model, self.awaited, self.extra_cost) = ((self.policy.history, known), None, 0.0);
        (self.read, self.detector) = (known, Detector::default());
    }
}

/// Returns the windows in which losses rise, given the losses per row of each window's blocks, in ascending order. After
/// an alarm, the mean and the deviations are learned again.
pub(super) fn windows_of_rise(blocks: impl IntoIterator<Item = (u32, Vec<f64>)>) -> Vec<u32> {
    let mut detector = Detector::default();
    let mut found = Vec::new();
    for (window, losses) in blocks {
        if detector.push(&losses) {
            found.push(window);
            detector = Detector::default();
        }
    }
    found
}

/// The alarms that ring after the newest window, for a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Alarms {
    /// Features have drifted since the newest window of the model, and the labels of the window that drifted are known.
    pub(super) drift: bool,
    /// The losses of the model have risen.
    pub(super) loss: bool,
    /// A refit pays. It rings only if the policy in office refits when it pays.
    pub(super) pays: bool,
}

impl Alarms {
    /// Returns the alarms for the model of `history` whose newest window is `model`. The labels of the windows up to
    /// `known` are known.
    pub(super) fn of(
        evidence: &Evidence,
        history: Scheme,
        model: u32,
        known: u32,
        has_drifted: &dyn Fn(u32, u32) -> bool,
    ) -> Self {
        let mut detector = Detector::default();
        let loss = (model + 1..=known).any(|window| detector.push(&block_losses(evidence, history, model, window)));
        Self { drift: model < known && has_drifted(model, known), loss, pays: false }
    }
}

/// Returns the losses per row of a model on the blocks of a window that have rows.
pub(super) fn block_losses(evidence: &Evidence, history: Scheme, model: u32, window: u32) -> Vec<f64> {
    let Some((_, losses)) = evidence.newest(history, model, 1, window) else { return Vec::new() };
    let blocks = evidence.block_rows(window).into_iter().zip(losses.log_loss).filter(|(rows, _)| *rows > 0);
    blocks.map(|(rows, loss)| loss / rows as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::BLOCKS;

    /// Returns pseudo-random numbers with mean 0 and deviation 1.
    fn noise(count: usize) -> Vec<f64> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..count).map(|_| ((0..12).map(|_| next()).sum::<f64>()) - 6.0).collect()
    }

    /// Returns the window of the first alarm. A window has eight blocks.
    fn page_hinkley(values: &[f64]) -> Option<usize> {
        let mut detector = Detector::default();
        values.chunks(BLOCKS).position(|blocks| detector.push(blocks))
    }

    #[test]
    fn a_rise_is_detected_soon_and_noise_is_not() {
        assert_eq!(page_hinkley(&noise(2_000)), None);
        let mut risen = noise(400);
        risen[200..].iter_mut().for_each(|value| *value += 2.0);
        let alarm_window = page_hinkley(&risen).expect("an alarm");
        assert!((25..29).contains(&alarm_window), "{alarm_window}");
        let fallen: Vec<f64> = noise(400).iter().enumerate().map(|(at, value)| value - (at / 200) as f64).collect();
        assert_eq!(page_hinkley(&fallen), None, "falling losses are not an alarm");
    }

    #[test]
    fn windows_that_differ_by_chance_are_no_alarm() {
        // The rows of a window share a part whose deviation is that of the blocks: 40 runs of 24 windows.
        let (blocks, shared) = (noise(40 * 24 * BLOCKS), noise(41 * 24));
        let alarms = (0..40).filter(|run| {
            let value = |at: usize| blocks[run * 24 * BLOCKS + at] + shared[24 + run * 24 + at / BLOCKS];
            page_hinkley(&(0..24 * BLOCKS).map(value).collect::<Vec<_>>()).is_some()
        });
        let alarms = alarms.count();
        assert!(alarms <= 2, "{alarms} of 40");
    }

    #[test]
    fn small_windows_need_a_larger_index() {
        assert_eq!(psi_threshold(100_000, 100_000, 10, 12), 0.1);
        let small = psi_threshold(300, 300, 10, 12);
        assert!((0.1..0.2).contains(&small), "{small}");
        assert!(psi_threshold(100, 100, 40, 12) > 1.0);
        assert_eq!(psi_threshold(300, 300, 1, 12), 0.1, "one bin has nothing to shift");
    }
}
