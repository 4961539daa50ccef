//! `windrow openapi` and `windrow schema`: the API document without a server, and the JSON Schema of the pipeline file.

use crate::cli::args::PipelineArgs;
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use crate::cli::setup::app;

pub(crate) fn execute(at: &PipelineArgs) -> Result<(), CliError> {
    let app = app(at)?;
    let mut document = windrow_server::document(&app.pipeline, app.registry()?);
    document.push('\n');
    stdout(&document)
}

pub(crate) fn schema() -> Result<(), CliError> {
    stdout(&format!("{:#}\n", windrow_config::json_schema()))
}
