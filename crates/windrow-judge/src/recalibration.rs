//! Models that are fitted once and then recalibrated in each window: a new intercept and slope of the log-odds, fitted to
//! the newest window with known labels. The rule is that of a pipeline's own models.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windrow_evaluation::{RecalibratedModel, rounded_sum};
use windrow_learn::model::recalibrate;
use windrow_record::ModelId;

use crate::histories::Models;
use crate::losses::in_order;
use crate::rows::{Row, WindowRows};
use crate::table::Windows;

/// Returns the sums of rows after a recalibration on earlier rows: log-loss, squared error, false alarms and misses.
fn recalibrated(earlier: &[Row], rows: &[Row], threshold: f64) -> [f64; 4] {
    let odds: Vec<f64> = earlier.iter().map(Row::log_odds).collect();
    let labels: Vec<bool> = earlier.iter().map(Row::label).collect();
    let (a, b) = recalibrate(&odds, &labels, 0.0).unwrap_or((0.0, 1.0));
    let mut sums = [0.0; 4];
    for row in rows {
        let (z, label) = (a + b * row.log_odds(), row.label());
        let p = 1.0 / (1.0 + (-z).exp());
        let is_alarm = p >= threshold;
        // -log p(truth) is log(1 + exp(-z)) of a positive row, and log(1 + exp(z)) of a negative one.
        let signed = if label { -z } else { z };
        sums[0] += signed.max(0.0) + (-signed.abs()).exp().ln_1p();
        sums[1] += (p - f64::from(u8::from(label))).powi(2);
        sums[2] += f64::from(u8::from(is_alarm && !label));
        sums[3] += f64::from(u8::from(!is_alarm && label));
    }
    sums.map(rounded_sum)
}

/// Returns the newest window with rows after `after`, up to `known`.
fn newest_with_rows(windows: &Windows, after: u32, known: u32, has_rows: impl Fn(&WindowRows) -> bool) -> Option<u32> {
    if after >= known {
        return None;
    }
    windows.range(after + 1..=known).rev().find(|(_, rows)| has_rows(rows)).map(|(number, _)| *number)
}

/// The sums of recalibrated models.
type Sums = HashMap<RecalibratedModel, Option<[f64; 4]>>;

/// Models that are fitted once and then recalibrated. Each sum is computed once.
pub(crate) struct Recalibrations<'a> {
    windows: &'a Windows,
    models: &'a Models,
    threshold: f64,
    known: Mutex<Sums>,
}

impl<'a> Recalibrations<'a> {
    pub(crate) fn new(windows: &'a Windows, models: &'a Models, threshold: f64) -> Self {
        Self { windows, models, threshold, known: Mutex::default() }
    }

    /// Returns the sums of a model on the window that it predicts. Returns `None` if it was not scored there.
    pub(crate) fn sums(&self, model: RecalibratedModel) -> Option<[f64; 4]> {
        let stored = self.known().get(&model).copied();
        stored.unwrap_or_else(|| {
            let sums = self.computed(model);
            self.known().insert(model, sums);
            sums
        })
    }

    fn known(&self) -> MutexGuard<'_, Sums> {
        // Each entry is inserted at once, so a panic of another thread leaves no half of it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn computed(&self, model: RecalibratedModel) -> Option<[f64; 4]> {
        let RecalibratedModel { history, model, on, window } = model;
        let is_model = |id: &ModelId| id.scheme == history && id.window.get() == model;
        let fit = u32::try_from(self.models.ids.iter().position(|ids| ids.iter().any(is_model))?).ok()?;
        let has_rows = |rows: &WindowRows| !rows.of_fit(fit).is_empty();
        let rows = self.windows.get(&window).filter(|rows| has_rows(rows))?.of_fit(fit);
        // The model may not have been scored on the window itself.
        let earlier = on.and_then(|on| newest_with_rows(self.windows, model, on, has_rows));
        let earlier = earlier.map_or(&[][..], |earlier| self.windows[&earlier].of_fit(fit));
        Some(recalibrated(earlier, rows, self.threshold))
    }
}

/// Returns the sums of the models that served, each window recalibrated on the newest one with known labels.
pub(crate) fn of_log(windows: &Windows, by_key: bool, delay: u32, threshold: f64) -> BTreeMap<u32, [f64; 4]> {
    let has_rows = |rows: &WindowRows| !rows.rows.is_empty();
    let with_rows = windows.iter().filter(|(_, rows)| has_rows(rows));
    let sums = with_rows.map(|(number, rows)| {
        let earlier = newest_with_rows(windows, 0, number.saturating_sub(1 + delay), has_rows);
        let earlier = earlier.map_or_else(Vec::new, |earlier| windows[&earlier].rows.clone());
        (*number, recalibrated(&earlier, &in_order(rows, by_key), threshold))
    });
    sums.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recalibration_undoes_a_shift_of_the_log_odds() {
        let shifted = |row: u32| {
            // A share of 0.25 positives, predicted as 0.75, and a share of 0.5, predicted as 0.9.
            let (p, label) = if row.is_multiple_of(2) { (0.75, row.is_multiple_of(8)) } else { (0.9, row % 4 == 1) };
            Row::new(0, label, p, row, row)
        };
        let rows: Vec<Row> = (0..800).map(shifted).collect();
        let plain = recalibrated(&[], &rows, 0.5);
        let better = recalibrated(&rows, &rows, 0.5);
        let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
        assert!((better[0] - 400.0 * (entropy(0.25) + entropy(0.5))).abs() < 1e-3, "{better:?}");
        assert!(better[0] < plain[0], "{better:?} {plain:?}");
        let expected: f64 = rows.iter().map(|row| if row.label() { -row.p.ln() } else { -(-row.p).ln_1p() }).sum();
        assert!((plain[0] - expected).abs() < 1e-5, "without an earlier window, the model stays as it is");
    }
}
