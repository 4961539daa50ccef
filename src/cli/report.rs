//! `windrow report`: writes the advice as files that can be shared.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::app::Form;
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::error::CliError;
use crate::cli::paths::check_file;
use crate::cli::print::paths;
use crate::cli::setup::app;

/// The sentence if a PDF file was asked for, and no browser can print it.
const NO_BROWSER: &str = "Chromium is not installed, so the report is HTML: print it from a browser, as A4";

pub(crate) fn execute(args: &ReportArgs) -> Result<(), CliError> {
    let app = app(&args.at)?;
    let (name, format) = args.format;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(default_name(&app.pipeline.name, name)));
    check_file(&out, "--out")?;
    let form = match format {
        ReportFormat::Written(form) => form,
        ReportFormat::Pdf if app.print_report(args.author.clone(), &out)? => return paths(&[out]),
        ReportFormat::Pdf => Form::Html,
    };
    let is_instead = format == ReportFormat::Pdf;
    let out = if is_instead { out.with_extension("html") } else { out };
    if is_instead {
        check_file(&out, "--out")?;
        // The report is written, whether or not the sentence can be printed.
        let _ = writeln!(io::stderr(), "{NO_BROWSER}");
    }
    paths(&app.report(args.author.clone(), form, &out)?)
}

/// Returns the name of the file for a format.
fn default_name(pipeline: &str, format: &str) -> String {
    if format == "summary" { format!("{pipeline}-summary.md") } else { format!("{pipeline}.{format}") }
}

#[cfg(test)]
mod tests {
    use super::default_name;

    #[test]
    fn a_summary_does_not_replace_the_whole_report() {
        let names = ["html", "pdf", "md", "summary", "json"].map(|format| default_name("taxi", format));
        assert_eq!(names, ["taxi.html", "taxi.pdf", "taxi.md", "taxi-summary.md", "taxi.json"]);
    }
}
