//! `windrow demo`: the flights pipeline, which the program carries with it.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::app::AppError;
use crate::cli::args::RunArgs;
use crate::cli::progress::Display;
use crate::cli::{CliError, run};
use crate::config::Pipeline;

const PIPELINE: &str = include_str!("../../fixtures/flights.toml");
const DATASET: &[u8] = include_bytes!("../../fixtures/flights.csv.zst");

pub(crate) async fn execute(args: RunArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let folder = args.place.workdir.clone().unwrap_or_else(|| PathBuf::from(".windrow/flights"));
    let file = unpack(&folder.join("demo"))?;
    let pipeline = Pipeline::load(&file).map_err(AppError::from)?;
    run::run(pipeline, args, display, stop).await
}

/// Puts pipeline file and dataset into the work directory, where a person can look at them and run them again.
fn unpack(folder: &Path) -> Result<PathBuf, CliError> {
    let file = folder.join("flights.toml");
    let write = || {
        fs::create_dir_all(folder)?;
        for (path, bytes) in [(folder.join("flights.csv.zst"), DATASET), (file.clone(), PIPELINE.as_bytes())] {
            // A file that is there and whole stays as it is: a run may be reading it.
            if !fs::read(&path).is_ok_and(|held| held == bytes) {
                fs::write(&path, bytes)?;
            }
        }
        Ok(())
    };
    write().map_err(|error: std::io::Error| {
        CliError::Failed(format!("cannot write {}: {error}; choose another place with --workdir", folder.display()))
    })?;
    Ok(file)
}
