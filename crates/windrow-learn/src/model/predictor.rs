//! Predictions of single rows by a fitted model.

use std::collections::HashMap;
use std::hash::Hash;
use std::str::FromStr;

use crate::model::encoder::{Encoding, Level, NumberRange, calendar_number, standardise};
use crate::model::logistic::Logistic;
use crate::model::probability::probability;
use windrow_config::CalendarPart;
use windrow_record::EventTime;

/// One valid cell of a row to predict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// The number of a numeric feature, before the logarithm. It is finite, and above -1 if the logarithm is taken.
    Number(f64),
    /// The text of a categorical feature.
    Text(&'a str),
    /// The time of a calendar feature.
    Time(EventTime),
    /// A cell without a value.
    Missing,
}

/// The contribution of one feature of a row to the log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// The feature's name: its column, or the part of the time.
    pub feature: String,
    /// The level of a one-hot feature: a value, `(missing)` or `(other)`. `None` for a number.
    pub level: Option<String>,
    /// The end of the training range that counts instead of a number outside; `None` for any other cell.
    pub held: Option<f64>,
    /// The contribution: for a number, its weight times (x - mean) / deviation; for a level, its weight.
    pub log_odds: f64,
}

/// The feature of a number outside the range of the training rows, and the side. It takes four bytes, because the
/// answer to a large batch may have very many. [`Predictor::describe`] returns the rest.
///
/// The value is twice the index of the feature in the model's order, plus 1 if the number is above the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside(u32);

impl Outside {
    pub(crate) fn new(feature: u32, is_above: bool) -> Self {
        Self(2 * feature + u32::from(is_above))
    }

    /// Returns the index of the feature.
    pub(crate) fn feature(self) -> usize {
        (self.0 / 2) as usize
    }

    fn is_above(self) -> bool {
        self.0 % 2 == 1
    }
}

/// A feature with a number outside the range of the training rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutsideNumber<'a> {
    /// The name of the feature's column.
    pub column: &'a str,
    /// The smallest number of the training rows.
    pub low: f64,
    /// The largest number of the training rows.
    pub high: f64,
    /// The end of the range that counts instead of the number; `None` if a learner outside of this program gets the
    /// number as it is.
    pub held: Option<f64>,
}

/// The prediction for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The log-odds, w.x + b.
    pub log_odds: f64,
    /// The probability that the row is positive, 1 / (1 + exp(-log_odds)).
    pub probability: f64,
    /// `true` if the probability reaches the threshold.
    pub label: bool,
}

/// The coefficients of a model, arranged for one look-up per feature.
#[derive(Debug, Clone)]
pub struct Predictor {
    intercept: f64,
    threshold: f64,
    terms: Vec<Term>,
    /// The feature of each term.
    names: Vec<String>,
}

#[derive(Debug, Clone)]
enum Term {
    Number(NumberTerm),
    Category(LevelWeights<String>),
    Calendar(CalendarPart, LevelWeights<u8>),
}

#[derive(Debug, Clone, Copy)]
struct NumberTerm {
    log: bool,
    missing: f64,
    mean: f64,
    deviation: f64,
    weight: f64,
    /// The range of the training rows, before the logarithm.
    cells: NumberRange,
    /// The same range on the scale of x.
    range: NumberRange,
}

/// The weights of a one-hot feature's levels.
#[derive(Debug, Clone)]
struct LevelWeights<V> {
    values: HashMap<V, f64>,
    missing: f64,
    other: f64,
}

impl Predictor {
    /// Creates a predictor from a model's coefficients, and the probability from which its answer is 'positive'.
    pub fn new(logistic: &Logistic, threshold: f64) -> Self {
        let weights: Vec<f64> = logistic.weights().collect();
        let terms = logistic.encoder.weighted(&weights);
        let terms = terms.map(|(feature, weights)| Term::new(&feature.encoding, weights)).collect();
        let names = logistic.encoder.features.iter().map(|feature| match &feature.encoding {
            Encoding::Calendar { part, .. } => part.name().to_owned(),
            Encoding::Number { .. } | Encoding::Category { .. } => feature.column.clone(),
        });
        Self { intercept: logistic.intercept.weight, threshold, terms, names: names.collect() }
    }

    /// Returns the log-odds of a row whose numbers are at their means, without the weights of levels. A sum of
    /// contributions starts from it.
    #[inline]
    pub fn baseline(&self) -> f64 {
        self.intercept
    }

    /// Returns the contribution of each feature of a row, in the encoder's order. Added to the baseline one after the
    /// other, they give the log-odds of [`Predictor::predict`] to the last digit.
    pub fn contributions(&self, cells: &[Cell<'_>]) -> Vec<Contribution> {
        let parts = self.names.iter().zip(&self.terms).zip(cells);
        let contributions = parts.map(|((name, term), cell)| {
            let (level, log_odds) = (term.level(cell), term.contribution(cell));
            let held = term.outside(cell).map(|(term, number)| term.held(term.is_above(number)));
            Contribution { feature: name.clone(), level, held, log_odds }
        });
        contributions.collect()
    }

    /// Returns the numbers of a row that are outside the range of the training rows, in the encoder's order.
    pub fn outside(&self, cells: &[Cell<'_>]) -> impl Iterator<Item = (Outside, f64)> {
        let cells = self.terms.iter().zip(cells).zip(0_u32..);
        cells.filter_map(|((term, cell), feature)| {
            let (term, number) = term.outside(cell)?;
            Some((Outside::new(feature, term.is_above(number)), number))
        })
    }

    /// Returns the column and the range of a number outside; `None` if it is of another model.
    pub fn describe(&self, outside: Outside) -> Option<OutsideNumber<'_>> {
        let feature = outside.feature();
        let Term::Number(term) = self.terms.get(feature)? else { return None };
        let NumberRange { low, high } = term.cells;
        Some(OutsideNumber { column: self.names.get(feature)?, low, high, held: Some(term.held(outside.is_above())) })
    }

    /// Predicts one row. `cells` are the cells of its features, in the encoder's order.
    #[inline]
    pub fn predict(&self, cells: &[Cell<'_>]) -> Prediction {
        let terms = self.terms.iter().zip(cells);
        let log_odds = terms.fold(self.intercept, |sum, (term, cell)| sum + term.contribution(cell));
        let probability = probability(log_odds);
        Prediction { log_odds, probability, label: probability >= self.threshold }
    }
}

impl<V: Eq + Hash + FromStr> LevelWeights<V> {
    fn new(levels: &[Level], weights: &[f64]) -> Self {
        let of = |wanted: Level| levels.iter().zip(weights).find(|(level, _)| **level == wanted).map(|(_, w)| *w);
        let other = of(Level::Other).unwrap_or_default();
        let values = levels.iter().zip(weights);
        let values = values.filter_map(|(level, weight)| Some((level.value()?.parse().ok()?, *weight))).collect();
        Self { values, missing: of(Level::Missing).unwrap_or(other), other }
    }
}

/// Returns the name of the level that a value has.
fn level_name(value: impl ToString, is_known: bool) -> String {
    if is_known { value.to_string() } else { "(other)".to_owned() }
}

impl NumberTerm {
    /// Returns a number on the scale of x.
    #[inline]
    fn x(&self, number: f64) -> f64 {
        if self.log { number.ln_1p() } else { number }
    }

    /// Returns whether a number is above the range of the training rows.
    fn is_above(&self, number: f64) -> bool {
        self.x(number) > self.range.high
    }

    /// Returns the end of the range that counts instead of a number above it, or below it.
    fn held(&self, is_above: bool) -> f64 {
        if is_above { self.cells.high } else { self.cells.low }
    }
}

impl Term {
    fn new(encoding: &Encoding, weights: &[f64]) -> Self {
        match encoding {
            Encoding::Number { log, missing, mean, deviation, min, max } => {
                let weight = weights.first().copied().unwrap_or_default();
                let cells = NumberRange { low: *min, high: *max };
                let (log, missing, mean, deviation) = (*log, *missing, *mean, *deviation);
                let range = encoding.range().unwrap_or(cells);
                Self::Number(NumberTerm { log, missing, mean, deviation, weight, cells, range })
            }
            Encoding::Category { levels } => Self::Category(LevelWeights::new(levels, weights)),
            Encoding::Calendar { part, levels, .. } => Self::Calendar(*part, LevelWeights::new(levels, weights)),
        }
    }

    fn level(&self, cell: &Cell<'_>) -> Option<String> {
        match (self, cell) {
            (Self::Number(_), _) => None,
            (Self::Category(weights), Cell::Text(text)) => Some(level_name(text, weights.values.contains_key(*text))),
            (Self::Calendar(part, weights), Cell::Time(time)) => {
                let number = calendar_number(*part, *time);
                Some(level_name(number, weights.values.contains_key(&number)))
            }
            (Self::Category(_) | Self::Calendar(..), _) => Some("(missing)".to_owned()),
        }
    }

    /// Returns the number of a cell, if it is outside the range of the training rows.
    fn outside(&self, cell: &Cell<'_>) -> Option<(&NumberTerm, f64)> {
        let (Self::Number(term), Cell::Number(number)) = (self, cell) else { return None };
        term.range.is_outside(term.x(*number)).then_some((term, *number))
    }

    #[inline]
    fn contribution(&self, cell: &Cell<'_>) -> f64 {
        match (self, cell) {
            (Self::Number(term), cell) => {
                let x = if let Cell::Number(number) = cell { term.range.hold(term.x(*number)) } else { term.missing };
                term.weight * standardise(x, term.mean, term.deviation)
            }
            (Self::Category(weights), Cell::Text(text)) => *weights.values.get(*text).unwrap_or(&weights.other),
            (Self::Calendar(part, weights), Cell::Time(time)) => {
                *weights.values.get(&calendar_number(*part, *time)).unwrap_or(&weights.other)
            }
            (Self::Category(weights), _) => weights.missing,
            (Self::Calendar(_, weights), _) => weights.missing,
        }
    }
}

#[cfg(test)]
mod tests;
