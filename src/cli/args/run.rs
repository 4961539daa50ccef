//! Options of the commands that replay a dataset or run a whole pipeline.

use clap::Args;

use crate::cli::args::cluster::ClientArgs;
use crate::cli::args::training::TrainingArgs;
use crate::cli::args::workdir::WorkdirArgs;
use windrow_config::ListenAddress;
use windrow_kafka::Choice;

/// The rows of a replay, and the maximum rate.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Replay at most this many rows [default: all]
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<std::num::NonZeroU64>,
    /// Start with this row of the dataset
    #[arg(long, value_name = "ROW", default_value = "1")]
    pub(crate) from_row: std::num::NonZeroU64,
    /// Repeat the dataset from its first row, forever or up to --limit; row numbers continue
    #[arg(long = "loop")]
    pub(crate) looped: bool,
    /// Send at most this many rows per second, even to catch up after a delay [default: no limit]
    #[arg(long, value_name = "ROWS", value_parser = rate)]
    pub(crate) max_rate: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Use this broker: embedded, redpanda, the HOST:PORT[,HOST:PORT...] of a cluster, or auto: embedded, or Redpanda if this
    /// build can start it and its image is on this machine
    #[arg(long, default_value = "auto")]
    pub(crate) broker: Choice,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) folder: WorkdirArgs,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// End when the stream is complete and the last model is published [default: serve until Ctrl-C]
    #[arg(long)]
    pub(crate) once: bool,
    /// Remove the files of an earlier run from the work directory first
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Listen on this address [default: serve.listen of the pipeline file]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<ListenAddress>,
    /// Open the start page in a browser when the stream is complete
    #[arg(long)]
    pub(crate) open: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if f64::is_finite(rate) && rate > 0.0 => Ok(rate),
        _ => Err("expected a number of rows per second above 0".to_owned()),
    }
}
