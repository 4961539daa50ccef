//! `windrow demo`: pipelines that are built into the program.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::app::AppError;
use crate::cli::args::{DemoArgs, DemoDataset};
use crate::cli::error::CliError;
use crate::cli::paths::check_directory;
use crate::cli::progress::Display;
use crate::cli::run;
use windrow_config::Pipeline;

/// The name of a pipeline, its file and its dataset, built into the program.
type BundledDataset = (&'static str, &'static str, &'static [u8]);

const FLIGHTS: BundledDataset =
    ("flights", include_str!("../../fixtures/flights.toml"), include_bytes!("../../fixtures/flights.csv.zst"));
const TAXI: BundledDataset =
    ("taxi", include_str!("../../fixtures/taxi.toml"), include_bytes!("../../fixtures/taxi.csv.zst"));

pub(crate) async fn execute(args: DemoArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let carried = match args.dataset {
        DemoDataset::Flights => FLIGHTS,
        DemoDataset::Taxi => TAXI,
    };
    let workdir = args.run.folder.workdir.clone();
    let folder = workdir.unwrap_or_else(|| PathBuf::from(format!(".windrow/{}", carried.0)));
    check_directory(&folder, "--workdir")?;
    let file = unpack(&folder.join("demo"), carried)?;
    let pipeline = Pipeline::load(&file).map_err(AppError::from)?;
    run::run(pipeline, args.run, display, stop).await
}

/// Writes the pipeline file and the dataset to the work directory, so that a user can read them and run them again.
fn unpack(folder: &Path, (name, pipeline, dataset): BundledDataset) -> Result<PathBuf, CliError> {
    let (file, data) = (folder.join(format!("{name}.toml")), folder.join(format!("{name}.csv.zst")));
    let failed = |error: std::io::Error| {
        CliError::Failed(format!("cannot write {}: {error}; choose another directory with --workdir", folder.display()))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for (path, bytes) in [(data, dataset), (file.clone(), pipeline.as_bytes())] {
        // Does not rewrite a complete file, because a run may be reading it.
        if !fs::read(&path).is_ok_and(|held| held == bytes) {
            fs::write(&path, bytes).map_err(failed)?;
        }
    }
    Ok(file)
}
