//! Scores many models on the rows of one window in one pass.
//!
//! SIMD vectors run across models: the weights of all models for a cell are next to each other. So a cell is read and a
//! level looked up once for a whole group of models. Numbers are centred and scaled with the first model's mean and
//! deviation. The differences of the other models are folded into their weights. Each model holds a number within the
//! range of its own training rows.

mod group;
mod scored_model;

use std::io;
use std::ops::Range;

use rayon::prelude::*;

use crate::model::chunk::Chunk;
use crate::model::encoder::Encoding;
use crate::model::frame::Frame;
use crate::model::measures::Score;
use crate::model::objective::row_loss;
use crate::model::probability::probability;
use crate::model::score::score;
use crate::model::table::is_number;
use windrow_evaluation::{BLOCKS, LOSSES_FORMAT, ModelLosses, RowRanking, WindowLosses, block_rows, rounded_sum};
use windrow_record::WindowIndex;

use group::{LANES, ModelGroup, Slots, Sums, Tile};
pub use scored_model::ScoredModel;

/// The largest share of held rows with which a slope is fitted. A held number no longer shows how far it is outside, so
/// the log-odds of such rows say little about the slope.
const MAX_HELD_SHARE: f64 = 0.1;
/// The number of models whose rows are ranked at once. It bounds the log-odds held in memory.
const RANKED_MODELS: usize = 16;

/// Returns the losses of models on the labelled rows of a window, by block. Also writes the log-odds of all labelled
/// rows into `log_odds`, which has a list for each model, or none. The losses do not depend on it.
fn losses(frame: &Frame, models: &[ScoredModel<'_>], log_odds: &mut [Vec<f64>]) -> io::Result<Vec<ModelLosses>> {
    check(frame, models)?;
    let groups: Vec<_> = models.chunks(LANES).map(|models| (ModelGroup::new(frame, models), models)).collect();
    let mut log_odds = log_odds.chunks_mut(LANES);
    let tasks = groups.iter().flat_map(|(group, _)| {
        let blocks = blocks(0..frame.labelled(), log_odds.next().unwrap_or_default());
        blocks.into_iter().map(move |(rows, slots)| (group, rows, slots))
    });
    let tasks: Vec<_> = tasks.collect();
    let buffers = || (Chunk::default(), Tile::default());
    let sums = tasks.into_par_iter().map_init(buffers, |(buffer, tile), (group, rows, mut slots)| {
        let mut sums = Sums::default();
        for (kept, rows) in frame.table.pieces(rows) {
            let chunk = kept.read(buffer)?;
            group.add(chunk, rows, tile, &mut sums, &mut slots);
        }
        sums.add_pending_products();
        Ok(sums)
    });
    let sums: Vec<Sums> = sums.collect::<io::Result<_>>()?;
    let each = groups.iter().zip(sums.chunks(BLOCKS)).flat_map(|((_, models), blocks)| {
        models.iter().enumerate().map(move |(lane, model)| ModelLosses {
            model: model.id,
            log_loss: std::array::from_fn(|block| rounded_sum(blocks[block].loss[lane])),
            squared_error: std::array::from_fn(|block| rounded_sum(blocks[block].squares[lane])),
            false_alarms: std::array::from_fn(|block| blocks[block].false_alarms[lane] as u64),
            misses: std::array::from_fn(|block| blocks[block].misses[lane] as u64),
        })
    });
    Ok(each.collect())
}

/// Divides rows into blocks, each with the slots of its log-odds. `log_odds` has a list for each model, as long as the
/// rows, or none.
fn blocks<'a>(rows: Range<usize>, log_odds: &'a mut [Vec<f64>]) -> Vec<(Range<usize>, Slots<'a>)> {
    let mut rest: Vec<&'a mut [f64]> = log_odds.iter_mut().map(Vec::as_mut_slice).collect();
    let block = |block: usize| {
        let of_block = block_rows(rows.len(), block);
        let first = |rest: &mut &'a mut [f64]| {
            let (first, others) = std::mem::take(rest).split_at_mut(of_block.len());
            *rest = others;
            first
        };
        let slots = Slots::new(rest.iter_mut().map(first).collect());
        (rows.start + of_block.start..rows.start + of_block.end, slots)
    };
    (0..BLOCKS).map(block).collect()
}

/// Returns the labels of some labelled rows of a window. Row 0 is the first labelled one.
pub(super) fn truth(frame: &Frame, rows: Range<usize>) -> io::Result<Vec<bool>> {
    let mut truth = Vec::with_capacity(rows.len());
    let mut buffer = Chunk::default();
    for (kept, rows) in frame.table.pieces(rows) {
        truth.extend_from_slice(&kept.read(&mut buffer)?.labels[rows]);
    }
    Ok(truth)
}

/// Returns the losses of a window: its labelled and positive rows by block, and the losses of the models on them.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn window_losses(
    frame: &Frame,
    window: WindowIndex,
    sha256: &str,
    models: &[ScoredModel<'_>],
) -> io::Result<WindowLosses> {
    let models = losses(frame, models, &mut [])?;
    let truth = truth(frame, 0..frame.labelled())?;
    Ok(of_window(frame, window, sha256, &truth, models))
}

/// Returns the same as [`window_losses`] and [`scores`] of all labelled rows, from one pass over the rows for every 64
/// models.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn losses_and_scores(
    frame: &Frame,
    window: WindowIndex,
    sha256: &str,
    models: &[ScoredModel<'_>],
    shares: &[f64],
) -> io::Result<(WindowLosses, Vec<Option<Score>>)> {
    let truth = truth(frame, 0..frame.labelled())?;
    let (mut all_losses, mut all_scores) = (Vec::with_capacity(models.len()), Vec::with_capacity(models.len()));
    for (models, shares) in models.chunks(LANES).zip(shares.chunks(LANES)) {
        let mut log_odds = vec![vec![0.0; frame.labelled()]; models.len()];
        all_losses.extend(losses(frame, models, &mut log_odds)?);
        all_scores.extend(scored(&log_odds, &truth, models, shares));
    }
    Ok((of_window(frame, window, sha256, &truth, all_losses), all_scores))
}

/// Returns the losses of a window. `truth` is the labels of its labelled rows.
pub(super) fn of_window(
    frame: &Frame,
    window: WindowIndex,
    sha256: &str,
    truth: &[bool],
    models: Vec<ModelLosses>,
) -> WindowLosses {
    let positives = |block| truth[block_rows(truth.len(), block)].iter().filter(|truth| **truth).count() as u64;
    WindowLosses {
        format: LOSSES_FORMAT,
        window,
        sha256: sha256.to_owned(),
        unlabelled: (frame.rows() - frame.labelled()) as u64,
        rows: std::array::from_fn(|block| block_rows(frame.labelled(), block).len() as u64),
        positives: std::array::from_fn(positives),
        models,
    }
}

/// Scores models on the labelled rows of a window: all of them, or only the `last` ones. `shares` are the models'
/// shares of positives among the rows that they learned from. A score is `None` without rows. The log-odds of 64 models
/// are in memory at once.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn scores(
    frame: &Frame,
    models: &[ScoredModel<'_>],
    shares: &[f64],
    last: Option<usize>,
) -> io::Result<Vec<Option<Score>>> {
    let all = frame.labelled();
    let rows = last.map_or(0, |last| all.saturating_sub(last))..all;
    let mut found = Vec::with_capacity(models.len());
    for (models, shares) in models.chunks(LANES).zip(shares.chunks(LANES)) {
        let (truth, log_odds) = log_odds(frame, models, rows.clone())?;
        found.extend(scored(&log_odds, &truth, models, shares));
    }
    Ok(found)
}

/// Scores models by their log-odds.
fn scored(log_odds: &[Vec<f64>], truth: &[bool], models: &[ScoredModel<'_>], shares: &[f64]) -> Vec<Option<Score>> {
    let each = log_odds.par_iter().zip(models).zip(shares);
    each.map(|((log_odds, model), share)| score(log_odds, truth, model.threshold, *share)).collect()
}

/// Returns the AUC of models on the labelled rows of a window. It is `None` if the rows are of one class. As in a
/// [`Score`], rows are ranked by their log-odds.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn aucs(frame: &Frame, models: &[ScoredModel<'_>]) -> io::Result<Vec<Option<f64>>> {
    let mut aucs = Vec::with_capacity(models.len());
    for models in models.chunks(RANKED_MODELS) {
        let (truth, log_odds) = log_odds(frame, models, 0..frame.labelled())?;
        let auc =
            |log_odds: &Vec<f64>| RowRanking::new(log_odds.iter().copied().zip(truth.iter().copied()).collect()).auc();
        let found: Vec<Option<f64>> = log_odds.par_iter().map(auc).collect();
        aucs.extend(found);
    }
    Ok(aucs)
}

/// Checks that the models have the frame's features. A model file may have been made by another pipeline.
fn check(frame: &Frame, models: &[ScoredModel<'_>]) -> io::Result<()> {
    let fits = |model: &ScoredModel<'_>| {
        let features = frame.features.iter().zip(&model.encoder.features);
        let mut same = features.map(|(feature, encoded)| {
            let is_coded_number = matches!(encoded.encoding, Encoding::Number { .. });
            feature.column == encoded.column && is_number(feature) == is_coded_number
        });
        frame.features.len() == model.encoder.features.len()
            && model.weights.len() == model.encoder.width()
            && same.all(|same| same)
    };
    let Some(model) = models.iter().find(|model| !fits(model)) else { return Ok(()) };
    let reason = format!("{} was trained with other features: remove its folder, and train again", model.id);
    Err(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// Returns the labels of some labelled rows of a window, and the log-odds of each model. Row 0 is the first labelled one.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn log_odds(
    frame: &Frame,
    models: &[ScoredModel<'_>],
    rows: Range<usize>,
) -> io::Result<(Vec<bool>, Vec<Vec<f64>>)> {
    check(frame, models)?;
    let truth = truth(frame, rows.clone())?;
    let mut log_odds = vec![vec![0.0; rows.len()]; models.len()];
    let groups: Vec<ModelGroup> = models.chunks(LANES).map(|models| ModelGroup::new(frame, models)).collect();
    let tasks = groups.iter().zip(log_odds.chunks_mut(LANES)).flat_map(|(group, log_odds)| {
        blocks(rows.clone(), log_odds).into_iter().map(move |(rows, slots)| (group, rows, slots))
    });
    let tasks: Vec<_> = tasks.collect();
    let buffers = || (Chunk::default(), Tile::default());
    tasks.into_par_iter().try_for_each_init(buffers, |(buffer, tile), (group, rows, mut slots)| {
        for (kept, rows) in frame.table.pieces(rows) {
            group.log_odds(kept.read(buffer)?, rows, tile, &mut slots);
        }
        Ok::<(), io::Error>(())
    })?;
    Ok((truth, log_odds))
}

/// Returns the share of a window's labelled rows with a number that a model holds, by model.
fn held_shares(frame: &Frame, models: &[ScoredModel<'_>]) -> io::Result<Vec<f64>> {
    check(frame, models)?;
    let rows = frame.labelled();
    let groups = models.par_chunks(LANES).map_init(Chunk::default, |buffer, models| {
        let group = ModelGroup::new(frame, models);
        let mut counts = vec![0_u64; models.len()];
        for (kept, rows) in frame.table.pieces(0..rows) {
            group.count_held(kept.read(buffer)?, rows, &mut counts);
        }
        Ok(counts)
    });
    let groups: Vec<Vec<u64>> = groups.collect::<io::Result<_>>()?;
    Ok(groups.into_iter().flatten().map(|count| count as f64 / rows.max(1) as f64).collect())
}

/// Fits an intercept a and a slope b to the log-odds z of some rows, so that a + b z has the lowest log-loss. The
/// method is Newton's, with step halving. If numbers were held in more than a tenth of the rows, which is `held_share`,
/// the slope stays 1.
///
/// Returns `None` if the rows are of one class, if z does not vary, or if no finite optimum is found.
pub fn recalibrate(log_odds: &[f64], truth: &[bool], held_share: f64) -> Option<(f64, f64)> {
    let positives = truth.iter().filter(|truth| **truth).count();
    if positives == 0 || positives == truth.len() {
        return None;
    }
    let loss = |a: f64, b: f64| log_odds.iter().zip(truth).map(|(z, truth)| row_loss(a + b * z, *truth)).sum::<f64>();
    let (mut a, mut b) = (0.0, 1.0);
    let mut here = loss(a, b);
    for _ in 0..50 {
        let (mut slopes, mut curves) = ([0.0; 2], [0.0; 3]);
        for (z, truth) in log_odds.iter().zip(truth) {
            let p = probability(a + b * z);
            let (slope, curve) = (p - f64::from(*truth), p * (1.0 - p));
            slopes = [slopes[0] + slope, slopes[1] + slope * z];
            curves = [curves[0] + curve, curves[1] + curve * z, curves[2] + curve * z * z];
        }
        let (step_a, step_b) =
            if held_share > MAX_HELD_SHARE { intercept_step(slopes, curves)? } else { newton_step(slopes, curves)? };
        let decrement = (slopes[0] * step_a + slopes[1] * step_b) / truth.len() as f64;
        if decrement <= 1e-14 {
            // Rows that z separates perfectly have no finite slope.
            return (here > 1e-6 * truth.len() as f64).then_some((a, b));
        }
        let mut length = 1.0;
        let better = std::iter::repeat_with(|| {
            let tried = (a - length * step_a, b - length * step_b);
            length /= 2.0;
            (tried, loss(tried.0, tried.1))
        });
        let ((next_a, next_b), next) = better.take(40).find(|(_, loss)| *loss < here)?;
        (a, b, here) = (next_a, next_b, next);
    }
    None
}

/// Returns the step of the intercept and the slope; `None` if the loss is not curved in every direction.
fn newton_step(slopes: [f64; 2], curves: [f64; 3]) -> Option<(f64, f64)> {
    let determinant = curves[0] * curves[2] - curves[1] * curves[1];
    // NaN fails this test as well.
    let is_curved = determinant > 1e-12 * curves[0] * curves[2];
    let step_a = (curves[2] * slopes[0] - curves[1] * slopes[1]) / determinant;
    let step_b = (curves[0] * slopes[1] - curves[1] * slopes[0]) / determinant;
    is_curved.then_some((step_a, step_b))
}

/// Returns the step of the intercept if the slope stays as it is; `None` if the loss is not curved.
fn intercept_step(slopes: [f64; 2], curves: [f64; 3]) -> Option<(f64, f64)> {
    // NaN fails this test as well.
    let is_curved = curves[0] > 0.0;
    is_curved.then_some((slopes[0] / curves[0], 0.0))
}

/// The intercept and the slope of log-odds, with the share of the rows that gave them in which the model held a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calibration {
    pub(super) intercept: f64,
    pub(super) slope: f64,
    pub(super) held_share: f64,
}

impl Calibration {
    /// The log-odds of the fit.
    const NONE: Self = Self { intercept: 0.0, slope: 1.0, held_share: 0.0 };
}

/// Recalibrates each model on the labelled rows of a window. A model for which they have no finite optimum stays as it
/// is.
pub(super) fn calibrations(frame: &Frame, models: &[ScoredModel<'_>]) -> io::Result<Vec<Calibration>> {
    let (truth, log_odds) = log_odds(frame, models, 0..frame.labelled())?;
    let found = held_shares(frame, models)?.into_par_iter().zip(&log_odds).map(|(held_share, log_odds)| {
        let Calibration { intercept, slope, .. } = Calibration::NONE;
        let (intercept, slope) = recalibrate(log_odds, &truth, held_share).unwrap_or((intercept, slope));
        Calibration { intercept, slope, held_share }
    });
    Ok(found.collect())
}

/// Recalibrates models on an earlier window, if there is one, instead of refitting them. Returns each model's sums on
/// the window of `frame`: log-loss, squared error, false alarms and misses.
///
/// # Errors
/// The rows cannot be read again, or a model was made for other features.
pub fn recalibrated(earlier: Option<&Frame>, frame: &Frame, models: &[ScoredModel<'_>]) -> io::Result<Vec<[f64; 4]>> {
    let none = || Ok(vec![Calibration::NONE; models.len()]);
    let calibrations = earlier.map_or_else(none, |earlier| calibrations(earlier, models))?;
    let (truth, log_odds) = log_odds(frame, models, 0..frame.labelled())?;
    let sums = calibrations.par_iter().zip(&log_odds).zip(models);
    let sums = sums.map(|((Calibration { intercept: a, slope: b, .. }, log_odds), model)| {
        let rows = log_odds.iter().map(|z| a + b * z).map(|z| (z, probability(z)));
        loss_sums(rows, &truth, model.threshold)
    });
    Ok(sums.collect())
}

/// Returns the sums of rows with these log-odds and probabilities: log-loss, squared error, false alarms and misses.
pub(super) fn loss_sums(rows: impl Iterator<Item = (f64, f64)>, truth: &[bool], threshold: f64) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for ((z, p), truth) in rows.zip(truth) {
        let is_alarm = p >= threshold;
        sums[0] += row_loss(z, *truth);
        sums[1] += (p - f64::from(*truth)).powi(2);
        sums[2] += f64::from(is_alarm && !truth);
        sums[3] += f64::from(!is_alarm && *truth);
    }
    sums.map(rounded_sum)
}

#[cfg(test)]
mod tests;
