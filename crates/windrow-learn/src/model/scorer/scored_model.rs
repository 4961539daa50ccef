//! A model in the form that the scorer takes, published or not.

use crate::model::artifact::Learned;
use crate::model::encoder::Encoder;
use crate::model::linear::LinearModel;
use windrow_record::ModelId;

/// A model to be scored.
#[derive(Debug, Clone)]
pub struct ScoredModel<'a> {
    /// The id of the model.
    pub id: ModelId,
    /// The encoder that turns cells into columns.
    pub encoder: &'a Encoder,
    /// The intercept, b of the objective.
    pub intercept: f64,
    /// The weights, w of the objective, in the encoder's order.
    pub weights: Vec<f64>,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
}

impl<'a> ScoredModel<'a> {
    /// Creates it from a published model. Returns `None` for a model of a learner outside of this program.
    pub fn of(id: ModelId, learned: &'a Learned) -> Option<Self> {
        let logistic = learned.logistic()?;
        let weights = logistic.weights().collect();
        let (encoder, intercept) = (&logistic.encoder, logistic.intercept.weight);
        Some(Self { id, encoder, intercept, weights, threshold: learned.threshold })
    }

    /// Creates it from a model that was not published.
    pub fn from_linear(id: ModelId, model: &'a LinearModel, threshold: f64) -> Self {
        let LinearModel { encoder, intercept, weights } = model;
        Self { id, encoder, intercept: *intercept, weights: weights.clone(), threshold }
    }
}
