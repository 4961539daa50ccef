//! The content of a report.

use std::sync::Arc;

use windrow_config::Pipeline;
use windrow_evaluation::Advice;

/// The content of a report.
#[derive(Debug)]
pub struct Report {
    /// The advice to show.
    pub advice: Arc<Advice>,
    /// The sha256 of the dataset, if it is known.
    pub dataset: Option<String>,
    /// The run that the advice is about; `None` if it is about a table of predictions.
    pub run: Option<ReportedRun>,
    /// The person or the team that made the report, if they want to be named.
    pub author: Option<String>,
}

/// The run that a report is about.
#[derive(Debug)]
pub struct ReportedRun {
    /// The configuration of the pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The time at which the run began, RFC 3339, if it is known.
    pub created: Option<String>,
    /// The changes of settings since then, oldest first and in words.
    pub changes: Vec<String>,
}
