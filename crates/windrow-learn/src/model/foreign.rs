//! A model of a learner outside of this program, as it is stored. The model itself is a folder next to the model file,
//! which only the learner can read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::learner::{LearnerIdentity, LearnerSchema};
use crate::model::inputs::Inputs;
use crate::model::predictor::Cell;
use crate::model::probability::calibrated;

/// A model of a learner outside of this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreign {
    /// The learner that fitted it, as it reported itself.
    pub learner: LearnerIdentity,
    /// The columns that the learner has read.
    pub schema: LearnerSchema,
    /// The columns that a request must have, with the values that training has seen.
    pub inputs: Inputs,
    /// The digest of the model's folder: sha256, in hexadecimal.
    pub digest: String,
    /// The number of files in the folder.
    pub files: u64,
    /// The number of bytes of these files.
    pub bytes: u64,
    /// The seed that the learner was given, of 31 bits.
    pub seed: u32,
    /// The wall-clock time of the fit, in seconds. 0 until the trainer, which has a clock, sets it.
    pub seconds: f64,
    /// The intercept and the slope of the log-odds, for a recalibrated model. It uses the folder of its fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<(f64, f64)>,
}

impl Foreign {
    /// Returns a probability of the learner as the model answers it: recalibrated, if the model is.
    pub fn probability(&self, of_learner: f64) -> f64 {
        self.calibration.map_or(of_learner, |calibration| calibrated(of_learner, calibration))
    }

    /// Returns a row as the learner gets it. `cells` are those of the features, in the order of the schema.
    pub fn row(&self, cells: &[Cell<'_>]) -> Map<String, Value> {
        let features = self.schema.features.iter().zip(&self.inputs.features).zip(cells);
        features.map(|((feature, input), cell)| (feature.name.clone(), input.value(cell))).collect()
    }
}
