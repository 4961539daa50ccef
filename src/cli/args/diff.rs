//! Options of `windrow diff`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first work directory, as in .windrow/flights
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// The second work directory
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
    /// List all windows, models and policies that differ, and whole values
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
