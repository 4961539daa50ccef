//! Learning, pure: from rows to an encoder, from encoded rows to coefficients, from coefficients to probabilities and
//! scores.
//!
//! Knows no files, no clock, no runtime: data in, values out, the same each time and on any number of threads. The way
//! of a row: [`FrameBuilder`] parses it once, [`Encoder`] is learned from the training rows, `design` holds the encoded
//! rows compactly, `objective` sums over them, `solver` finds the optimum, `score` judges it; [`fit`] is all of that.
//! [`Predictor`] answers for single rows, and [`LogisticNewton`] opens the same solver to code written for linfa.

mod artifact;
mod design;
mod encoder;
mod estimator;
mod fit;
mod frame;
mod objective;
mod predictor;
mod score;
mod solver;

#[cfg(test)]
mod samples;

pub use artifact::{
    Artifact, ConfusionMatrix, Example, FORMAT, Learned, Lineage, OffsetRange, Outcome, ReliabilityBin, Score,
    SolverReport, WindowLineage,
};
pub use encoder::{EncodedFeature, Encoder, Encoding, Level};
pub use estimator::{CheckedLogisticNewton, EstimatorError, FittedLogistic, LogisticNewton};
pub use fit::{FitSettings, Unlearnable, fit};
pub use frame::{Frame, FrameBuilder};
pub use predictor::{Cell, Prediction, Predictor};
