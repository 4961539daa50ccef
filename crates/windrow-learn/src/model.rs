//! Learning, pure: from rows to an encoder, from encoded rows to coefficients, from coefficients to probabilities and
//! scores.
//!
//! Knows no files, no clock, no runtime: data in, values out, the same each time and on any number of threads; where
//! encoded rows are kept is handed in as a [`ChunkStore`]. The way of a row: [`ChunkBuilder`] parses it once, a [`Frame`]
//! keeps a window, [`Encoder`] is learned from the frames' summaries of their training rows, `design` reads the rows by an
//! encoder, `kernel` sums over them, `solver` finds the optimum, `score` measures it; [`fit`] is all of that. `drift` measures
//! what changed between windows, and [`WindowReport`] how all models did on one. [`Predictor`] answers for single rows.

mod artifact;
mod bare;
mod chunk;
mod design;
mod drift;
mod encoder;
mod fit;
mod frame;
mod kernel;
mod objective;
mod predictor;
mod score;
mod scorer;
mod solver;
mod summary;
mod table;
mod window;

#[cfg(test)]
mod samples;

pub use artifact::{
    Artifact, Coefficient, ConfusionMatrix, Example, FORMAT, Learned, Lineage, Method, Outcome, PenaltyTrial,
    ReliabilityBin, Score, ScoreNumber, SolverReport, Verdict, WindowLineage, versions,
};
pub use bare::BareModel;
pub use chunk::{CHUNK_ROWS, Chunk, ChunkStore, KeptChunk};
pub use drift::{Distribution, Drift, FeatureDrift, FeatureProfile, Profile};
pub use encoder::{EncodedFeature, Encoder, Encoding, Level};
pub use fit::{
    FitError, FitSettings, Remote, RemoteError, RemoteOptimum, RemoteSolver, RemoteTask, Unlearnable, fit, fit_from,
};
pub use frame::{ChunkBuilder, Frame, FrameBuilder, ParsedRows};
pub use predictor::{Cell, Contribution, Prediction, Predictor};
pub use scorer::{ScoredModel, losses, recalibrate, recalibrated, scores, window_losses};
pub use window::{ModelScore, WINDOW_FORMAT, WindowReport};
