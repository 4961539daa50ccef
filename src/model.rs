//! Learning, pure: from rows to an encoder, from encoded rows to coefficients, from coefficients to probabilities and
//! scores.
//!
//! Knows no files, no clock, no runtime: data in, values out, the same each time.

mod artifact;
mod encoder;
mod predictor;

pub use artifact::{
    Artifact, ConfusionMatrix, Example, FORMAT, Learned, Lineage, OffsetRange, Outcome, ReliabilityBin, Score,
    SolverReport, WindowLineage,
};
pub use encoder::{EncodedFeature, Encoder, Encoding, Level};
pub use predictor::{Cell, Prediction, Predictor};
