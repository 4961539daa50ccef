//! Options of the commands that inspect data files.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::run::RunArgs;

/// Options that describe a data file, for facts that cannot be detected in it.
#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    /// Predict this target: 'COLUMN >= 15', 'COLUMN in A,B', or a column with two values, of which the rarer is positive
    #[arg(long, value_name = "RULE", help_heading = "Data file")]
    pub(crate) target: Option<String>,
    /// Take the time of a row from COLUMN or COLUMN=FORMAT (strftime, `seconds` or `milliseconds`); `none` uses the
    /// order of the rows
    #[arg(long, value_name = "COLUMN", help_heading = "Data file")]
    pub(crate) time: Option<String>,
    /// Cut the stream into windows by day, week, month, quarter, a duration as in 14d, parts=N or rows=N
    #[arg(long, value_name = "WINDOW", help_heading = "Data file")]
    pub(crate) window: Option<String>,
    /// Expect labels this long after their rows: a duration as in 30d or '2 weeks', or a number of windows [default: 0]
    #[arg(long, value_name = "DELAY", help_heading = "Data file")]
    pub(crate) label_delay: Option<String>,
    /// Use these columns as numbers
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) numeric: Vec<String>,
    /// Use these columns as categories
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) categorical: Vec<String>,
    /// Exclude these columns from the features
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) leave_out: Vec<String>,
    /// Keep these columns although they seem to reveal the target
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) keep: Vec<String>,
    /// Treat this text, too, as a missing value: TEXT, or COLUMN=TEXT in one column; may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Data file")]
    pub(crate) null: Vec<String>,
    /// Read this text as a number, as in 'fee=FREE=0'; may be repeated
    #[arg(long, value_name = "COLUMN=TEXT=NUMBER", help_heading = "Data file")]
    pub(crate) replace: Vec<String>,
    /// Give the pipeline this name [default: the name of the data file]
    #[arg(long, help_heading = "Data file")]
    pub(crate) name: Option<String>,
    /// Split fields at this character, or `tab` [default: detected]
    #[arg(long, value_name = "CHARACTER", value_parser = character, help_heading = "Data file")]
    pub(crate) delimiter: Option<u8>,
    /// Read the column names from the first line, or not [default: detected]
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no, help_heading = "Data file")]
    pub(crate) header: Option<bool>,
    /// Write a copy in UTF-8 with the rows in the order of their times, and use the copy
    #[arg(long, value_name = "OUT.csv.zst", help_heading = "Data file")]
    pub(crate) repaired_copy: Option<PathBuf>,
    /// Overwrite files that exist already
    #[arg(long, help_heading = "Data file")]
    pub(crate) force: bool,
}

impl DraftArgs {
    /// Returns the given options that describe the data file, with their values.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let one = [
            ("--target", self.target.clone()),
            ("--time", self.time.clone()),
            ("--window", self.window.clone()),
            ("--label-delay", self.label_delay.clone()),
            ("--name", self.name.clone()),
            ("--header", self.header.map(|header| if header { "yes" } else { "no" }.to_owned())),
            ("--delimiter", self.delimiter.map(|byte| char::from(byte).to_string())),
        ];
        let lists = [
            ("--numeric", &self.numeric),
            ("--categorical", &self.categorical),
            ("--leave-out", &self.leave_out),
            ("--keep", &self.keep),
        ];
        let one = one.into_iter().filter_map(|(option, value)| Some((option, value?)));
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let lists = lists.map(|(option, list)| (option, list.join(",")));
        let texts =
            self.null.iter().map(|text| ("--null", text)).chain(self.replace.iter().map(|it| ("--replace", it)));
        one.chain(lists).chain(texts.map(|(option, text)| (option, text.clone())))
    }

    /// Returns the first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let file_options = [("--repaired-copy", self.repaired_copy.is_some()), ("--force", self.force)];
        let file_options = file_options.into_iter().find(|(_, is_given)| *is_given);
        self.given().map(|(option, _)| option).next().or(file_options.map(|(option, _)| option))
    }
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The data file: CSV with any delimiter or JSON Lines (plain, gzip, zstd, or a zip archive of one file), or Parquet
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
    /// Write the pipeline file to this path [default: ./NAME.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Learn with trees of this library in place of the built-in solvers: write model.py next to the pipeline file
    #[arg(long, value_name = "LIBRARY")]
    pub(crate) learner: Option<LearnerLibrary>,
}

/// The libraries for which `init` writes the program of a learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LearnerLibrary {
    Lightgbm,
    Xgboost,
    Sklearn,
}

impl LearnerLibrary {
    /// Returns the name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lightgbm => "lightgbm",
            Self::Xgboost => "xgboost",
            Self::Sklearn => "sklearn",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The path of the pipeline file
    pub(crate) pipeline: PathBuf,
    /// List all windows, categories, faults and notes
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Use this dataset: a year of flights, or three years of taxi trips, for which the advice is clear
    #[arg(long, default_value = "flights")]
    pub(crate) dataset: DemoDataset,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The datasets that are built into the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DemoDataset {
    Flights,
    Taxi,
}

fn character(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err("expected one ASCII character, or tab".to_owned()),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}
