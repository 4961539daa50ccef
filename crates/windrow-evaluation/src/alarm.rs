//! Policies that refit on an alarm: when features drift, or when losses rise. [`Alarms`]: those that ring now.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::evidence::Evidence;
use crate::losses::BLOCKS;
use crate::policy::{Policy, Refit};
use crate::trial::{Series, Trial};
use windrow_record::Scheme;

/// The customary threshold of the population stability index. Values below it count as no shift.
const MIN_PSI_THRESHOLD: f64 = 0.1;
/// The probability of a false alarm in a window without drift, over all of its features.
const FALSE_ALARM_RATE: f64 = 0.05;
/// The tolerance of the test: excesses over the mean up to this many deviations do not count.
const TOLERANCE: f64 = 0.5;
/// The sum of excesses, in deviations, that raises an alarm.
const ALARM_THRESHOLD: f64 = 10.0;

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

/// The test of Page (1954) and Hinkley for a rising mean. Values are standardised by their mean and deviation so far,
/// as in Gama, Sebastiao and Rodrigues (2013) for streams of losses.
#[derive(Debug, Clone, Default)]
struct Detector {
    count: f64,
    mean: f64,
    squares: f64,
    sum: f64,
    lowest: f64,
}

impl Detector {
    /// Adds a value and returns `true` for an alarm. The first eight values only set the mean and the deviation.
    fn push(&mut self, value: f64) -> bool {
        if self.count >= BLOCKS as f64 {
            let deviation = (self.squares / (self.count - 1.0)).sqrt();
            if deviation > 0.0 {
                self.sum += (value - self.mean) / deviation - TOLERANCE;
                self.lowest = self.lowest.min(self.sum);
            }
        }
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        self.squares += apart * (value - self.mean);
        self.sum - self.lowest > ALARM_THRESHOLD
    }
}

/// Returns the losses of refitting when a window's features have drifted since the model's newest window.
/// `has_drifted(since, now)` compares two windows. Features are known at once; labels are not.
pub(super) fn on_psi(
    trial: &Trial,
    evidence: &Evidence,
    history: Scheme,
    has_drifted: &dyn Fn(u32, u32) -> bool,
) -> Option<Series> {
    let policy = Policy { history, refit: Refit::PsiAlarm };
    trial.stateful(evidence, policy, model_on_psi(trial, history, has_drifted))
}

/// Returns the losses of refitting when the mean losses of the blocks rise.
pub(super) fn on_loss(trial: &Trial, evidence: &Evidence, history: Scheme) -> Option<Series> {
    let policy = Policy { history, refit: Refit::LossAlarm };
    trial.stateful(evidence, policy, model_on_loss(trial, evidence, history))
}

/// The alarms that ring after the newest window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Alarms {
    /// Features have drifted since the newest window of the model.
    pub(super) drift: bool,
    /// The losses of the model have risen.
    pub(super) loss: bool,
}

impl Alarms {
    /// Runs the policies on alarm for a history, from the first window of the trial to the newest one.
    pub(super) fn after_newest(
        trial: &Trial,
        evidence: &Evidence,
        history: Scheme,
        has_drifted: &dyn Fn(u32, u32) -> bool,
    ) -> Self {
        let last = evidence.last();
        let drift = rings_after(trial, last, model_on_psi(trial, history, has_drifted));
        let loss = rings_after(trial, last, model_on_loss(trial, evidence, history));
        Self { drift, loss }
    }
}

/// Returns `true` if the window after `last` would be predicted by another model than the window before it.
fn rings_after(trial: &Trial, last: u32, mut choose: impl FnMut(u32) -> (Scheme, u32)) -> bool {
    let before = trial.windows.iter().fold(None, |_, window| Some(choose(*window)));
    before.is_some_and(|before| choose(last + 1) != before)
}

/// Returns the choice of the model for each window, in ascending order, of refitting when features drift.
fn model_on_psi(
    trial: &Trial,
    history: Scheme,
    has_drifted: &dyn Fn(u32, u32) -> bool,
) -> impl FnMut(u32) -> (Scheme, u32) {
    let mut model: Option<u32> = None;
    move |window| {
        let known = trial.known(window);
        let current = model.get_or_insert(known);
        if *current < known && has_drifted(*current, window - 1) {
            *current = known;
        }
        (history, *current)
    }
}

/// Returns the choice of the model for each window, in ascending order, of refitting when losses rise.
fn model_on_loss(trial: &Trial, evidence: &Evidence, history: Scheme) -> impl FnMut(u32) -> (Scheme, u32) {
    let mut state: Option<(u32, u32, Detector)> = None;
    move |window| {
        let known = trial.known(window);
        let (mut model, mut read, mut detector) = state.take().unwrap_or((known, known, Detector::default()));
        while read < known {
            read += 1;
            let Some((_, losses)) = evidence.newest(history, model, 1, read) else { continue };
            let blocks = evidence.block_rows(read).into_iter().zip(losses.log_loss).filter(|(rows, _)| *rows > 0);
            let alarm = blocks.fold(false, |alarm, (rows, loss)| detector.push(loss / rows as f64) || alarm);
            if alarm {
                (model, read, detector) = (known, known, Detector::default());
            }
        }
        state = Some((model, read, detector));
        (history, model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns pseudo-random numbers with mean 0 and deviation 1.
    fn noise(count: usize) -> Vec<f64> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..count).map(|_| ((0..12).map(|_| next()).sum::<f64>()) - 6.0).collect()
    }

    /// Returns the index of the first alarm.
    fn page_hinkley(values: &[f64]) -> Option<usize> {
        let mut detector = Detector::default();
        values.iter().position(|value| detector.push(*value))
    }

    #[test]
    fn a_rise_is_detected_soon_and_noise_is_not() {
        assert_eq!(page_hinkley(&noise(2_000)), None);
        let mut risen = noise(400);
        risen[200..].iter_mut().for_each(|value| *value += 2.0);
        let alarm_index = page_hinkley(&risen).expect("an alarm");
        assert!((201..225).contains(&alarm_index), "{alarm_index}");
        let fallen: Vec<f64> = noise(400).iter().enumerate().map(|(at, value)| value - (at / 200) as f64).collect();
        assert_eq!(page_hinkley(&fallen), None, "falling losses are no alarm");
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
