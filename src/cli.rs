//! The commands: the only place that prints results, reads the environment and chooses exit codes.
//!
//! Exit codes: 0 done, 1 a finding or failure, 2 wrong use. Results go to standard output, progress and errors to
//! standard error.

mod advise;
mod args;
mod audit;
mod broker;
mod check;
mod demo;
mod export;
mod health;
mod init;
mod kafka;
mod key;
mod logging;
mod manual;
mod models;
mod openapi;
mod print;
mod progress;
mod report;
mod run;
mod serve;
mod signal;
mod stages;
mod topic;
mod version;
mod windows;

use std::env::VarError;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use self::args::{Cli, Command, PlaceArgs};
use self::progress::Display;
use crate::app::{App, AppError, Storage, WorkdirError, default_workdir};
use windrow_base::telemetry::Progress;
use windrow_config::{ConfigError, Pipeline};
use windrow_dataset::inspection::InspectionError;
use windrow_server::api::{Keys, KeysError};

/// How long threads that still wait for a broker or a disk may hold up the exit.
const RUNTIME_SHUTDOWN: Duration = Duration::from_millis(500);

/// The whole program.
#[must_use]
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows which goes where and which code is due.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let display = Display::new(cli.quiet);
    let log = logging::start(&display);
    let ended = execute(cli.command, &display);
    log.finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::BrokenPipe | CliError::App(AppError::Stopped)) => ExitCode::SUCCESS,
        Err(error) => {
            display.error(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command, display: &Display) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        signal::watch(stop.clone(), display.clone());
        match command {
            Command::Demo(args) => demo::execute(args, display, stop).await,
            Command::Init(args) => init::execute(args, display, stop).await,
            Command::Check(args) => check::execute(args, display, stop).await,
            Command::Run { pipeline, draft, run } => run::execute(&pipeline, &draft, run, display, stop).await,
            Command::Broker(args) => broker::execute(args, display, stop).await,
            Command::Topic(command) => topic::execute(command).await,
            Command::Produce { pipeline, place, cluster, replay, share } => {
                stages::produce(&pipeline, &place, cluster, &replay, share, display, stop).await
            }
            Command::Consume(args) => stages::consume(args, display, stop).await,
            Command::Train(args) => stages::train(args, display, stop).await,
            Command::Serve(args) => serve::execute(args, display, stop).await,
            Command::Advise(args) => advise::execute(args, display, stop).await,
            Command::Audit(args) => audit::execute(args, display, stop).await,
            Command::Report(args) => report::execute(&args),
            Command::Export(args) => export::execute(&args),
            Command::Models(args) => models::execute(&args),
            Command::Health(args) => health::execute(&args).await,
            Command::Key(args) => key::execute(&args),
            Command::Openapi { pipeline, place } => openapi::execute(&pipeline, &place),
            Command::Completions { shell } => manual::completions(shell),
            Command::Man => manual::page(),
        }
    });
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
    result
}

fn app(pipeline: &Path, place: &PlaceArgs) -> Result<App, CliError> {
    let pipeline = Pipeline::load(pipeline).map_err(AppError::from)?;
    Ok(app_of(pipeline, place))
}

fn app_of(pipeline: Pipeline, place: &PlaceArgs) -> App {
    let workdir = place.workdir.clone().unwrap_or_else(|| default_workdir(&pipeline));
    let storage =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let storage = storage.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()).collect();
    App {
        pipeline: Arc::new(pipeline),
        workdir,
        progress: Progress::default(),
        keys: Keys::default(),
        storage: Storage::new(storage),
    }
}

/// With the solver that the command line names.
fn with_solver(app: App, args: &args::TrainingArgs) -> Result<App, CliError> {
    let Some(solver) = args.solver else { return Ok(app) };
    let pipeline = Pipeline::clone(&app.pipeline).with_solver(solver).map_err(AppError::from)?;
    Ok(App { pipeline: Arc::new(pipeline), ..app })
}

/// With the API keys that the pipeline file and the environment name.
fn with_keys(app: App) -> Result<App, CliError> {
    let file = app.pipeline.serve.keys.clone();
    let text = match variable("WINDROW_API_KEYS") {
        Ok(text) => Some(text),
        Err(VarError::NotPresent) => None,
        // A server that was to ask for keys must not be open.
        Err(VarError::NotUnicode(_)) => return Err(AppError::from(KeysError::Text).into()),
    };
    let rate = app.pipeline.serve.requests_per_second;
    let keys = Keys::load(file.as_deref(), text.as_deref(), rate).map_err(AppError::from)?;
    Ok(App { keys, ..app })
}

#[expect(clippy::disallowed_methods, reason = "cli is where the environment is read")]
fn variable(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

/// A variable that is as good as unset where it is empty.
fn environment(name: &str) -> Option<String> {
    variable(name).ok().filter(|value| !value.is_empty())
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    App(#[from] AppError),
    /// What was asked for cannot be, whatever the state of things.
    #[error("{0}")]
    Use(String),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Inspection(#[from] InspectionError),
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// Whoever read our output has seen enough.
    #[error("the reader of standard output has gone")]
    BrokenPipe,
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Use(_)
            | Self::Inspection(InspectionError::Use(_) | InspectionError::Questions(_) | InspectionError::Config(_))
            | Self::App(AppError::Config(
                ConfigError::Read { .. } | ConfigError::Data { .. } | ConfigError::Invalid { .. },
            ))
            | Self::App(AppError::Workdir(
                WorkdirError::Changed { .. } | WorkdirError::Shared { .. } | WorkdirError::NotShared { .. },
            )) => 2,
            _ => 1,
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Output(error) }
    }
}
