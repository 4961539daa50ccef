//! Options of every command that works on a run.

use std::path::PathBuf;

use clap::Args;

/// Where a pipeline's files go.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Where batches, models and what stages tell of themselves go [default: .windrow/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
}
