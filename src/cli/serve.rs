//! `windrow serve`: runs only the API.

use tokio_util::sync::CancellationToken;

use crate::app::{AppError, listening};
use crate::cli::args::ServeArgs;
use crate::cli::error::CliError;
use crate::cli::progress::{Display, ProgressOptions};
use crate::cli::setup::{app_of, with_keys};
use windrow_config::Pipeline;

pub(crate) async fn execute(args: ServeArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.at.pipeline).map_err(AppError::from)?;
    let app = with_keys(app_of(listening(pipeline, args.listen), &args.at.folder)?)?;
    let serving = async {
        let mut running = app.serve(stop).await?;
        let served = running.serve_on().await;
        served.and(running.shutdown().await)
    };
    Ok(display.follow(&app.progress, ProgressOptions::default(), serving).await?)
}
