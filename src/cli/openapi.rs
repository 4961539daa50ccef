//! `windrow openapi` and `windrow schema`: the API document without a server, and the JSON Schema of the pipeline file.

use std::path::Path;

use crate::cli::args::PlaceArgs;
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use crate::cli::setup::app;
use windrow_server::api;

pub(crate) fn execute(pipeline: &Path, place: &PlaceArgs) -> Result<(), CliError> {
    let app = app(pipeline, place)?;
    let mut document = api::document(&app.pipeline, app.registry()?);
    document.push('\n');
    Ok(stdout(&document)?)
}

/// Prints the JSON Schema of a pipeline file.
pub(crate) fn schema() -> Result<(), CliError> {
    Ok(stdout(&format!("{:#}\n", windrow_config::json_schema()))?)
}
