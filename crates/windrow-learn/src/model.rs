//! Pure learning: an encoder from rows, coefficients from encoded rows, probabilities and scores from coefficients.
//!
//! This module uses no files, no clock and no runtime. The same data give the same values on any number of threads. The
//! caller decides where encoded rows are stored: it passes a [`ChunkStore`].
//!
//! The rows pass through these parts:
//!
//! - [`ChunkBuilder`] parses each row once, and a [`Frame`] holds the rows of a window.
//! - [`Encoder`] is learned from the frames' summaries of their training rows.
//! - `design` reads the rows with an encoder, and `kernel` sums over them.
//! - `solver` finds the optimum, and `score` measures it.
//!
//! A model is a [`Logistic`] of this program, or a [`Foreign`] one of a learner outside of it. `given` computes the
//! losses and scores of the latter from its probabilities. [`Inputs`] are the columns that a request must have.
//!
//! [`fit`] does all of this for a logistic regression. [`recalibrate_model`] gives a fitted model another intercept and
//! slope. `drift` measures what changed between windows, `reference` chooses the window that later ones are compared
//! with. A [`WindowReport`] holds the scores of all models on one window. A [`Predictor`] predicts single rows.

mod artifact;
mod chunk;
mod design;
mod drift;
mod encoder;
mod error;
mod fit;
mod foreign;
mod frame;
mod given;
mod inputs;
mod kernel;
mod linear;
mod logistic;
mod measures;
mod objective;
mod predictor;
mod probability;
mod recalibration;
mod reference;
mod score;
mod scorer;
mod solver;
mod summary;
mod table;
mod window;

#[cfg(test)]
mod samples;

pub use artifact::{
    Acceptance, Artifact, Example, FORMAT, Fitted, Learned, Lineage, Outcome, Recalibration, WindowLineage, versions,
};
pub use chunk::{CHUNK_ROWS, Chunk, ChunkStore, Reservation, StoredChunk};
pub use drift::{BinShares, Distribution, Drift, FeatureDrift, FeatureProfile, Histogram, Profile};
pub use encoder::{EncodedFeature, Encoder, Encoding, Level};
pub use error::{FitError, RemoteError, Unlearnable};
pub use fit::{FitSettings, Remote, RemoteOptimum, RemoteSolver, RemoteTask, check_rows, fit, fit_from, row_counts};
pub use foreign::Foreign;
pub use frame::{ChunkBuilder, Frame, FrameBuilder, FrameCell, FramePart, FrameRow, ParsedRows};
pub use given::{GivenModel, given_aucs, given_calibration, given_losses, given_recalibrated, given_scores};
pub use inputs::{Input, InputFeature, Inputs};
pub use linear::LinearModel;
pub use logistic::{Coefficient, Logistic, Method, PenaltyTrial, SolverReport};
pub use measures::{ConfusionMatrix, ReliabilityBin, Score, ScoreNumber};
pub use predictor::{Cell, Contribution, Outside, OutsideNumber, Prediction, Predictor};
pub use probability::calibrated;
pub use recalibration::{recalibrate_foreign, recalibrate_model};
pub use reference::{WindowExtent, first_full_window};
pub use scorer::{ScoredModel, aucs, log_odds, losses_and_scores, recalibrate, recalibrated, scores, window_losses};
pub use window::{ModelScore, WINDOW_FORMAT, WindowReport};
