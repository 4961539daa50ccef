//! Options of every command that works on a run.

use std::path::PathBuf;

use clap::Args;

/// A pipeline file, and where the pipeline's files go.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Where a pipeline's files go.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Where batches, models and what stages tell of themselves go [default: .windrow/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
}
