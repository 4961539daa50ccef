//! The commands: the only place that prints results, reads the environment and chooses exit codes.
//!
//! Exit codes: 0 success, 1 a finding or failure, 2 wrong use, 3 and 4 the answers of `windrow advise --exit-code` and
//! `windrow judge --exit-code`; 3 is also the answer of `windrow diff` if something differs.
//! Results go to standard output; progress and errors go to standard error.
//!
//! - `args` declares the command line; `execute`, below, calls the module of the command. No module imports this file.
//! - Each command has a module with its name. `stages` has `produce`, `consume` and `train`, `manual` has `man` and
//!   `completions`, `windows` has `models --windows`, `diff/` the sections of `diff`.
//! - `setup` makes the app that a command runs; `environment` and `kafka` read settings; `signal` listens for Ctrl-C.
//! - `print` writes results, `progress` shows progress and errors, `logging` writes the log, `version` describes the
//!   build.
//! - `error`: the reasons why a command fails, and their exit codes. `paths`: sentences for paths that lead nowhere.

mod advise;
mod args;
mod audit;
mod broker;
mod check;
mod demo;
mod diff;
mod environment;
mod error;
mod export;
mod health;
mod init;
mod judge;
mod judge_paths;
mod kafka;
mod key;
mod logging;
mod manual;
mod models;
mod openapi;
mod paths;
mod print;
mod progress;
mod report;
mod run;
mod serve;
mod setup;
mod signal;
mod stages;
mod topic;
mod version;
mod windows;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use self::args::{Cli, Command};
use self::error::CliError;
use self::progress::Display;
use crate::app::AppError;

/// The time limit, at exit, for threads that still wait for a broker or a disk.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; clap knows the stream and the exit code for each.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let display = Display::new(cli.quiet);
    if let Command::Worker { command } = &cli.command {
        return worker::execute(command, &display);
    }
    let finish_log = logging::start(&display);
    let ended = execute(cli.command, &display);
    finish_log();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::BrokenPipe | CliError::App(AppError::Stopped)) => ExitCode::SUCCESS,
        Err(answer @ (CliError::Advised(_) | CliError::Differs)) => ExitCode::from(answer.exit_code()),
        Err(error) => {
            display.error(&paths::sentence(&error).unwrap_or_else(|| error.to_string()));
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
            Command::Produce { at, cluster, replay, share } => {
                stages::produce(&at, cluster, &replay, share, display, stop).await
            }
            Command::Consume(args) => stages::consume(args, display, stop).await,
            Command::Train(args) => stages::train(args, display, stop).await,
            Command::Serve(args) => serve::execute(args, display, stop).await,
            Command::Advise(args) => advise::execute(args, display, stop).await,
            Command::Judge(args) => judge::execute(args, display, stop).await,
            Command::Audit(args) => audit::execute(args, display, stop).await,
            Command::Diff(args) => diff::execute(args, stop).await,
            Command::Report(args) => report::execute(&args),
            Command::Export(args) => export::execute(&args),
            Command::Models(args) => models::execute(&args),
            Command::Health(args) => health::execute(&args).await,
            Command::Key(args) => key::execute(&args),
            Command::Openapi(at) => openapi::execute(&at),
            Command::Schema => openapi::schema(),
            Command::Completions { shell } => manual::completions(shell),
            Command::Man => manual::page(),
            // `main` runs it, without a log and a runtime.
            Command::Worker { .. } => Ok(()),
        }
    });
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    result
}
