//! `windrow serve`: the API alone.

use tokio_util::sync::CancellationToken;

use crate::app::{AppError, Workplace, listening};
use crate::cli::CliError;
use crate::cli::args::ServeArgs;
use crate::cli::progress::{Display, Shows};
use crate::cli::{with_keys, workplace_of};
use crate::config::Pipeline;

pub(crate) async fn execute(args: ServeArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.pipeline).map_err(AppError::from)?;
    let workplace = with_keys(workplace_of(listening(pipeline, args.listen), &args.place))?;
    let following = display.follow(&workplace.progress, Shows::default());
    let result = serve(&workplace, stop).await;
    following.finish().await;
    result
}

async fn serve(workplace: &Workplace, stop: CancellationToken) -> Result<(), CliError> {
    let mut running = workplace.serve(stop).await?;
    let served = running.serve_on().await;
    Ok(served.and(running.shutdown().await)?)
}
