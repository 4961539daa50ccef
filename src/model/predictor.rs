//! A fitted model made ready to answer quickly.

use std::collections::HashMap;

use crate::config::CalendarPart;
use crate::model::artifact::Learned;
use crate::model::encoder::{Encoding, Level, calendar_number, standardise};
use crate::record::EventTime;

/// One cell of a row that is to be predicted, read and found good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// For a numeric feature, before the logarithm; finite, and above -1 where the logarithm is taken.
    Number(f64),
    /// For a categorical feature.
    Text(&'a str),
    /// For a calendar feature.
    Time(EventTime),
    /// Nothing.
    Missing,
}

/// A model's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// w.x + b.
    pub log_odds: f64,
    /// 1 / (1 + exp(-log_odds)): how likely the row is to be positive.
    pub probability: f64,
    /// Whether the probability reaches the threshold.
    pub label: bool,
}

/// Coefficients arranged for look-up: one step a feature.
#[derive(Debug, Clone)]
pub struct Predictor {
    intercept: f64,
    threshold: f64,
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Number { log: bool, median: f64, mean: f64, deviation: f64, weight: f64 },
    Category { values: HashMap<String, f64>, missing: f64, other: f64 },
    Calendar { part: CalendarPart, values: HashMap<u8, f64>, missing: f64, other: f64 },
}

/// 1 / (1 + exp(-log_odds)), without overflow.
pub(super) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

impl Predictor {
    /// Arranges a model's coefficients.
    #[must_use]
    pub fn new(learned: &Learned) -> Self {
        let weights: Vec<f64> = learned.weights().collect();
        let mut rest = weights.as_slice();
        let terms = learned.encoder.features.iter().map(|feature| {
            let (weights, after) = rest.split_at(feature.encoding.width().min(rest.len()));
            rest = after;
            Term::new(&feature.encoding, weights)
        });
        let terms = terms.collect();
        Self { intercept: learned.intercept.weight, threshold: learned.threshold, terms }
    }

    /// Answers for one row; `cells` are its features' cells, in the encoder's order.
    #[must_use]
    pub fn predict(&self, cells: &[Cell<'_>]) -> Prediction {
        let terms = self.terms.iter().zip(cells);
        let log_odds = self.intercept + terms.map(|(term, cell)| term.contribution(cell)).sum::<f64>();
        let probability = probability(log_odds);
        Prediction { log_odds, probability, label: probability >= self.threshold }
    }
}

impl Term {
    fn new(encoding: &Encoding, weights: &[f64]) -> Self {
        let weight_of = |levels: &[Level], wanted: &Level| {
            let place = levels.iter().position(|level| level == wanted);
            place.and_then(|place| weights.get(place)).copied()
        };
        match encoding {
            Encoding::Number { log, median, mean, deviation, .. } => {
                let weight = weights.first().copied().unwrap_or_default();
                Self::Number { log: *log, median: *median, mean: *mean, deviation: *deviation, weight }
            }
            Encoding::Category { levels } => {
                let other = weight_of(levels, &Level::Other).unwrap_or_default();
                let missing = weight_of(levels, &Level::Missing).unwrap_or(other);
                let values = levels.iter().zip(weights).filter_map(|(level, weight)| match level {
                    Level::Value(text) => Some((text.clone(), *weight)),
                    Level::Missing | Level::Other => None,
                });
                Self::Category { values: values.collect(), missing, other }
            }
            Encoding::Calendar { part, levels, .. } => {
                let other = weight_of(levels, &Level::Other).unwrap_or_default();
                let missing = weight_of(levels, &Level::Missing).unwrap_or(other);
                let values = levels.iter().zip(weights).filter_map(|(level, weight)| match level {
                    Level::Value(text) => text.parse().ok().map(|number| (number, *weight)),
                    Level::Missing | Level::Other => None,
                });
                Self::Calendar { part: *part, values: values.collect(), missing, other }
            }
        }
    }

    fn contribution(&self, cell: &Cell<'_>) -> f64 {
        match (self, cell) {
            (Self::Number { log, median, mean, deviation, weight }, cell) => {
                let x = match cell {
                    Cell::Number(number) if *log => number.ln_1p(),
                    Cell::Number(number) => *number,
                    _ => *median,
                };
                weight * standardise(x, *mean, *deviation)
            }
            (Self::Category { values, other, .. }, Cell::Text(text)) => *values.get(*text).unwrap_or(other),
            (Self::Calendar { part, values, other, .. }, Cell::Time(time)) => {
                *values.get(&calendar_number(*part, *time)).unwrap_or(other)
            }
            (Self::Category { missing, .. } | Self::Calendar { missing, .. }, _) => *missing,
        }
    }
}
