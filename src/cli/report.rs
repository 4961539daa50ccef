//! `windrow report`: the advice as files that can be handed on.

use std::path::PathBuf;

use crate::cli::args::ReportArgs;
use crate::cli::print::stdout;
use crate::cli::{CliError, app};

pub(crate) fn execute(args: &ReportArgs) -> Result<(), CliError> {
    let app = app(&args.pipeline, &args.place)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.md", app.pipeline.name)));
    let files = app.report(&out)?;
    let files: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    Ok(stdout(&files)?)
}
