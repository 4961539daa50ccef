//! `windrow init`: writes a pipeline file for a data file. In a terminal it asks questions; elsewhere it prints the
//! questions and the options that answer them. `estimate`: the time that a run is likely to take. `learner`: the program
//! of `--learner`.

mod estimate;
mod learner;

use std::fs;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Input, Select};
use tokio_util::sync::CancellationToken;

use crate::cli::args::{DraftArgs, InitArgs, LearnerLibrary};
use crate::cli::error::{CliError, Result};
use crate::cli::init::learner::LearnerProgram;
use crate::cli::paths::check_file;
use crate::cli::print::{stdout, wrapped};
use crate::cli::progress::Display;
use windrow_base::runtime::blocking;
use windrow_config::{LabelDelay, LabelDelayError, WindowPolicy};
use windrow_dataset::DatasetError;
use windrow_dataset::inspection::{
    self, Choice, Draft, InspectionError, LayoutOptions, Options, Question, Repaired, Scan,
};
use windrow_record::display::{counted, duration, shell_word, thousands};

/// The number of excluded columns that are listed one by one.
const MAX_LISTED_COLUMNS: usize = 12;

pub(crate) async fn execute(args: InitArgs, display: &Display, stop: CancellationToken) -> Result<(), CliError> {
    let outputs = Outputs { file: args.out, learner: args.learner };
    let writing = write(&args.data, &args.draft, outputs, "init", display);
    let Some(written) = stop.run_until_cancelled(writing).await.transpose()? else { return Ok(()) };
    stdout(&summary(&written))?;
    if let Some(program) = &written.program {
        stdout(&program.summary())?;
    }
    let file = shell_word(&written.file.display().to_string());
    stdout(&format!("\nrun it:    windrow run {file}\ncheck it:  windrow check {file}\n"))
}

/// A pipeline file that was written for a data file.
#[derive(Debug)]
pub(crate) struct Written {
    file: PathBuf,
    pub(crate) draft: Draft,
    /// The number of rows of the data file.
    rows: u64,
    /// The program of the learner that was written, too.
    program: Option<LearnerProgram>,
}

/// The files to write, if they are not the usual ones.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// The path of the pipeline file.
    file: Option<PathBuf>,
    /// The library of the learner whose program is written, too.
    learner: Option<LearnerLibrary>,
}

/// Writes the pipeline file of a data file.
pub(crate) async fn write(
    data: &Path,
    args: &DraftArgs,
    outputs: Outputs,
    command: &str,
    display: &Display,
) -> Result<Written, CliError> {
    let Outputs { file: out, learner: library } = outputs;
    if let Some(out) = &out {
        check_file(out, "--out")?;
    }
    let learner = library.map_or_else(Vec::new, |_| LearnerProgram::command());
    let mut options = Options { is_interactive: display.is_interactive(), learner, ..options(args) };
    let given = GivenCommand { command, data, args, library, copy: None };
    let given_command = given.line(true, true);
    let repaired = repaired(given, &mut options, display).await?;
    // The name is that of the original, not of its repaired copy.
    options.name.get_or_insert_with(|| inspection::name_of(data));
    let data = if repaired.is_some() { args.repaired_copy.clone().unwrap_or_default() } else { data.to_owned() };
    let given = GivenCommand { data: &data, ..given };
    let counting = display.counting("scanning");
    let (path, asked, tell) = (data.clone(), options.clone(), counting.callback());
    let scan = blocking(move || Scan::read(&path, &asked, &*tell)).await;
    drop(counting);
    let scan = match scan {
        Err(error @ InspectionError::Utf16(_)) => {
            let advice = format!("write a copy in UTF-8:  {given_command} --repaired-copy OUT.csv.zst");
            return Err(CliError::Failed(format!("{error}\n  {advice}")));
        }
        scan => Arc::new(scan?),
    };
    let file = out.unwrap_or_else(|| PathBuf::from(format!("{}.toml", options.name.as_deref().unwrap_or("data"))));
    if file.exists() && !args.force && command == "init" {
        let file = file.display();
        let problem = format!("{file} exists already: overwrite it with --force, or choose another --out");
        return Err(CliError::Usage(problem));
    }
    let program = library.map(|library| LearnerProgram::new(library, &file)).transpose()?;
    let draft = loop {
        let counting = display.counting("reading");
        counting.of(scan.rows);
        let (scan, asked, tell) = (Arc::clone(&scan), options.clone(), counting.callback());
        let (path, line) = (file.clone(), given_command.clone());
        let drafted = blocking(move || inspection::draft(&scan, &asked, &path, &line, &*tell)).await;
        drop(counting);
        match drafted {
            Err(InspectionError::Questions(questions)) => given.answer(&questions, &mut options, display)?,
            drafted => break drafted?,
        }
    };
    // The program comes first: if this process is killed before the second file, the same command can be given again.
    if let Some(program) = &program {
        program.save()?;
    }
    save(&file, &draft.text, args.force)?;
    Ok(Written { file, draft, rows: scan.rows, program })
}

async fn repaired(given: GivenCommand<'_>, options: &mut Options, display: &Display) -> Result<Option<Repaired>> {
    let GivenCommand { data, args, .. } = given;
    let Some(copy) = &args.repaired_copy else { return Ok(None) };
    check_file(copy, "--repaired-copy")?;
    let given = GivenCommand { copy: Some(copy), ..given };
    let is_same = fs::canonicalize(copy).is_ok_and(|copy| fs::canonicalize(data).is_ok_and(|data| data == copy));
    let path = copy.display();
    if is_same {
        return Err(CliError::Usage(format!("--repaired-copy: {path} is the data file: choose another path")));
    }
    if copy.exists() && !args.force {
        return Err(CliError::Usage(format!("--repaired-copy: {path} exists already: overwrite it with --force")));
    }
    let repaired = loop {
        let counting = display.counting("repairing");
        let (from, to, asked, tell) = (data.to_owned(), copy.clone(), options.clone(), counting.callback());
        let repaired = blocking(move || inspection::repair(&from, &to, &asked, &*tell)).await;
        drop(counting);
        match repaired {
            Err(InspectionError::Questions(questions)) => given.answer(&questions, options, display)?,
            // No pipeline file names this path yet, so the error must not refer to one.
            Err(InspectionError::Dataset(DatasetError::Open { path, source })) => {
                return Err(InspectionError::Open { path, source }.into());
            }
            repaired => break repaired?,
        }
    };
    display.line(&match repaired {
        None => "nothing needs repair, so no copy was written".to_owned(),
        Some(Repaired { rows, decoded, is_header_decoded, moved }) => {
            let [rows, moved] = [rows, moved].map(thousands);
            let counts = format!("{rows} rows, {moved} of them moved into the order of their times");
            let decoded = match (is_header_decoded, decoded) {
                (true, 0) => "the header line".to_owned(),
                (true, rows) => format!("the header line and {}", counted(rows, "row", "rows")),
                (false, rows) => thousands(rows),
            };
            format!("{path}: {counts}, {decoded} converted to UTF-8")
        }
    });
    Ok(repaired)
}

fn options(args: &DraftArgs) -> Options {
    Options {
        target: args.target.clone(),
        time: args.time.clone(),
        numeric: args.numeric.clone(),
        categorical: args.categorical.clone(),
        leave_out: args.leave_out.clone(),
        keep: args.keep.clone(),
        null: args.null.clone(),
        replace: args.replace.clone(),
        is_interactive: false,
        window: args.window.clone(),
        label_delay: args.label_delay.clone(),
        name: args.name.clone(),
        learner: Vec::new(),
        layout: LayoutOptions { delimiter: args.delimiter, has_header: args.header },
    }
}

/// The command line as it was given, as far as messages repeat it.
#[derive(Clone, Copy)]
struct GivenCommand<'a> {
    command: &'a str,
    data: &'a Path,
    args: &'a DraftArgs,
    library: Option<LearnerLibrary>,
    /// The repaired copy, if it is still to be written.
    copy: Option<&'a Path>,
}

impl GivenCommand<'_> {
    /// Returns the command line, ready to be pasted and extended.
    fn line(self, with_target: bool, with_time: bool) -> String {
        let mut line = format!("windrow {} {}", self.command, shell_word(&self.data.display().to_string()));
        for (option, value) in self.args.given() {
            match option {
                "--target" if !with_target => {}
                "--time" if !with_time => {}
                // `=` is necessary: a value that begins with a hyphen would be read as an option.
                "--null" | "--replace" => line.push_str(&format!(" {option}={}", shell_word(&value))),
                _ => line.push_str(&format!(" {option} {}", shell_word(&value))),
            }
        }
        if let Some(library) = self.library {
            line.push_str(&format!(" --learner {}", library.name()));
        }
        if let Some(copy) = self.copy {
            line.push_str(&format!(" --repaired-copy {}", shell_word(&copy.display().to_string())));
        }
        line
    }

    /// Asks the questions in a terminal. Elsewhere, the questions and the options that answer them are an error.
    fn answer(self, questions: &[Question], options: &mut Options, display: &Display) -> Result<()> {
        if !display.is_interactive() {
            return Err(CliError::Usage(self.non_interactive_questions(questions)));
        }
        questions.iter().try_for_each(|question| ask(question, options))
    }

    /// Returns the questions, and the options that answer them.
    fn non_interactive_questions(self, questions: &[Question]) -> String {
        let asks = |option: &str| questions.iter().any(|question| question.is_about(option));
        // Leaves out the options that the questions are about.
        let given_command = self.line(!asks("--target"), !asks("--time"));
        let mut text = String::from("the data file leaves questions open; answer them on the command line:");
        let is_one = questions.len() == 1;
        let mut whole = given_command.clone();
        for question in questions {
            text.push_str(&format!("\n\n{}", question.text));
            let choices = question
                .choices
                .iter()
                .map(|choice| (format!("{} {}", choice.option, shell_word(&choice.value)), &choice.meaning));
            let choices: Vec<(String, &String)> = choices.collect();
            for (option, meaning) in &choices {
                let line = if is_one { format!("{given_command} {option}") } else { option.clone() };
                text.push_str(&format!("\n  {line}\n      {meaning}"));
            }
            let first = choices.first().map(|(option, _)| option.clone());
            let first = first.unwrap_or_else(|| format!("{} ...", question.open.unwrap_or_default()));
            whole.push_str(&format!(" {first}"));
            if choices.is_empty() {
                text.push_str(&format!("\n  {given_command} {first}"));
            }
        }
        if !is_one {
            text.push_str(&format!("\n\nfor example:\n  {whole}"));
        }
        text
    }
}

fn ask(question: &Question, options: &mut Options) -> Result<(), CliError> {
    let theme = ColorfulTheme::default();
    let unasked = |error: dialoguer::Error| CliError::Failed(format!("cannot ask a question in the terminal: {error}"));
    let item = |choice: &Choice| match choice.option {
        "--target" | "--time" => format!("{}   ({})", choice.value, choice.meaning),
        _ => choice.meaning.clone(),
    };
    let mut items: Vec<String> = question.choices.iter().map(item).collect();
    if question.open.is_some() {
        items.push("something else".to_owned());
    }
    let chosen =
        Select::with_theme(&theme).with_prompt(&question.text).items(&items).default(0).interact().map_err(unasked)?;
    let (option, value) = match question.choices.get(chosen) {
        Some(choice) => (choice.option, choice.value.clone()),
        None => {
            let option = question.open.unwrap_or_default();
            let input = Input::<String>::with_theme(&theme);
            let input = match option {
                "--label-delay" => {
                    let has_window_length = !question.choices.iter().any(is_in_windows);
                    let prompt = match has_window_length {
                        true => "the time from a row to its label, as in `30d`, `2 weeks` or `1 month`",
                        false => "the number of windows from a row to its label, as in `3`",
                    };
                    let check = move |text: &String| check_label_delay(text, has_window_length);
                    input.with_prompt(prompt).validate_with(check)
                }
                _ => input.with_prompt("the target, as in `COLUMN >= 15` or `COLUMN in A,B`"),
            };
            (option, input.interact_text().map_err(unasked)?)
        }
    };
    options.answer(option, value);
    Ok(())
}

/// Returns true if the choice is a label delay of one or more windows. Such choices are offered only if windows have no
/// length in time.
fn is_in_windows(choice: &Choice) -> bool {
    matches!(choice.value.parse::<LabelDelay>(), Ok(LabelDelay::Windows(1..)))
}

/// Checks a label delay that the user wrote in a terminal.
fn check_label_delay(text: &str, has_window_length: bool) -> Result<(), LabelDelayError> {
    match text.parse::<LabelDelay>()? {
        // The number of windows in a duration can be checked only when the windows are known.
        LabelDelay::After { .. } if has_window_length => Ok(()),
        delay => delay.in_windows(WindowPolicy::Parts(NonZeroU32::MIN)).map(drop),
    }
}

/// Writes a file, and overwrites another one only with `force`. A file with the same text is left as it is.
fn save(file: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("cannot write {}: {error}", file.display()));
    if force {
        return fs::write(file, text).map_err(failed);
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut new) => new.write_all(text.as_bytes()).map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if fs::read(file).is_ok_and(|held| held == text.as_bytes()) {
                return Ok(());
            }
            let advice = "overwrite it with --force, or choose another --name";
            Err(CliError::Usage(format!("{} exists already, with other content: {advice}", file.display())))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Returns a summary of the pipeline file, and the notes that a user should know.
pub(crate) fn summary(written: &Written) -> String {
    let Written { file, draft, rows, .. } = written;
    let pipeline = &draft.pipeline;
    let features = &pipeline.features;
    let mut text = format!("{} was written\n\n", file.display());
    let counts = [
        (features.numeric.len(), "number", "numbers"),
        (features.categorical.len(), "category", "categories"),
        (features.calendar.len(), "part of the calendar", "parts of the calendar"),
    ];
    let listed = counts.into_iter().filter(|(count, _, _)| *count > 0);
    let listed = listed.map(|(count, one, many)| counted(count as u64, one, many));
    let learned = listed.collect::<Vec<_>>().join(", ");
    text.push_str(&wrapped(&format!("features: {learned}")));
    text.push_str(&wrapped(&format!("windows: {}", draft.cut)));
    if let Some(time) = estimate::run_time(pipeline, *rows, draft.windows) {
        text.push_str(&wrapped(&format!("running it takes about {}", duration(time))));
    }
    for note in &draft.notes {
        text.push_str(&wrapped(note));
    }
    if !draft.left_out.is_empty() {
        text.push_str("\nleft out:\n");
    }
    for (name, reason) in draft.left_out.iter().take(MAX_LISTED_COLUMNS) {
        text.push_str(&wrapped(&format!("{name}: {reason}")));
    }
    if draft.left_out.len() > MAX_LISTED_COLUMNS {
        let more = draft.left_out.len() - MAX_LISTED_COLUMNS;
        text.push_str(&format!("  and {} more; {} lists all of them\n", more, file.display()));
    }
    text
}
