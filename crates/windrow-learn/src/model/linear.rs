//! Transfers the coefficients of a model to another encoder, as the start of a fit to similar rows.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::encoder::{Encoder, Encoding, Level};

/// An encoder with coefficients: a model without scores, lineage or reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    /// The encoder that turns cells into columns.
    pub encoder: Encoder,
    /// The intercept, b of the objective.
    pub intercept: f64,
    /// The weights, w of the objective, in the encoder's order.
    pub weights: Vec<f64>,
}

impl LinearModel {
    /// Returns whether every column has a weight, and all numbers are finite.
    pub fn is_valid(&self) -> bool {
        let is_finite = self.intercept.is_finite() && self.weights.iter().all(|weight| weight.is_finite());
        is_finite && self.weights.len() == self.encoder.width()
    }

    /// Returns intercept and weights that give the same predictions under another encoder of the same features, as
    /// nearly as its levels allow. A level that this model does not have starts with the weight of 'other'.
    pub(in crate::model) fn with_encoder(&self, encoder: &Encoder) -> (f64, Vec<f64>) {
        let (mut intercept, mut weights) = (self.intercept, Vec::with_capacity(encoder.width()));
        for ((ours, own), theirs) in self.encoder.weighted(&self.weights).zip(&encoder.features) {
            match (&ours.encoding, &theirs.encoding) {
                (
                    Encoding::Number { mean, deviation, .. },
                    Encoding::Number { mean: new_mean, deviation: new_deviation, .. },
                ) => {
                    let own = own.first().copied().unwrap_or_default();
                    let slope = own / deviation;
                    // A division and a multiplication would change the last digit.
                    weights.push(if deviation == new_deviation { own } else { slope * new_deviation });
                    intercept += slope * (new_mean - mean);
                }
                (
                    Encoding::Category { levels } | Encoding::Calendar { levels, .. },
                    Encoding::Category { levels: new } | Encoding::Calendar { levels: new, .. },
                ) => {
                    let known: HashMap<&Level, f64> = levels.iter().zip(own.iter().copied()).collect();
                    let other = known.get(&Level::Other).copied().unwrap_or_default();
                    weights.extend(new.iter().map(|level| known.get(level).copied().unwrap_or(other)));
                }
                (_, new) => weights.resize(weights.len() + new.width(), 0.0),
            }
        }
        weights.resize(encoder.width(), 0.0);
        // Two very different standardisations may give numbers that are not finite. A fit cannot start from those.
        let is_finite = intercept.is_finite() && weights.iter().all(|weight| weight.is_finite());
        if is_finite { (intercept, weights) } else { (0.0, vec![0.0; encoder.width()]) }
    }
}
