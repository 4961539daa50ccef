//! `windrow export`: windows, scores and losses as tables, for other tools.

use std::path::PathBuf;

use crate::cli::args::ExportArgs;
use crate::cli::error::CliError;
use crate::cli::paths::check_directory;
use crate::cli::print::paths;
use crate::cli::setup::app;

pub(crate) fn execute(args: &ExportArgs) -> Result<(), CliError> {
    let app = app(&args.at)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-export", app.pipeline.name)));
    check_directory(&out, "--out")?;
    paths(&app.export(args.format.1, &out)?)
}
