//! `windrow broker`: runs only the embedded broker.

use tokio_util::sync::CancellationToken;

use crate::app;
use crate::cli::args::BrokerArgs;
use crate::cli::error::CliError;
use crate::cli::progress::{Display, Shows};
use windrow_base::telemetry::Progress;
use windrow_kafka::{Choice, LogStorage, StartOptions};

pub(crate) async fn execute(args: BrokerArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let progress = Progress::default();
    let mut options = StartOptions {
        listen: Some(args.listen),
        advertise: args.advertise,
        sync: args.sync,
        ..StartOptions::default()
    };
    if !args.ephemeral {
        options.log = LogStorage::Kept(args.data);
    }
    let serving = app::broker(&Choice::Embedded, &options, &progress, stop);
    Ok(display.follow(&progress, Shows::default(), serving).await?)
}
