//! Logistic classifiers from sealed windows.
//!
//! - [`model`]: the pure part. It turns rows into an encoder, encoded rows into coefficients, and coefficients into
//!   probabilities and scores.
//! - [`frames`]: sealed windows. Each is parsed when a model first needs it, and takes a bounded amount of memory.
//! - [`learner`]: the vocabulary of a learner outside of this program.
//! - `spark`: the same fits on an Apache Spark cluster (feature `spark`).
//!
//! This crate knows the pipeline's schema and the batch files. It knows nothing of brokers, the registry or HTTP.

pub mod frames;
pub mod learner;
pub mod model;
#[cfg(feature = "spark")]
pub mod spark;
