//! `windrow report`: the advice as files that can be handed on.

use std::path::PathBuf;

use crate::app::Form;
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::error::CliError;
use crate::cli::print::stdout;
use crate::cli::setup::app;

pub(crate) fn execute(args: &ReportArgs) -> Result<(), CliError> {
    let app = app(&args.pipeline, &args.place)?;
    let (form, ending) = match args.format {
        ReportFormat::Html => (Form::Html, "html"),
        ReportFormat::Md => (Form::Markdown, "md"),
        ReportFormat::Json => (Form::Json, "json"),
    };
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.{ending}", app.pipeline.name)));
    let files = app.report(form, &out)?;
    let files: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    Ok(stdout(&files)?)
}
