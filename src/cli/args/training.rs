//! Options of the commands that train.

use clap::Args;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::cli::args::workdir::PipelineArgs;
use windrow_config::Solver;

/// The memory limit and the solver.
#[derive(Debug, Args)]
pub(crate) struct TrainingArgs {
    /// Limit the memory for encoded rows, as in 512MiB or 8GB; the rest goes to files
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    memory: bytesize::ByteSize,
    /// Use this solver: auto, newton, lbfgs, linfa, spark or command [default: train.solver of the pipeline file]
    #[arg(long, value_name = "SOLVER", value_parser = solver)]
    pub(crate) solver: Option<Solver>,
}

fn solver(text: &str) -> Result<Solver, String> {
    let deserializer: StrDeserializer<'_, ValueError> = text.into_deserializer();
    Solver::deserialize(deserializer).map_err(|_| "expected auto, newton, lbfgs, linfa, spark or command".to_owned())
}

impl TrainingArgs {
    /// Returns the memory limit in bytes, at most `usize::MAX`.
    pub(crate) fn bytes(&self) -> usize {
        usize::try_from(self.memory.as_u64()).unwrap_or(usize::MAX)
    }
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// End when the last model is published [default: wait until Ctrl-C]
    #[arg(long)]
    pub(crate) once: bool,
}
