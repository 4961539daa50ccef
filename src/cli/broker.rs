//! `windrow broker`: runs only the embedded broker.

use tokio_util::sync::CancellationToken;

use crate::app;
use crate::cli::args::BrokerArgs;
use crate::cli::error::CliError;
use crate::cli::progress::{Display, ProgressOptions};
use windrow_base::telemetry::Progress;
use windrow_kafka::{Choice, LogStorage, StartOptions};

pub(crate) async fn execute(args: BrokerArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let progress = Progress::default();
    let BrokerArgs { listen, advertise, data, ephemeral, sync } = args;
    let mut options = StartOptions { listen: Some(listen), advertise, sync, ..StartOptions::default() };
    if !ephemeral {
        options.log = LogStorage::Kept(data);
    }
    let serving = app::broker(&Choice::Embedded, &options, &progress, stop);
    Ok(display.follow(&progress, ProgressOptions::default(), serving).await?)
}
