//! `windrow run`: a whole pipeline in one process.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, RunOptions, Running, listening};
use crate::broker::StartOptions;
use crate::cli::args::RunArgs;
use crate::cli::print::{curl, stdout, thousands};
use crate::cli::progress::{Display, Shows};
use crate::cli::stages::chosen;
use crate::cli::{CliError, advise, app_of, environment, with_keys};
use crate::config::Pipeline;

pub(crate) async fn execute(
    pipeline: &Path,
    args: RunArgs,
    display: &Display,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let pipeline = Pipeline::load(pipeline).map_err(AppError::from)?;
    run(pipeline, args, display, stop).await
}

pub(crate) async fn run(
    pipeline: Pipeline,
    args: RunArgs,
    display: &Display,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let app = with_keys(app_of(listening(pipeline, args.listen), &args.place))?;
    let replay = chosen(&args.replay, &app.pipeline)?;
    let start = StartOptions {
        redpanda_image: environment("WINDROW_REDPANDA_IMAGE"),
        docker_host: environment("DOCKER_HOST"),
        properties: args.client.property,
        ..StartOptions::default()
    };
    let options = RunOptions { broker: args.broker, start, fresh: args.fresh, replay, memory: args.training.bytes() };
    let following = display.follow(&app.progress, Shows { sent: true, stored: true });
    let result = match app.run(options, stop.clone()).await {
        Ok(running) => attend(running, &app, args.once, &stop).await,
        Err(error) => Err(error.into()),
    };
    following.finish().await;
    let (running, closing) = result?;
    if let Some(closing) = closing {
        display.suspended(|| stdout(&closing))?;
        if !args.once {
            display.line("serving until Ctrl-C");
            let mut running = running;
            let served = running.serve_on().await;
            return Ok(served.and(running.shutdown().await)?);
        }
    }
    Ok(running.shutdown().await?)
}

/// Waits for the stream to be through; gives what is to be said then.
async fn attend(
    mut running: Running,
    app: &App,
    once: bool,
    stop: &CancellationToken,
) -> Result<(Running, Option<String>), CliError> {
    if let Err(error) = running.finished().await {
        return Err(running.give_up(error).await.into());
    }
    if stop.is_cancelled() {
        return Ok((running, None));
    }
    let snapshot = running.registry().snapshot();
    let mut text = snapshot.advice().map_or_else(String::new, |advice| advise::paragraph(advice));
    let quarantined = app.progress.counters().quarantined.get();
    if quarantined > 0 {
        let folder = app.workdir.join("quarantine");
        text.push_str(&format!("{} rows were not taken; {} says why\n", thousands(quarantined), folder.display()));
    }
    text.push_str(&if once { files(app) } else { addresses(&running) });
    Ok((running, Some(text)))
}

fn files(app: &App) -> String {
    let (workdir, pipeline) = (app.workdir.display(), app.pipeline.file.display());
    format!(
        "\nthe evidence:       windrow advise {pipeline} --workdir {workdir}\nbatches and models: {workdir}\nserve them:         windrow serve {pipeline} --workdir {workdir}\n"
    )
}

fn addresses(running: &Running) -> String {
    let url = running.url();
    let mut text = format!(
        "\ndocumentation:    {url}/docs\nOpenAPI document: {url}/openapi.json\nmodels:           {url}/v1/models\n"
    );
    let snapshot = running.registry().snapshot();
    let asked = snapshot.latest().and_then(|model| Some((model.id().to_string(), model.learned()?.examples.first()?)));
    if let Some((id, example)) = asked {
        text.push_str(&format!("\nask a model:\n  {}\n", curl(url, &id, &example.row)));
    }
    text
}
