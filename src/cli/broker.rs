//! `windrow broker`: runs only the embedded broker.

use tokio_util::sync::CancellationToken;

use crate::app;
use crate::cli::args::BrokerArgs;
use crate::cli::error::CliError;
use crate::cli::paths::check_directory;
use crate::cli::progress::{Display, ProgressOptions};
use windrow_base::runtime::resolve;
use windrow_base::telemetry::Progress;
use windrow_kafka::{Choice, LogStorage, StartOptions};

pub(crate) async fn execute(args: BrokerArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let progress = Progress::default();
    let BrokerArgs { listen, advertise, data, ephemeral, sync } = args;
    let resolving = resolve(&listen.host, listen.port);
    let Some(addresses) = stop.run_until_cancelled(resolving).await else { return Ok(()) };
    let addresses = addresses.map_err(|error| {
        let advice = "choose another address with --listen";
        CliError::Failed(format!("the embedded broker cannot listen on {listen}: {error}; {advice}"))
    })?;
    let listen = addresses.first().copied();
    let mut options = StartOptions { listen, advertise, sync, ..StartOptions::default() };
    if !ephemeral {
        check_directory(&data, "--data")?;
        options.log = LogStorage::Kept(data);
    }
    let serving = app::broker(&Choice::Embedded, &options, &progress, stop);
    Ok(display.follow(&progress, ProgressOptions::default(), serving).await?)
}
