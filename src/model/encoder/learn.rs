//! Learning an encoder from the training rows, and from nothing else.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::config::{Feature, FeatureKind};
use crate::model::encoder::{EncodedFeature, Encoder, Encoding, Level};
use crate::model::frame::{Column, MISSING, Rows};

/// A column whose range is at most this share of its largest absolute value is constant: what is left is rounding.
const CONSTANT: f64 = 1e-12;

impl Encoder {
    /// Learns from rows whose frames all have these features.
    ///
    /// # Errors
    /// The name of a column whose numbers lie too far apart to be standardised.
    pub(in crate::model) fn learn(features: &[Feature], rows: &[Rows<'_>], min_count: u64) -> Result<Self, String> {
        let learned = features.par_iter().enumerate().map(|(index, feature)| {
            let encoding = match &feature.kind {
                FeatureKind::Numeric => number(rows, index, false),
                FeatureKind::Log => number(rows, index, true),
                FeatureKind::Categorical => Some(Encoding::Category { levels: texts(rows, index, min_count) }),
                FeatureKind::Calendar(part, format) => {
                    let mut levels = texts(rows, index, min_count);
                    levels.sort_by_key(calendar_order);
                    Some(Encoding::Calendar { part: *part, format: format.clone(), levels })
                }
            };
            let encoding = encoding.ok_or_else(|| feature.column.clone())?;
            Ok(EncodedFeature { column: feature.column.clone(), encoding })
        });
        Ok(Self { features: learned.collect::<Result<_, String>>()? })
    }
}

/// `None` when the range of the numbers is beyond `f64`.
fn number(rows: &[Rows<'_>], feature: usize, log: bool) -> Option<Encoding> {
    let mut present: Vec<f64> = Vec::new();
    for rows in rows {
        if let Column::Numbers(numbers) = rows.frame.column(feature) {
            present.extend(numbers[rows.range.clone()].iter().filter(|number| !number.is_nan()));
        }
    }
    let all: usize = rows.iter().map(Rows::len).sum();
    if present.is_empty() {
        return Some(Encoding::Number { log, median: 0.0, mean: 0.0, deviation: 1.0, min: 0.0, max: 0.0 });
    }
    let missing = (all - present.len()) as f64;
    let all = all as f64;
    let median = median(&mut present);
    let min = present.iter().copied().fold(f64::INFINITY, f64::min);
    let max = present.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = max - min;
    if !range.is_finite() {
        return None;
    }
    let (mean, deviation) = if range <= CONSTANT * min.abs().max(max.abs()) {
        (median, 1.0)
    } else {
        // Counted from the smallest in units of the range, so that neither large numbers nor large offsets hurt.
        let place = |number: f64| (number - min) / range;
        let mean = (present.iter().map(|number| place(*number)).sum::<f64>() + missing * place(median)) / all;
        let square = |number: f64| (place(number) - mean).powi(2);
        let squares = present.iter().map(|number| square(*number)).sum::<f64>() + missing * square(median);
        (min + range * mean, range * (squares / all).sqrt())
    };
    let cell = |x: f64| if log { unlog(x) } else { x };
    Some(Encoding::Number { log, median, mean, deviation, min: cell(min), max: cell(max) })
}

/// The exact median; the mean of the middle two for an even count.
fn median(numbers: &mut [f64]) -> f64 {
    let middle = numbers.len() / 2;
    let even = numbers.len().is_multiple_of(2);
    let (below, upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp);
    lower.filter(|_| even).map_or(*upper, |lower| lower.midpoint(*upper))
}

/// The cell of which `x` is log(1 + cell). Twelve significant digits survive the way there and back, so a fare of 52.5
/// does not come back as 52.49999999999999.
fn unlog(x: f64) -> f64 {
    let cell = x.exp_m1();
    format!("{cell:.11e}").parse().unwrap_or(cell)
}

fn texts(rows: &[Rows<'_>], feature: usize, min_count: u64) -> Vec<Level> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut missing = 0_u64;
    for rows in rows {
        let Column::Codes { codes, values } = rows.frame.column(feature) else { continue };
        let mut by_code = vec![0_u64; values.len()];
        for code in &codes[rows.range.clone()] {
            match by_code.get_mut(*code as usize) {
                Some(count) => *count += 1,
                None => missing += 1,
            }
        }
        for (value, count) in values.iter().zip(by_code) {
            *counts.entry(value).or_default() += count;
        }
    }
    // Even where every value counts, one that the training rows do not have has nothing to learn from.
    let enough = min_count.max(1);
    let seen = counts.into_iter().filter(|(_, count)| *count >= enough);
    let mut levels: Vec<Level> = seen.map(|(text, _)| Level::Value(text.to_owned())).collect();
    levels.extend((missing >= enough).then_some(Level::Missing));
    levels.push(Level::Other);
    levels
}

fn calendar_order(level: &Level) -> u32 {
    match level {
        Level::Value(text) => text.parse().unwrap_or(MISSING - 2),
        Level::Missing => MISSING - 1,
        Level::Other => MISSING,
    }
}

#[cfg(test)]
mod tests;
