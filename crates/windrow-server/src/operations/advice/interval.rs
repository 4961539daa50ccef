//! Confidence intervals in the types of the API.

use windrow_evaluation as evaluation;

use crate::operations::mirror::{Mirror, mirror};

mirror! {
    /// A 95% confidence interval
    struct Interval95 of interval: evaluation::Interval {
        low: f64,
        high: f64,
    }
}
