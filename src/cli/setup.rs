//! Makes the app that a command runs, from the pipeline file, the command line and the environment.

use std::env::VarError;
use std::path::Path;
use std::sync::Arc;

use crate::app::{App, AppError, LearnerHost, Storage};
use crate::cli::args::{PipelineArgs, TrainingArgs, WorkdirArgs};
use crate::cli::environment::variable;
use crate::cli::error::CliError;
use crate::cli::paths::check_directory;
use windrow_base::telemetry::Progress;
use windrow_config::Pipeline;
use windrow_server::{Keys, KeysError};

pub(crate) fn app(at: &PipelineArgs) -> Result<App, CliError> {
    let pipeline = Pipeline::load(&at.pipeline).map_err(AppError::from)?;
    app_of(pipeline, &at.folder)
}

/// Returns the app for a pipeline, with the work directory of the command line and the object store's variables
/// (`AWS_...`).
pub(crate) fn app_of(pipeline: Pipeline, folder: &WorkdirArgs) -> Result<App, CliError> {
    let workdir = folder.workdir.clone().unwrap_or_else(|| Path::new(".windrow").join(&pipeline.name));
    check_directory(&workdir, "--workdir")?;
    let all = std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let storage = all.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()).collect();
    let (pipeline, storage) = (Arc::new(pipeline), Storage::new(storage));
    // Without its own path, the program is looked for like any other command.
    let executable = std::env::current_exe().unwrap_or_else(|_| "windrow".into());
    let host = LearnerHost { executable, environment: std::env::vars_os().collect() };
    Ok(App { pipeline, workdir, progress: Progress::default(), keys: Keys::default(), storage, host })
}

pub(crate) fn with_solver(app: App, args: &TrainingArgs) -> Result<App, CliError> {
    let Some(solver) = args.solver else { return Ok(app) };
    let pipeline = Pipeline::clone(&app.pipeline).with_solver(solver).map_err(AppError::from)?;
    Ok(App { pipeline: Arc::new(pipeline), ..app })
}

/// Adds the API keys from the key file of the pipeline and from the environment.
pub(crate) fn with_keys(app: App) -> Result<App, CliError> {
    let file = app.pipeline.serve.keys.clone();
    let text = match variable("WINDROW_API_KEYS") {
        Ok(text) => Some(text),
        Err(VarError::NotPresent) => None,
        // A server that should require keys must not start without them.
        Err(VarError::NotUnicode(_)) => return Err(AppError::from(KeysError::Text).into()),
    };
    let rate = app.pipeline.serve.requests_per_second;
    let keys = Keys::load(file.as_deref(), text.as_deref(), rate).map_err(AppError::from)?;
    Ok(App { keys, ..app })
}
