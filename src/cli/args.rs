//! The arguments of the command line. The help text of each option is the comment of its field.
//!
//! [`Cli`] and [`Command`] list all commands. Options that several commands share are in files of their own: `workdir`,
//! `cluster`, `run`, `training`, `data` and `answer`; `judge` and `diff` have those of their commands.

mod answer;
mod cluster;
mod data;
mod diff;
mod judge;
mod run;
#[cfg(test)]
mod tests;
mod training;
mod workdir;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use self::answer::AnswerArgs;
use self::cluster::BROKER_ADDRESS;
pub(crate) use self::cluster::{ClientArgs, ClusterArgs, TopicArgs, TopicCommand};
pub(crate) use self::data::{CheckArgs, DemoArgs, DemoDataset, DraftArgs, InitArgs, LearnerLibrary};
pub(crate) use self::diff::DiffArgs;
pub(crate) use self::judge::JudgeArgs;
pub(crate) use self::run::{ReplayArgs, RunArgs};
pub(crate) use self::training::{TrainArgs, TrainingArgs};
pub(crate) use self::workdir::{PipelineArgs, WorkdirArgs};
use crate::app::{Form, Share, TableFormat};
use crate::cli::version::version;
use windrow_config::{Costs, LabelDelay, ListenAddress};
use windrow_kafka::Choice;

/// Replay a dataset through a Kafka-compatible broker as if it were live, cut the stream into windows, train logistic
/// regression models on each window and on all windows so far, serve every model, and recommend how often to refit.
#[derive(Debug, Parser)]
#[command(name = "windrow", version, long_version = version(), max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// Print only errors, and no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a built-in pipeline in one process: broker, producer, consumer, trainer, advisor, API and pages
    Demo(DemoArgs),
    /// Inspect a data file and write a pipeline file for it
    Init(InitArgs),
    /// Check the whole dataset against its pipeline file, and report all faults
    Check(CheckArgs),
    /// Run a pipeline in one process: broker, producer, consumer, trainer, advisor, API and pages
    Run {
        /// The pipeline file, or a data file for which a pipeline file is written first, as by `windrow init`
        pipeline: PathBuf,
        #[command(flatten)]
        draft: Box<DraftArgs>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Run only the embedded broker, for clients in other processes
    Broker(BrokerArgs),
    /// Create, delete or describe the topic of a pipeline
    #[command(subcommand)]
    Topic(TopicCommand),
    /// Replay the dataset into the topic
    Produce {
        #[command(flatten)]
        at: PipelineArgs,
        #[command(flatten)]
        cluster: ClusterArgs,
        #[command(flatten)]
        replay: ReplayArgs,
        /// Send only the rows of this process's partitions: 2/4 is the second of four processes that share a replay
        /// [default: all partitions]
        #[arg(long, value_name = "NUMBER/PROCESSES")]
        share: Option<Share>,
    },
    /// Write the topic's rows to batch files, one per window. After a restart, continue after the last sealed
    /// window
    Consume(ConsumeArgs),
    /// Train the models of every window, as windows appear
    Train(TrainArgs),
    /// Serve the models, as they appear
    Serve(ServeArgs),
    /// Recommend how often to refit (to train again), and on how much history, with the evidence
    Advise(AdviseArgs),
    /// Judge the predictions of any model, from tables: how often to refit it, and on how much history
    Judge(JudgeArgs),
    /// Write the advice, with its pictures and numbers, to a file that can be shared
    Report(ReportArgs),
    /// Write windows, scores and losses as tables, for pandas, polars, DuckDB or Spark
    Export(ExportArgs),
    /// List the models that were trained so far, with their scores
    Models(ModelsArgs),
    /// Check whether a server answers: the exit code is 0 if it does
    Health(HealthArgs),
    /// Create an API key
    Key(KeyArgs),
    /// Verify where every row went: recount the dataset, the batch files and, with --broker, the topic
    Audit(AuditArgs),
    /// Compare two work directories: pipeline, data, models and advice. The exit code is 0 if nothing differs, and 3 if
    /// something does
    Diff(DiffArgs),
    /// Print the API document (OpenAPI 3), with the paths of the models so far
    Openapi(PipelineArgs),
    /// Print the JSON Schema of a pipeline file, for editors that complete and check TOML
    Schema,
    /// Print a script that completes commands and options in a shell
    Completions {
        /// The shell that runs the script
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man,
    /// Run a learner's command, and end all of its processes when standard input ends
    #[command(hide = true)]
    Worker {
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    /// Listen on this address
    #[arg(long, value_name = "HOST:PORT", default_value = BROKER_ADDRESS)]
    pub(crate) listen: ListenAddress,
    /// Give clients this HOST:PORT to connect to [default: the address that the broker listens on, or 127.0.0.1 if that is
    /// every address]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) advertise: Option<String>,
    /// Store the topics in this folder
    #[arg(long, value_name = "DIR", default_value = ".windrow/broker")]
    pub(crate) data: PathBuf,
    /// Delete all topics when the broker ends
    #[arg(long, conflicts_with = "data")]
    pub(crate) ephemeral: bool,
    /// Acknowledge a message only after it is safe from a power failure (slower) [default: after it is safe from a kill of
    /// the broker]
    #[arg(long)]
    pub(crate) sync: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumeArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// End when the stream is complete [default: wait until Ctrl-C]
    #[arg(long)]
    pub(crate) once: bool,
    /// Share the partitions with the other members of this group, which use the same work directory
    #[arg(long, value_name = "NAME", conflicts_with = "end_after_idle")]
    pub(crate) group: Option<String>,
    /// Treat this much idle time as the end of the stream, for producers that send no end marker
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) end_after_idle: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Listen on this address [default: serve.listen of the pipeline file]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<ListenAddress>,
}

#[derive(Debug, Args)]
pub(crate) struct AdviseArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// Assume that labels are known this long after their rows: a duration as in 30d, or a number of windows [default:
    /// advise.label_delay of the pipeline file]
    #[arg(long, value_name = "DELAY")]
    pub(crate) label_delay: Option<LabelDelay>,
    /// Let these costs decide, as in refit=200,miss=5,false_alarm=1, and store nothing [default: advise.cost of the
    /// pipeline file]
    #[arg(long, value_name = "COSTS")]
    pub(crate) cost: Option<Costs>,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Write one self-contained HTML file, a PDF file if Chromium is installed (otherwise HTML, to print from a browser), a
    /// Markdown file with its pictures in a folder next to it, a Markdown summary of at most 15 lines, or a JSON file
    #[arg(long, default_value = "html", value_parser = one_of(ReportFormat::ALL))]
    pub(crate) format: (&'static str, ReportFormat),
    /// Write to this file [default: ./NAME.html, .pdf, .md or .json, or ./NAME-summary.md]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Name who made the report [default: nobody]
    #[arg(long, value_name = "TEXT")]
    pub(crate) author: Option<String>,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    /// A file that Windrow writes itself.
    Written(Form),
    /// A PDF file, which a browser prints.
    Pdf,
}

impl ReportFormat {
    const ALL: [(&'static str, Self); 5] = [
        ("html", Self::Written(Form::Html)),
        ("pdf", Self::Pdf),
        ("md", Self::Written(Form::Markdown)),
        ("summary", Self::Written(Form::Summary)),
        ("json", Self::Written(Form::Json)),
    ];
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Write Parquet, with typed columns, or CSV
    #[arg(long, default_value = "parquet",
        value_parser = one_of([("parquet", TableFormat::Parquet), ("csv", TableFormat::Csv)]))]
    pub(crate) format: (&'static str, TableFormat),
    /// Write to this folder [default: ./NAME-export]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Parses one of these names. Returns the name and its value.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    values: [(&'static str, T); N],
) -> impl TypedValueParser<Value = (&'static str, T)> {
    let names = PossibleValuesParser::new(values.map(|(name, _)| name));
    names.try_map(move |given| values.into_iter().find(|(name, _)| *name == given).ok_or("no such value"))
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// List the windows, with the log-loss of each scheme and the features that drifted
    #[arg(long)]
    pub(crate) windows: bool,
    /// List all models or windows, not only the newest
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The HOST:PORT of the server
    #[arg(default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// Also check whether there is a model to serve
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The name of the key's user, for the log and the history of aliases
    pub(crate) name: String,
    /// Also allow changing aliases: set a name to a model, and undo that
    #[arg(long)]
    pub(crate) admin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Also recount the topic, on this cluster: HOST:PORT[,HOST:PORT...]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) broker: Option<Choice>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// List all windows, not only the newest and those with faults
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
