//! Options of the commands that look at data files.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::run::RunArgs;

/// What is said of a data file that it does not tell itself.
#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    /// What is predicted: 'COLUMN >= 15', 'COLUMN in A,B', or a column with two values, of which the rarer is positive
    #[arg(long, value_name = "RULE", help_heading = "Data file")]
    pub(crate) target: Option<String>,
    /// When a row happened: COLUMN, COLUMN=FORMAT (strftime's, `seconds` or `milliseconds`), or `none` for the order of rows
    #[arg(long, value_name = "COLUMN", help_heading = "Data file")]
    pub(crate) time: Option<String>,
    /// How the stream is cut: day, week, month, quarter, a duration as in 14d, parts=N or rows=N
    #[arg(long, value_name = "WINDOW", help_heading = "Data file")]
    pub(crate) window: Option<String>,
    /// Columns that measure
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) numeric: Vec<String>,
    /// Columns that name kinds
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) categorical: Vec<String>,
    /// Columns that nothing is learned from
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) leave_out: Vec<String>,
    /// Columns that stay although they seem to give the target away
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', help_heading = "Data file")]
    pub(crate) keep: Vec<String>,
    /// A further text that means 'missing'; may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Data file")]
    pub(crate) null: Vec<String>,
    /// The pipeline's name [default: the file's]
    #[arg(long, help_heading = "Data file")]
    pub(crate) name: Option<String>,
    /// The character between fields, where it is not found
    #[arg(long, value_name = "CHARACTER", value_parser = character, help_heading = "Data file")]
    pub(crate) delimiter: Option<u8>,
    /// Whether the first line names the columns, where it is not found
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no, help_heading = "Data file")]
    pub(crate) header: Option<bool>,
    /// Write a copy that is UTF-8 and in the order of its times, and go on with that
    #[arg(long, value_name = "OUT.csv.zst", help_heading = "Data file")]
    pub(crate) repaired_copy: Option<PathBuf>,
    /// Overwrite the files that are written
    #[arg(long, help_heading = "Data file")]
    pub(crate) force: bool,
}

impl DraftArgs {
    /// The options that describe the data file, with their values; those that were given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let one = [
            ("--target", self.target.clone()),
            ("--time", self.time.clone()),
            ("--window", self.window.clone()),
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
        one.chain(lists).chain(self.null.iter().map(|text| ("--null", text.clone())))
    }

    /// The first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let about_files = [("--repaired-copy", self.repaired_copy.is_some()), ("--force", self.force)];
        let about_files = about_files.into_iter().find(|(_, is_given)| *is_given);
        self.given().map(|(option, _)| option).next().or(about_files.map(|(option, _)| option))
    }
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The data file: CSV with any delimiter, plain, gzip, zstd, or a zip archive of one file; or Parquet
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
    /// The pipeline file that is written [default: ./NAME.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
    /// List all windows and notes
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, for machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Which dataset: a year of flights, or three years of taxi trips, whose answer is clear
    #[arg(long, default_value = "flights")]
    pub(crate) dataset: DemoDataset,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What the program carries with it.
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
