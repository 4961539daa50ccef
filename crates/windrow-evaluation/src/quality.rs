//! The quality of the predictions from window to window: the log-loss of the policy that is shown, of never refitting,
//! and of predicting the average rate. The AUC of the same policies is in `auc_by_window`.

use serde::{Deserialize, Serialize};

use crate::auc_by_window::models_by_window;
use crate::contrast::{Interval, quantile};
use crate::evidence::Evidence;
use crate::losses::BLOCKS;
use crate::policy::{Policy, Refit};
use crate::trial::{Series, Trial};
use windrow_record::ModelId;

/// The minimum number of blocks with rows for an interval.
const MIN_BLOCKS: usize = 4;
/// A window is thin if it has less than this share of the rows of the median window.
const THIN_SHARE: f64 = 0.5;

/// The quality of the predictions in each window judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityOverTime {
    /// The windows judged, in ascending order.
    pub windows: Vec<WindowSize>,
    /// The log-loss of the policy that is shown, and of fit once with the same history.
    pub policies: Vec<PolicyQuality>,
    /// The log-loss per row in each window of always predicting the share of positives so far.
    pub average_rate: Vec<f64>,
    /// The windows in which the policy that is shown uses a new fit, in the run that begins with the first window judged.
    pub refits: Vec<u32>,
}

/// The labelled rows of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowSize {
    /// The number of the window.
    pub window: u32,
    /// The number of labelled rows.
    pub rows: u64,
    /// The number of positive rows.
    pub positives: u64,
    /// `true` if the window has less than half of the rows of the median window.
    pub is_thin: bool,
}

/// The log-loss of a policy by window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyQuality {
    /// The policy that was applied.
    pub policy: Policy,
    /// The log-loss per row in each window, as a mean over the phases of the policy.
    pub log_loss: Vec<MeanLoss>,
}

/// The mean log-loss over the rows of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanLoss {
    /// The mean over the rows.
    pub mean: f64,
    /// The 95% interval of the mean, by the spread of the blocks of the window. `None` if it is not known.
    pub interval: Option<Interval>,
}

/// Returns the quality of a policy by window, next to that of fit once with the same history.
pub(crate) fn quality_over_time(trial: &Trial, evidence: &Evidence, subject: Policy) -> Option<QualityOverTime> {
    let own = trial.series_of(subject)?;
    let never = Policy { history: subject.history, refit: Refit::Never };
    let other = trial.series_of(never).filter(|other| !other.is_of(subject));
    let policies = [(subject, Some(own)), (never, other)].into_iter();
    let policies = policies
        .filter_map(|(policy, series)| Some(PolicyQuality { policy, log_loss: losses(trial, evidence, series?) }));
    let per_row = |(loss, rows): (&f64, &f64)| loss / rows;
    Some(QualityOverTime {
        windows: sizes(trial, evidence),
        policies: policies.collect(),
        average_rate: trial.share_loss.iter().zip(&trial.rows).map(per_row).collect(),
        refits: refits(trial, own, subject.refit),
    })
}

fn sizes(trial: &Trial, evidence: &Evidence) -> Vec<WindowSize> {
    let mut sorted = trial.rows.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let size = |(window, rows): (&u32, &f64)| WindowSize {
        window: *window,
        rows: *rows as u64,
        positives: evidence.positives(*window),
        is_thin: *rows < THIN_SHARE * median,
    };
    trial.windows.iter().zip(&trial.rows).map(size).collect()
}

fn losses(trial: &Trial, evidence: &Evidence, series: &Series) -> Vec<MeanLoss> {
    // The losses of a recalibrated model are not stored by block.
    let models = models_by_window(trial, evidence, series.policy)
        .filter(|_| series.policy.refit != Refit::Recalibrated)
        .unwrap_or_default();
    let all = trial.windows.iter().zip(series.log_loss.iter().zip(&trial.rows)).enumerate();
    let at = |(index, (window, (loss, rows))): (usize, (&u32, (&f64, &f64)))| {
        let mean = loss / rows;
        let half = models.get(index).and_then(|models| half_width(evidence, models, *window));
        MeanLoss { mean, interval: half.map(|half| Interval { low: mean - half, high: mean + half }) }
    };
    all.map(at).collect()
}

/// Returns half of the width of the 95% interval of the mean loss in a window, by Student's t over its blocks. Blocks
/// are runs of neighbouring rows, so that rows may be alike within a block.
fn half_width(evidence: &Evidence, models: &[ModelId], window: u32) -> Option<f64> {
    let rows = evidence.block_rows(window);
    let losses: Option<Vec<&[f64; BLOCKS]>> =
        models.iter().map(|model| Some(&evidence.losses(model.scheme, model.window.get(), window)?.log_loss)).collect();
    let losses = losses.filter(|losses| !losses.is_empty())?;
    let mean_of = |block: usize| {
        let sum: f64 = losses.iter().map(|losses| losses[block]).sum();
        sum / losses.len() as f64 / rows[block] as f64
    };
    let means: Vec<f64> = (0..BLOCKS).filter(|block| rows[*block] > 0).map(mean_of).collect();
    if means.len() < MIN_BLOCKS {
        return None;
    }
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let half = quantile(0.975, means.len() as u32 - 1) * (variance / count).sqrt();
    half.is_finite().then_some(half)
}

/// Returns the windows in which a policy uses a new fit. Of the phases of a schedule, it is the one whose fit is new in the
/// first window judged.
fn refits(trial: &Trial, series: &Series, refit: Refit) -> Vec<u32> {
    let first = trial.windows.first().copied().unwrap_or_default();
    match refit {
        Refit::Every(every) => {
            let is_new = |window: &u32| (window - first).is_multiple_of(every.max(1));
            trial.windows.iter().copied().filter(is_new).collect()
        }
        _ => {
            let run = series.runs.first().map(Vec::as_slice).unwrap_or_default();
            let pairs = run.windows(2).zip(trial.windows.iter().skip(1));
            pairs.filter(|(pair, _)| pair[0] != pair[1]).map(|(_, window)| *window).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{LOSSES_FORMAT, ModelLosses, WindowLosses};
    use windrow_record::{Scheme, WindowIndex};

    fn index(window: u32) -> WindowIndex {
        WindowIndex::new(window).expect("not 0")
    }

    /// Returns windows of 800 rows, of which the last has 80. The loss of a model is 0.5 per row, more or less by
    /// block.
    fn evidence(windows: u32, by_block: f64) -> Evidence {
        Evidence::new((1..=windows).map(|window| {
            let size = if window == windows { 10 } else { 100 };
            let models = (1..window).flat_map(|model| [(model, Scheme::Window), (model, Scheme::Cumulative)]);
            let losses = models.map(|(model, scheme)| ModelLosses {
                model: ModelId::new(index(model), scheme),
                log_loss: std::array::from_fn(|block| {
                    size as f64 * (0.5 + if block % 2 == 0 { by_block } else { -by_block })
                }),
                squared_error: [0.0; BLOCKS],
                false_alarms: [0; BLOCKS],
                misses: [0; BLOCKS],
            });
            WindowLosses {
                format: LOSSES_FORMAT,
                window: index(window),
                sha256: String::new(),
                unlabelled: 0,
                rows: [size; BLOCKS],
                positives: [size / 5; BLOCKS],
                models: losses.collect(),
            }
        }))
    }

    fn quality(windows: u32, by_block: f64, refit: Refit) -> QualityOverTime {
        let evidence = evidence(windows, by_block);
        let trial = Trial::new(&evidence, windows, &[Scheme::Window, Scheme::Cumulative], 0);
        quality_over_time(&trial, &evidence, Policy { history: Scheme::Window, refit }).expect("losses")
    }

    #[test]
    fn each_window_has_its_rows_its_losses_and_an_interval() {
        let found = quality(20, 0.1, Refit::Every(4));
        assert_eq!(found.windows.len(), 19);
        let WindowSize { window, rows, positives, is_thin } = found.windows[18];
        assert_eq!((window, rows, positives, is_thin), (20, 80, 16, true));
        assert!(!found.windows[0].is_thin);
        let names: Vec<String> = found.policies.iter().map(|one| one.policy.to_string()).collect();
        assert_eq!(names, ["last window, every 4th", "last window, never"]);
        let MeanLoss { mean, interval } = found.policies[0].log_loss[5];
        // Eight blocks, half of them 0.1 above the mean: the deviation is 0.1 * sqrt(8 / 7).
        let half = 2.364_624 * 0.1 * (8.0_f64 / 7.0).sqrt() / 8.0_f64.sqrt();
        let interval = interval.expect("blocks");
        assert!((mean - 0.5).abs() < 1e-12 && (interval.high - mean - half).abs() < 1e-6, "{interval:?}");
        // A fifth of the rows is positive, and half a row of each class is added.
        assert!((found.average_rate[9] - 0.5004).abs() < 1e-3, "{:?}", found.average_rate);
    }

    #[test]
    fn refits_are_those_of_one_run() {
        assert_eq!(quality(20, 0.1, Refit::Every(4)).refits, [2, 6, 10, 14, 18]);
        assert!(quality(20, 0.1, Refit::Never).refits.is_empty());
        assert_eq!(quality(20, 0.1, Refit::Never).policies.len(), 1);
    }
}
