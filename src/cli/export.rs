//! `windrow export`: windows, scores and losses as tables, for other tools.

use std::path::PathBuf;

use crate::app::TableFormat;
use crate::cli::args::{ExportArgs, ExportFormat};
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use crate::cli::setup::app;

pub(crate) fn execute(args: &ExportArgs) -> Result<(), CliError> {
    let app = app(&args.pipeline, &args.place)?;
    let format = match args.format {
        ExportFormat::Parquet => TableFormat::Parquet,
        ExportFormat::Csv => TableFormat::Csv,
    };
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-export", app.pipeline.name)));
    let files = app.export(format, &out)?;
    let files: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    Ok(stdout(&files)?)
}
