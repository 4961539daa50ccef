//! `windrow run`: runs a whole pipeline in one process.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, RunOptions, Running, listening};
use crate::cli::args::{DraftArgs, RunArgs};
use crate::cli::environment::environment;
use crate::cli::error::{CliError, Result};
use crate::cli::print::{curl, stdout};
use crate::cli::progress::{Display, ProgressOptions};
use crate::cli::setup::{app_of, with_keys, with_solver};
use crate::cli::stages::chosen;
use crate::cli::{advise, init, kafka};
use windrow_config::Pipeline;
use windrow_kafka::{Choice, StartOptions};
use windrow_record::display::counted;
use windrow_registry::ADVISED;

pub(crate) async fn execute(
    pipeline: &Path,
    draft: &DraftArgs,
    args: RunArgs,
    display: &Display,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let is_pipeline = pipeline.extension().is_some_and(|extension| extension == "toml");
    if is_pipeline && let Some(option) = draft.first_given() {
        let problem = format!("{option} is an option for a data file: it cannot be combined with a pipeline file");
        return Err(CliError::Usage(problem));
    }
    let pipeline = if is_pipeline {
        Pipeline::load(pipeline).map_err(AppError::from)?
    } else {
        let writing = init::write(pipeline, draft, init::Outputs::default(), "run", display);
        let Some(written) = stop.run_until_cancelled(writing).await.transpose()? else { return Ok(()) };
        display.line(&init::summary(&written));
        written.draft.pipeline
    };
    run(pipeline, args, display, stop).await
}

pub(crate) async fn run(pipeline: Pipeline, args: RunArgs, display: &Display, stop: CancellationToken) -> Result<()> {
    let app = with_keys(app_of(listening(pipeline, args.listen), &args.folder)?)?;
    let app = with_solver(app, &args.training)?;
    let replay = chosen(&args.replay, &app.pipeline)?;
    // The settings in the pipeline file are for its cluster, not for a broker that is started here.
    let properties = match args.broker {
        Choice::External(_) => kafka::properties(&app.pipeline.kafka, args.client.property)?,
        _ => args.client.property,
    };
    let start = StartOptions {
        redpanda_image: environment("WINDROW_REDPANDA_IMAGE"),
        docker_host: environment("DOCKER_HOST"),
        properties,
        progress: app.progress.clone(),
        ..StartOptions::default()
    };
    let options = RunOptions { broker: args.broker, start, fresh: args.fresh, replay, memory: args.training.bytes() };
    let work = async { run_to_end(app.run(options, stop.clone()).await?, &app, args.once, &stop).await };
    let shows = ProgressOptions { sent: true, stored: true };
    let (mut running, closing) = display.follow(&app.progress, shows, work).await?;
    if let Some(closing) = closing {
        display.suspended(|| stdout(&closing))?;
        if !args.once {
            if args.open
                && let Err(error) = open::that_detached(&running.url)
            {
                display.line(&format!("cannot open a browser: {error}"));
            }
            display.line("serving until Ctrl-C");
            let served = running.serve_on().await;
            return Ok(served.and(running.shutdown().await)?);
        }
    }
    Ok(running.shutdown().await?)
}

/// Waits until the stream is complete. Returns the text to print then, or `None` if stopped.
async fn run_to_end(
    mut running: Running,
    app: &App,
    once: bool,
    stop: &CancellationToken,
) -> Result<(Running, Option<String>), CliError> {
    if let Err(error) = running.finished().await {
        return Err(running.fail(error).await.into());
    }
    if stop.is_cancelled() {
        return Ok((running, None));
    }
    let snapshot = running.registry.snapshot();
    let mut text = snapshot.advice().map_or_else(String::new, |advice| advise::paragraph(advice));
    let quarantined = app.progress.counters().quarantined.get();
    if quarantined > 0 {
        let folder = app.workdir.join("quarantine");
        let rows = counted(quarantined, "row was", "rows were");
        text.push_str(&format!("{rows} put in quarantine; {} has the reasons\n", folder.display()));
    }
    text.push_str(&if once { files(app) } else { addresses(&running) });
    Ok((running, Some(text)))
}

fn files(app: &App) -> String {
    let (workdir, pipeline) = (app.workdir.display(), app.pipeline.file.display());
    format!(
        "\nthe evidence:       windrow advise {pipeline} --workdir {workdir}\nas a page:          windrow report {pipeline} --workdir {workdir}\nbatches and models: {workdir}\nserve them:         windrow serve {pipeline} --workdir {workdir}\n"
    )
}

fn addresses(running: &Running) -> String {
    let url = &running.url;
    let mut text = format!("\nopen in a browser:  {url}\ndocumentation:      {url}/docs\n");
    let snapshot = running.registry.snapshot();
    let example = snapshot.advised().and_then(|model| model.learned()?.examples.first());
    if let Some(example) = example {
        text.push_str(&format!("\nask a model:\n  {}\n", curl(url, ADVISED, &example.row)));
    }
    text
}
