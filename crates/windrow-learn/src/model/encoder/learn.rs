//! Learns an encoder from the rows of windows that a fit learns from, and from no other rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::encoder::{EncodedFeature, Encoder, Encoding, Level};
use crate::model::error::Unlearnable;
use crate::model::frame::Frame;
use crate::model::table::{Subset, is_number};
use windrow_config::{Feature, FeatureKind};

/// The largest range of a constant column, as a share of its largest absolute value. Such a range is only rounding.
const CONSTANT_RANGE: f64 = 1e-12;
/// The largest range of a constant column. The inverse of a smaller deviation may not be finite.
const MIN_RANGE: f64 = 1e-280;

impl Encoder {
    /// Learns from the summaries of frames that all have these features. It uses the rows `newest` of the last frame,
    /// which is the newest, and all rows of the others.
    pub(in crate::model) fn learn(
        features: &[Feature],
        frames: &[Arc<Frame>],
        newest: Subset,
        min_count: u64,
    ) -> Result<Self, Unlearnable> {
        let frames = parts(frames, newest);
        let (mut number_index, mut code_index) = (0, 0);
        let mut encoded = Vec::with_capacity(features.len());
        for feature in features {
            let encoding = if is_number(feature) {
                let number = number(&frames, number_index, feature.kind == FeatureKind::Log);
                number_index += 1;
                number.ok_or_else(|| Unlearnable::TooFarApart(feature.column.clone()))?
            } else {
                let mut levels = texts(&frames, code_index, min_count);
                code_index += 1;
                match &feature.kind {
                    FeatureKind::Calendar(part, format) => {
                        levels.sort_by_key(calendar_order);
                        Encoding::Calendar { part: *part, format: format.clone(), levels }
                    }
                    _ => Encoding::Category { levels },
                }
            };
            encoded.push(EncodedFeature { column: feature.column.clone(), encoding });
        }
        Ok(Self { features: encoded })
    }
}

/// Returns each frame with the subset of its rows to use.
pub(in crate::model) fn parts(frames: &[Arc<Frame>], newest: Subset) -> Vec<(&Arc<Frame>, Subset)> {
    let last = frames.len().saturating_sub(1);
    let of = |index: usize| if index == last { newest } else { Subset::Whole };
    frames.iter().enumerate().map(|(index, frame)| (frame, of(index))).collect()
}

/// Returns the encoding of a number, or `None` if the range of the numbers is beyond `f64`.
fn number(frames: &[(&Arc<Frame>, Subset)], index: usize, log: bool) -> Option<Encoding> {
    let summaries = frames.iter().map(|(frame, rows)| &frame.summary(*rows).numbers[index]);
    let missing: u64 = summaries.clone().map(|summary| summary.missing).sum();
    let summaries: Vec<_> = summaries.filter(|summary| summary.present > 0).collect();
    let Some((min, max)) = number_range(frames, index) else {
        return Some(Encoding::Number { log, missing: 0.0, mean: 0.0, deviation: 1.0, min: 0.0, max: 0.0 });
    };
    let range = max - min;
    if !range.is_finite() {
        return None;
    }
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for summary in &summaries {
        // Chan, Golub and LeVeque (1979): the means and squares of two sets give those of both together.
        let more = summary.present as f64;
        let (of_more, squares_of_more) = if range > 0.0 { summary.within(min, range) } else { (0.0, 0.0) };
        let apart: f64 = of_more - mean;
        let all = count + more;
        mean += apart * more / all;
        squares += squares_of_more + apart * apart * count * more / all;
        count = all;
    }
    let mean = min + range * mean;
    let is_constant = range <= (CONSTANT_RANGE * min.abs().max(max.abs())).max(MIN_RANGE);
    // Missing cells count as the mean, so they add nothing to the squares.
    let deviation = if is_constant { 1.0 } else { range * (squares / (count + missing as f64)).sqrt() };
    let (min, max) = cell_range((min, max), log);
    Some(Encoding::Number { log, missing: mean, mean, deviation, min, max })
}

/// Returns the smallest and the largest number of some rows, on the scale of x; `None` if all are missing.
pub(in crate::model) fn number_range(frames: &[(&Arc<Frame>, Subset)], index: usize) -> Option<(f64, f64)> {
    let summaries = frames.iter().map(|(frame, rows)| &frame.summary(*rows).numbers[index]);
    let present = summaries.filter(|summary| summary.present > 0);
    present.map(|summary| (summary.min, summary.max)).reduce(|(min, max), (low, high)| (min.min(low), max.max(high)))
}

/// Returns the same range before the logarithm, if `log` is set.
pub(in crate::model) fn cell_range((min, max): (f64, f64), log: bool) -> (f64, f64) {
    if log { (lowest_cell(min), highest_cell(max)) } else { (min, max) }
}

/// Returns the cell of which `x` is log(1 + cell). If `x` is between two cells, it is the lower one, so that a training
/// row is never below its own range.
fn lowest_cell(x: f64) -> f64 {
    let mut cell = inverse_log(x);
    while cell.ln_1p() > x {
        cell = cell.next_down();
    }
    cell
}

/// The same as [`lowest_cell`], with the higher one of two cells.
fn highest_cell(x: f64) -> f64 {
    let mut cell = inverse_log(x);
    while cell.ln_1p() < x {
        cell = cell.next_up();
    }
    cell
}

/// Returns the cell of which `x` is log(1 + cell), up to the last digits. A cell of at most twelve significant digits
/// is exact: a fare of 52.5 does not come back as 52.49999999999999.
fn inverse_log(x: f64) -> f64 {
    let cell = x.exp_m1();
    let rounded = format!("{cell:.11e}").parse().unwrap_or(cell);
    if rounded.ln_1p() == x { rounded } else { cell }
}

/// Returns the levels of a feature that is not a number: the values that were seen often enough, sorted, and then the
/// levels of missing and other cells.
pub(in crate::model) fn texts(frames: &[(&Arc<Frame>, Subset)], index: usize, min_count: u64) -> Vec<Level> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut missing = 0_u64;
    for (frame, rows) in frames {
        // The first count is for missing cells.
        let Some((without, by_code)) = frame.summary(*rows).codes[index].split_first() else { continue };
        missing += without;
        for (value, count) in frame.table.dictionaries[index].iter().zip(by_code) {
            *counts.entry(value).or_default() += count;
        }
    }
    // Even if every value counts, a value that is not in the training rows has nothing to learn from.
    let enough = min_count.max(1);
    let seen = counts.into_iter().filter(|(_, count)| *count >= enough);
    let mut levels: Vec<Level> = seen.map(|(text, _)| Level::Value(text.to_owned())).collect();
    levels.extend((missing >= enough).then_some(Level::Missing));
    levels.push(Level::Other);
    levels
}

fn calendar_order(level: &Level) -> u32 {
    match level {
        Level::Value(text) => text.parse().unwrap_or(u32::MAX - 2),
        Level::Missing => u32::MAX - 1,
        Level::Other => u32::MAX,
    }
}

#[cfg(test)]
mod tests;
