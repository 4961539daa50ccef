//! A group of models that are scored together, one per lane.

use std::collections::HashMap;
use std::ops::Range;

use pulp::Arch;

use crate::model::chunk::Chunk;
use crate::model::encoder::{EncodedFeature, Encoding, Level, NumberRange};
use crate::model::frame::Frame;
use crate::model::kernel::{MAX_CELL, exp};
use crate::model::scorer::scored_model::ScoredModel;
use crate::model::table::is_number;

/// The most models of a group: eight vectors of the widest kind, so that the weights of one cell take a few cache
/// lines.
pub(super) const LANES: usize = 64;
/// The number of rows whose log-odds are held at once: 16 KiB, half of a first-level cache.
const ROWS: usize = 32;
/// The most factors of a product. Each is between 1 and 2, so the product stays below the largest `f64`.
const MAX_FACTORS: usize = 960;

type Line = [f64; LANES];

pub(super) struct ModelGroup {
    /// The number of lanes in use, in whole vectors of eight.
    lanes: usize,
    base: Line,
    numbers: Vec<Number>,
    texts: Vec<Texts>,
    /// The log-odds from which the answer is 'positive'.
    from: Line,
}

struct Number {
    centre: f64,
    inverse: f64,
    weights: Line,
    /// The part of a missing cell in the log-odds.
    missing: Line,
    /// The smallest and the largest cell of each model's training rows, centred and scaled as the cells.
    low: Line,
    high: Line,
    /// The range of the cells that no model holds.
    common: NumberRange,
}

impl Number {
    /// Returns a cell, centred and scaled.
    #[inline(always)]
    fn scaled(&self, cell: f64) -> f64 {
        ((cell - self.centre) * self.inverse).clamp(-MAX_CELL, MAX_CELL)
    }
}

struct Texts {
    /// The index of the line of weights for each code. Values that no model knows share one line.
    line_of: Vec<u32>,
    lines: Vec<Line>,
}

/// The log-odds of a few rows, one model per lane.
pub(super) struct Tile(Box<[Line; ROWS]>);

impl Default for Tile {
    fn default() -> Self {
        Self(Box::new([[0.0; LANES]; ROWS]))
    }
}

/// The places for the log-odds of consecutive rows: one slice for each model of a group, or none if only sums are
/// needed.
pub(super) struct Slots<'a> {
    of_models: Vec<&'a mut [f64]>,
    /// The number of rows that have been written.
    filled: usize,
}

impl<'a> Slots<'a> {
    /// Creates the places from a slice for each model. All have the length of the rows that follow.
    pub(super) fn new(of_models: Vec<&'a mut [f64]>) -> Self {
        Self { of_models, filled: 0 }
    }

    /// Writes the next rows.
    fn push(&mut self, rows: &[Line]) {
        for (lane, slots) in self.of_models.iter_mut().enumerate() {
            for (slot, row) in slots[self.filled..].iter_mut().zip(rows) {
                *slot = row[lane];
            }
        }
        self.filled += rows.len();
    }
}

/// The sums over rows, one model per lane.
pub(super) struct Sums {
    pub(super) loss: Box<Line>,
    /// The product of the factors whose logarithms are not yet added to the loss.
    product: Box<Line>,
    factors: usize,
    pub(super) squares: Box<Line>,
    pub(super) false_alarms: Box<Line>,
    pub(super) misses: Box<Line>,
}

impl Default for Sums {
    fn default() -> Self {
        let zeros = || Box::new([0.0; LANES]);
        let (loss, squares, false_alarms, misses) = (zeros(), zeros(), zeros(), zeros());
        Self { loss, product: Box::new([1.0; LANES]), factors: 0, squares, false_alarms, misses }
    }
}

impl Sums {
    /// Adds the logarithms of the products to the losses.
    pub(super) fn add_pending_products(&mut self) {
        for (loss, product) in self.loss.iter_mut().zip(self.product.iter_mut()) {
            *loss += product.ln();
            *product = 1.0;
        }
        self.factors = 0;
    }
}

impl ModelGroup {
    /// Creates a group of at most [`LANES`] models whose encoders have the frame's features.
    pub(super) fn new(frame: &Frame, models: &[ScoredModel<'_>]) -> Self {
        let (lanes, from) = (models.len().next_multiple_of(8).min(LANES), [f64::INFINITY; LANES]);
        let mut group = Self { lanes, base: [0.0; LANES], numbers: Vec::new(), texts: Vec::new(), from };
        for (lane, model) in models.iter().enumerate() {
            group.base[lane] = model.intercept;
            group.from[lane] = (model.threshold / (1.0 - model.threshold)).ln();
        }
        let mut dictionaries = frame.table.dictionaries.iter();
        let mut features: Vec<_> = models.iter().map(|model| model.encoder.weighted(&model.weights)).collect();
        for feature in &frame.features {
            let parts: Vec<(&EncodedFeature, &[f64])> = features.iter_mut().filter_map(Iterator::next).collect();
            if is_number(feature) {
                group.number(&parts);
            } else if let Some(dictionary) = dictionaries.next() {
                group.texts.push(texts(&parts, dictionary));
            }
        }
        group
    }

    fn number(&mut self, parts: &[(&EncodedFeature, &[f64])]) {
        let (mut centre, mut scale) = (0.0, 1.0);
        if let Encoding::Number { mean, deviation, .. } = parts[0].0.encoding {
            (centre, scale) = (mean, deviation);
        }
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut number = Number {
            centre,
            inverse: 1.0 / scale,
            weights: [0.0; LANES],
            missing: [0.0; LANES],
            low: [low; LANES],
            high: [high; LANES],
            common: NumberRange { low, high },
        };
        for (lane, (feature, weights)) in parts.iter().enumerate() {
            if let Encoding::Number { mean, deviation, missing, .. } = feature.encoding {
                let weight = weights[0] / deviation;
                number.weights[lane] = weight * scale;
                self.base[lane] += weight * (centre - mean);
                // The base already contains `weight * (centre - mean)`, which a missing cell must not add.
                number.missing[lane] = weight * (missing - centre);
            }
            if let Some(range) = feature.encoding.range() {
                let (low, high) = (number.scaled(range.low), number.scaled(range.high));
                (number.low[lane], number.high[lane]) = (low, high);
                number.common = NumberRange { low: number.common.low.max(low), high: number.common.high.min(high) };
            }
        }
        self.numbers.push(number);
    }

    /// Adds the losses of some rows of a chunk. Also writes the log-odds that they are computed from, if there are slots.
    pub(super) fn add(
        &self,
        chunk: &Chunk,
        rows: Range<usize>,
        tile: &mut Tile,
        sums: &mut Sums,
        slots: &mut Slots<'_>,
    ) {
        for (begin, count) in tiles(rows) {
            let labels = &chunk.labels[begin..begin + count];
            if sums.factors + count > MAX_FACTORS {
                sums.add_pending_products();
            }
            sums.factors += count;
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    self.fill(chunk, begin, count, tile);
                    for (line, label) in tile.0.iter().zip(labels) {
                        add_row(line, *label, self.lanes, &self.from, sums);
                    }
                },
            );
            slots.push(&tile.0[..count]);
        }
    }

    /// Writes the log-odds of some rows of a chunk.
    pub(super) fn log_odds(&self, chunk: &Chunk, rows: Range<usize>, tile: &mut Tile, slots: &mut Slots<'_>) {
        for (begin, count) in tiles(rows) {
            Arch::new().dispatch(
                #[inline(always)]
                || self.fill(chunk, begin, count, tile),
            );
            slots.push(&tile.0[..count]);
        }
    }

    /// Adds the rows of a chunk with a number that a model holds to the count of the model.
    pub(super) fn count_held(&self, chunk: &Chunk, rows: Range<usize>, counts: &mut [u64]) {
        let numbers = self.numbers.len();
        for row in rows {
            let mut is_held = [false; LANES];
            for (cell, number) in chunk.numbers[row * numbers..][..numbers].iter().zip(&self.numbers) {
                // A missing cell is NaN, which is not outside.
                let x = number.scaled(*cell);
                if number.common.is_outside(x) {
                    for ((is_held, low), high) in is_held.iter_mut().zip(&number.low).zip(&number.high) {
                        *is_held |= NumberRange { low: *low, high: *high }.is_outside(x);
                    }
                }
            }
            for (count, is_held) in counts.iter_mut().zip(is_held) {
                *count += u64::from(is_held);
            }
        }
    }

    #[inline(always)]
    fn fill(&self, chunk: &Chunk, begin: usize, count: usize, tile: &mut Tile) {
        let (numbers, texts, lanes) = (self.numbers.len(), self.texts.len(), self.lanes);
        for (row, z) in tile.0[..count].iter_mut().enumerate() {
            let row = begin + row;
            let z = &mut z[..lanes];
            z.copy_from_slice(&self.base[..lanes]);
            for (cell, number) in chunk.numbers[row * numbers..][..numbers].iter().zip(&self.numbers) {
                if cell.is_nan() {
                    add(z, &number.missing[..lanes], 1.0);
                } else {
                    let x = number.scaled(*cell);
                    if number.common.is_outside(x) {
                        add_held(z, &number.weights[..lanes], &number.low[..lanes], &number.high[..lanes], x);
                    } else {
                        add(z, &number.weights[..lanes], x);
                    }
                }
            }
            for (code, text) in chunk.codes[row * texts..][..texts].iter().zip(&self.texts) {
                add(z, &text.lines[text.line_of[*code as usize] as usize][..lanes], 1.0);
            }
        }
    }
}

fn tiles(rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let end = rows.end;
    rows.step_by(ROWS).map(move |begin| (begin, ROWS.min(end - begin)))
}

#[inline(always)]
fn add(z: &mut [f64], weights: &[f64], times: f64) {
    for (z, weight) in z.iter_mut().zip(weights) {
        *z += weight * times;
    }
}

/// Adds a number that is outside the range of a model. Each model holds it within its own range.
#[inline(always)]
fn add_held(z: &mut [f64], weights: &[f64], low: &[f64], high: &[f64], x: f64) {
    for (((z, weight), low), high) in z.iter_mut().zip(weights).zip(low).zip(high) {
        *z += weight * NumberRange { low: *low, high: *high }.hold(x);
    }
}

/// Adds the losses of one row. With e = exp(-|margin|) nothing overflows. 1 + e becomes a factor of the product,
/// whose logarithm is added later.
#[inline(always)]
fn add_row(z: &Line, label: bool, lanes: usize, from: &Line, sums: &mut Sums) {
    let sign = if label { 1.0 } else { -1.0 };
    let (is_positive, is_negative) = (f64::from(label), f64::from(!label));
    let lines = z[..lanes].iter().zip(&from[..lanes]).zip(&mut sums.loss[..lanes]).zip(&mut sums.product[..lanes]);
    let lines = lines.zip(&mut sums.squares[..lanes]);
    let lines = lines.zip(&mut sums.false_alarms[..lanes]).zip(&mut sums.misses[..lanes]);
    for ((((((z, from), loss), product), squares), false_alarms), misses) in lines {
        let margin = z * sign;
        let tail = exp(-margin.abs());
        let inverse = 1.0 / (1.0 + tail);
        let error = if margin >= 0.0 { tail * inverse } else { inverse };
        *product *= 1.0 + tail;
        *loss += if margin >= 0.0 { 0.0 } else { -margin };
        *squares += error * error;
        let is_alarm = if z >= from { 1.0 } else { 0.0 };
        *false_alarms += is_alarm * is_negative;
        *misses += (1.0 - is_alarm) * is_positive;
    }
}

/// Returns the weights of one feature by the codes of a window.
fn texts(parts: &[(&EncodedFeature, &[f64])], dictionary: &[String]) -> Texts {
    let (mut other, mut missing) = ([0.0; LANES], [0.0; LANES]);
    let mut known: HashMap<&str, Line> = HashMap::new();
    let levels = |lane: usize| {
        let (feature, weights) = parts[lane];
        feature.encoding.levels().unwrap_or_default().iter().zip(weights)
    };
    for lane in 0..parts.len() {
        let of = |wanted: Level| levels(lane).find(|(level, _)| **level == wanted).map(|(_, weight)| *weight);
        other[lane] = of(Level::Other).unwrap_or_default();
        missing[lane] = of(Level::Missing).unwrap_or(other[lane]);
    }
    for lane in 0..parts.len() {
        for (text, weight) in levels(lane).filter_map(|(level, weight)| Some((level.value()?, weight))) {
            known.entry(text).or_insert(other)[lane] = *weight;
        }
    }
    let mut lines = vec![missing, other];
    let mut line_of = vec![0];
    for text in dictionary {
        match known.get(text.as_str()) {
            Some(line) => {
                line_of.push(u32::try_from(lines.len()).unwrap_or(1));
                lines.push(*line);
            }
            None => line_of.push(1),
        }
    }
    Texts { line_of, lines }
}
