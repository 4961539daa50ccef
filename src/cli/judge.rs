//! `windrow judge`: the advice for any model, from a table of its predictions.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, Form, listening, write_report};
use crate::cli::advise::{reason, text, text_of_log, text_of_one_phase};
use crate::cli::args::{JudgeArgs, WorkdirArgs};
use crate::cli::error::CliError;
use crate::cli::judge_paths::files;
use crate::cli::paths::check_file;
use crate::cli::print::{json, stdout, wrapped};
use crate::cli::progress::{Display, ProgressOptions};
use crate::cli::setup::{app_of, with_keys};
use windrow_base::runtime::blocking;
use windrow_config::Pipeline;
use windrow_evaluation::Advice;
use windrow_judge::{JudgeOptions, Judged, TableKind, judge_files};

pub(crate) async fn execute(args: JudgeArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let forms: Vec<Form> = args.report.iter().map(|path| form_of(path)).collect::<Result<_, CliError>>()?;
    let files = files(&args)?;
    let name =
        args.name.clone().unwrap_or_else(|| name_of(args.files.iter().filter(|path| path.exists()).chain(&files)));
    let options = JudgeOptions {
        name: name.clone(),
        window: args.window,
        models: args.models.clone(),
        label_delay: args.label_delay.clone(),
        keep: args.keep,
        cost: args.cost,
        threshold: args.threshold,
    };
    let judging = blocking(move || judge_files(&files, &options));
    let Some(judged) = stop.run_until_cancelled(judging).await else {
        // Exit code 0 would mean that the policy in office holds.
        let stopped = || CliError::Failed("stopped before there was an answer".to_owned());
        return if args.answer.exit_code { Err(stopped()) } else { Ok(()) };
    };
    let judged = judged?;
    let mut app = None;
    if args.serve.is_some() || args.workdir.is_some() {
        app = Some(stored(&args, &name, &judged)?);
    }
    for (path, form) in args.report.iter().zip(forms) {
        write_report(&judged.advice, form, path)?;
    }
    let printed = if args.json { json(&as_json(&judged, &args)?) } else { stdout(&page(&judged, &args)) };
    match printed {
        // The answer is the same if the reader, such as `head`, does not read all of it.
        Ok(()) | Err(CliError::BrokenPipe) if args.answer.exit_code => {
            return Err(CliError::Advised(judged.advice.recommendation.action));
        }
        printed => printed?,
    }
    match app.filter(|_| args.serve.is_some()) {
        Some(app) => serve(&with_keys(app)?, display, stop).await,
        None => Ok(()),
    }
}

/// Returns the form of a report, by the ending of its file.
fn form_of(path: &Path) -> Result<Form, CliError> {
    check_file(path, "--report")?;
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => Ok(Form::Html),
        Some("md") => Ok(Form::Markdown),
        Some("json") => Ok(Form::Json),
        _ => Err(CliError::Usage(format!("--report: {} must end with .html, .md or .json", path.display()))),
    }
}

/// Returns the name of the first file or folder without its endings, as in `scores` for `data/scores.csv.zst`.
fn name_of<'p>(mut paths: impl Iterator<Item = &'p PathBuf>) -> String {
    let name = paths.next().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    if stem.is_empty() { "predictions".to_owned() } else { stem.to_owned() }
}

fn page(judged: &Judged, args: &JudgeArgs) -> String {
    let text = match judged.table.kind {
        TableKind::OnePhase => text_of_one_phase,
        TableKind::Log => text_of_log,
        TableKind::WalkForward | TableKind::Backtest | TableKind::Losses => text,
    };
    text(&judged.advice, args.answer.all) + &facts(&judged.advice) + &reason(&judged.advice, args.answer.exit_code)
}

/// Returns the facts on the table. What is not judged is among the sentences of the advice.
fn facts(advice: &Advice) -> String {
    let mut text = "\nThe table\n".to_owned();
    for sentence in &advice.subject.facts {
        text.push_str(&wrapped(sentence));
    }
    text
}

/// Returns the advice as JSON, with the facts on the table and the text of the page.
fn as_json(judged: &Judged, args: &JudgeArgs) -> Result<Value, CliError> {
    let value = |found: serde_json::Result<Value>| {
        found.map_err(|error| CliError::Failed(format!("the answer cannot be written as JSON: {error}")))
    };
    let mut advice = value(serde_json::to_value(&judged.advice))?;
    let table = value(serde_json::to_value(&judged.table))?;
    if let Some(members) = advice.as_object_mut() {
        members.insert("table".to_owned(), table);
        members.insert("text".to_owned(), Value::String(page(judged, args)));
    }
    Ok(advice)
}

/// Stores the advice in the work directory. Returns the app that serves it.
fn stored(args: &JudgeArgs, name: &str, judged: &Judged) -> Result<App, CliError> {
    let pipeline = listening(pipeline(args, name, judged)?, args.serve.clone());
    let app = app_of(pipeline, &WorkdirArgs { workdir: args.workdir.clone() })?;
    if app.workdir.join("run.json").exists() {
        return Err(CliError::Usage(format!(
            "{} has the run of a pipeline, whose advice would be replaced: give another --workdir",
            app.workdir.display()
        )));
    }
    app.registry()?.publish_advice(&judged.advice).map_err(AppError::from)?;
    Ok(app)
}

/// Returns a pipeline for the pages of the server: its name, its windows and its settings. Nothing runs it.
fn pipeline(args: &JudgeArgs, name: &str, judged: &Judged) -> Result<Pipeline, CliError> {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = format!("judge-{name}").chars().map(plain).collect();
    let first = args.files.first().or(args.files_from.as_ref());
    let file = first.map(|path| path.display().to_string()).unwrap_or_default();
    let file = toml::Value::String(file);
    let window = match args.window {
        Some(span) => {
            let span = toml::Value::String(String::from(span));
            format!("[dataset.time]\ncolumn = \"time\"\nformat = \"seconds\"\n[window]\nevent = {span}\n")
        }
        None => "[window]\nrows = 1\n".to_owned(),
    };
    let text = format!(
        "name = \"{name}\"\n[target]\ncolumn = \"y\"\nat_least = 1\n[features]\nnumeric = [\"p\"]\n[advise]\nkeep = \
         {}\nlabel_delay = {}\n[dataset]\npath = {file}\n{window}",
        args.keep, judged.delay.windows
    );
    Ok(Pipeline::parse(Path::new(""), &text).map_err(AppError::from)?)
}

async fn serve(app: &App, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let serving = async {
        let mut running = app.serve(stop).await?;
        let served = running.serve_on().await;
        served.and(running.shutdown().await)
    };
    Ok(display.follow(&app.progress, ProgressOptions::default(), serving).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_name_of_its_first_file() {
        let names = ["data/scores.csv.zst", "flights", ".csv", ""].map(|path| name_of([PathBuf::from(path)].iter()));
        assert_eq!(names, ["scores", "flights", "predictions", "predictions"]);
    }
}
