//! `windrow produce`, `consume` and `train`: one stage each, in a process of its own.

use std::num::NonZeroU64;

use tokio_util::sync::CancellationToken;

use crate::app::{Replay, RowNumber, Share};
use crate::cli::args::{ClusterArgs, ConsumeArgs, PipelineArgs, ReplayArgs, TrainArgs};
use crate::cli::error::CliError;
use crate::cli::kafka;
use crate::cli::progress::{Display, ProgressOptions};
use crate::cli::setup::{app, with_solver};
use windrow_config::{Cut, MAX_GAP, Pace, Pipeline, WindowPolicy};
use windrow_kafka::{Choice, Connection};

pub(crate) async fn produce(
    at: &PipelineArgs,
    cluster: ClusterArgs,
    replay: &ReplayArgs,
    share: Option<Share>,
    display: &Display,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let app = app(at)?;
    let connection = connection(cluster, &app.pipeline)?;
    let replay = Replay { share: share.unwrap_or_default(), ..chosen(replay, &app.pipeline)? };
    let shows = ProgressOptions { sent: true, stored: false };
    Ok(display.follow(&app.progress, shows, app.produce(connection, replay, stop)).await?)
}

pub(crate) async fn consume(args: ConsumeArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let app = app(&args.at)?;
    if args.group.is_some() && matches!(app.pipeline.window, WindowPolicy::Every(_)) {
        let problem = "--group cannot be combined with window.every: each member has its own clock";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let connection = connection(args.cluster, &app.pipeline)?;
    let consuming = app.consume(connection, args.group, args.end_after_idle, stop.clone());
    display.follow(&app.progress, ProgressOptions { sent: false, stored: true }, consuming).await?;
    wait_at_end(args.once, "the stream is complete", display, &stop).await;
    Ok(())
}

pub(crate) async fn train(args: TrainArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let app = with_solver(app(&args.at)?, &args.training)?;
    let training = Box::pin(app.train(args.training.bytes(), stop.clone()));
    display.follow(&app.progress, ProgressOptions::default(), training).await?;
    wait_at_end(args.once, "every window has its models", display, &stop).await;
    Ok(())
}

async fn wait_at_end(once: bool, done: &str, display: &Display, stop: &CancellationToken) {
    if !once && !stop.is_cancelled() {
        display.line(&format!("{done}; press Ctrl-C to end (with --once, it ends by itself)"));
        stop.cancelled().await;
    }
}

pub(crate) fn chosen(args: &ReplayArgs, pipeline: &Pipeline) -> Result<Replay, CliError> {
    let obstacle = match (pipeline.window, pipeline.stream.pace) {
        (WindowPolicy::Parts(_), _) if args.limit.is_none() => {
            Some("window.parts, because parts need an end: add --limit")
        }
        (WindowPolicy::Event { .. }, _) => Some("window.event, because the second round would be late"),
        (_, Pace::Replay { .. }) => Some("a pace of kind `replay`, because the second round would not wait"),
        _ => None,
    };
    let first = Cut::new(pipeline.window, None).window_of_row(RowNumber::from(args.from_row));
    if let (WindowPolicy::Rows(size), Some(first)) = (pipeline.window, first) {
        let before = first.get() - 1;
        if i64::from(before) > MAX_GAP {
            return Err(CliError::Usage(format!(
                "--from-row {}: {before} windows of {size} rows would be empty before this row, and more than \
                 {MAX_GAP} are treated as a mistake; raise window.rows, or replay a dataset that begins with \
                 this row",
                args.from_row
            )));
        }
    }
    match obstacle {
        Some(obstacle) if args.looped => Err(CliError::Usage(format!("--loop cannot be combined with {obstacle}"))),
        _ => Ok(Replay {
            from: RowNumber::from(args.from_row),
            limit: args.limit.map(NonZeroU64::get),
            again: args.looped,
            max_rate: args.max_rate,
            ..Replay::default()
        }),
    }
}

/// Returns the connection to a cluster that several processes share. None of them can start it, so the address is
/// required.
pub(crate) fn connection(cluster: ClusterArgs, pipeline: &Pipeline) -> Result<Connection, CliError> {
    match cluster.broker {
        Choice::External(address) => {
            Ok(Connection::new(address).with_properties(kafka::properties(&pipeline.kafka, cluster.client.property)?))
        }
        Choice::Auto | Choice::Embedded | Choice::Redpanda => Err(CliError::Usage(
            "this command needs the address of a running broker: start one with `windrow broker`, and give its \
             HOST:PORT with --broker"
                .to_owned(),
        )),
    }
}
