//! A model as the scorer takes it, published or not.

use crate::model::artifact::Learned;
use crate::model::bare::BareModel;
use crate::model::encoder::Encoder;
use windrow_record::ModelId;

/// A model to be scored.
#[derive(Debug, Clone)]
pub struct ScoredModel<'a> {
    /// Its name.
    pub id: ModelId,
    /// From cells to columns.
    pub encoder: &'a Encoder,
    /// b of the objective.
    pub intercept: f64,
    /// w of the objective, in the encoder's order.
    pub weights: Vec<f64>,
    /// The probability from which the answer is 'positive'.
    pub threshold: f64,
}

impl<'a> ScoredModel<'a> {
    /// A published model.
    pub fn of(id: ModelId, learned: &'a Learned) -> Self {
        let weights = learned.weights().collect();
        let (encoder, intercept) = (&learned.encoder, learned.intercept.weight);
        Self { id, encoder, intercept, weights, threshold: learned.threshold }
    }

    /// One that was never published.
    pub fn of_bare(id: ModelId, model: &'a BareModel, threshold: f64) -> Self {
        let BareModel { encoder, intercept, weights } = model;
        Self { id, encoder, intercept: *intercept, weights: weights.clone(), threshold }
    }
}
