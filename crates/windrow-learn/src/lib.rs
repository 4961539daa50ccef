//! Logistic classifiers from sealed windows.
//!
//! - [`model`]: the pure part: rows to an encoder, encoded rows to coefficients, coefficients to probabilities and scores.
//! - [`frames`]: sealed windows, parsed once when a model first needs them, within a bounded memory.
//! - `spark`: the same fits on an Apache Spark cluster (feature `spark`).
//!
//! Knows the pipeline's schema and the batch files. Knows nothing of brokers, the registry or HTTP.

pub mod frames;
pub mod model;
#[cfg(feature = "spark")]
pub mod spark;
