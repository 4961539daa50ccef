//! `windrow report`: writes the advice as files that can be shared.

use std::path::PathBuf;

use crate::cli::args::ReportArgs;
use crate::cli::error::CliError;
use crate::cli::paths::check_file;
use crate::cli::print::paths;
use crate::cli::setup::app;

pub(crate) fn execute(args: &ReportArgs) -> Result<(), CliError> {
    let app = app(&args.at)?;
    let (ending, form) = args.format;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.{ending}", app.pipeline.name)));
    check_file(&out, "--out")?;
    paths(&app.report(form, &out)?)
}
