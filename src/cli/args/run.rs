//! Options of the commands that replay a dataset or run a whole pipeline.

use std::net::SocketAddr;

use clap::Args;

use crate::cli::args::cluster::ClientArgs;
use crate::cli::args::place::PlaceArgs;
use crate::cli::args::training::TrainingArgs;
use windrow_kafka::Choice;

/// Which rows are replayed, and how fast at most.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Replay so many rows, and end
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<std::num::NonZeroU64>,
    /// Begin with this row of the dataset
    #[arg(long, value_name = "ROW", default_value = "1")]
    pub(crate) from_row: std::num::NonZeroU64,
    /// Begin again at the first row when the dataset is through, for ever or to the limit; row numbers go on
    #[arg(long = "loop")]
    pub(crate) again: bool,
    /// Never send more rows per second than this, also to make up for a delay
    #[arg(long, value_name = "ROWS", value_parser = rate)]
    pub(crate) max_rate: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Use this broker: embedded, redpanda, the HOST:PORT[,HOST:PORT...] of a cluster, or auto: embedded, unless a Redpanda image
    /// is already on this machine
    #[arg(long, default_value = "auto")]
    pub(crate) broker: Choice,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// End when the dataset is through and the last model is published
    #[arg(long)]
    pub(crate) once: bool,
    /// Empty the work directory first
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Where the API listens [default: serve.listen of the pipeline file]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if f64::is_finite(rate) && rate > 0.0 => Ok(rate),
        _ => Err("expected a number of rows per second above 0".to_owned()),
    }
}
