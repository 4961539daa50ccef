//! Options of `windrow judge`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::answer::AnswerArgs;
use windrow_config::{Costs, EventSpan, LabelDelay, ListenAddress};

#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The tables: CSV or JSON Lines (plain, gzip, zstd, or a zip archive of one file), or Parquet, with one row per
    /// prediction. The columns are `time` or `window`, `y`, `p` and `trained_through`, and optionally `trained_from` or
    /// `history`, `model`, `row` and `label_known`. Losses that `windrow export` wrote are read too. A folder stands for
    /// all tables in it, and a quoted pattern such as '2024-*.csv' for the files that match
    #[arg(required_unless_present = "files_from", value_name = "PREDICTIONS")]
    pub(crate) files: Vec<PathBuf>,
    /// Also read the tables whose paths are in this file, one on each line: for more paths than a command line takes
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// Cut the times into windows of a day, week, month, quarter, or a duration as in 14d. Not for tables with the column
    /// `window`
    #[arg(long, value_name = "WINDOW", value_parser = span)]
    pub(crate) window: Option<EventSpan>,
    /// Take `trained_through`, and `trained_from` or `history`, of each model from this table, by its name in the column
    /// `model`
    #[arg(long, value_name = "FILE")]
    pub(crate) models: Option<PathBuf>,
    /// Assume that labels are known this long after their rows: a duration as in 30d, or a number of windows [default: the
    /// fewest windows by which 95% of the labels are known, by the column `label_known`; 0 without it]
    #[arg(long, value_name = "DELAY")]
    pub(crate) label_delay: Option<LabelDelay>,
    /// Call a schedule good enough if it keeps this share of the best one's improvement
    #[arg(long, value_name = "SHARE", default_value = "0.9", value_parser = proper_share)]
    pub(crate) keep: f64,
    /// Let these costs decide, as in refit=200,miss=5,false_alarm=1
    #[arg(long, value_name = "COSTS")]
    pub(crate) cost: Option<Costs>,
    /// Count a row as labelled positive from this probability on
    #[arg(long, value_name = "PROBABILITY", default_value = "0.5", value_parser = proper_share)]
    pub(crate) threshold: f64,
    /// Give the answer this name [default: the name of the first file]
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    /// Print JSON instead of text. The member `text` has the text
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write a report with pictures to this file, which ends with .html, .md or .json. Give it once for each file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Vec<PathBuf>,
    /// Serve the answer as a page, until Ctrl-C [default address: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:8080",
        conflicts_with = "exit_code")]
    pub(crate) serve: Option<ListenAddress>,
    /// Store the answer in this folder [default: nowhere; with --serve, .windrow/judge-NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
}

fn span(text: &str) -> Result<EventSpan, String> {
    EventSpan::try_from(text.to_owned())
}

fn proper_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number above 0 and below 1".to_owned()),
    }
}
