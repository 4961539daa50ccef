//! The options of every command that works on a run.

use std::path::PathBuf;

use clap::Args;

/// A pipeline file, and the work directory of its run.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The path of the pipeline file
    pub(crate) pipeline: PathBuf,
    #[command(flatten)]
    pub(crate) folder: WorkdirArgs,
}

/// The work directory of a run.
#[derive(Debug, Args)]
pub(crate) struct WorkdirArgs {
    /// Store batches, models and the status of stages in this folder [default: .windrow/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
}
