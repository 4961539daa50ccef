//! The command line as it is written. The help of each flag is the comment of its field.
//!
//! [`Cli`] and [`Command`] list all commands. Options that commands share have files of their own: `place`, `cluster`, `run`,
//! `training` and `data`.

mod cluster;
mod data;
mod place;
mod run;
mod training;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use self::cluster::BROKER_ADDRESS;
pub(crate) use self::cluster::{ClientArgs, ClusterArgs, TopicArgs, TopicCommand};
pub(crate) use self::data::{CheckArgs, DemoArgs, DemoDataset, DraftArgs, InitArgs};
pub(crate) use self::place::{PipelineArgs, PlaceArgs};
pub(crate) use self::run::{ReplayArgs, RunArgs};
pub(crate) use self::training::{TrainArgs, TrainingArgs};
use crate::app::{Form, Share, TableFormat};
use crate::cli::version::version;
use windrow_kafka::Choice;

/// Replay a dataset through a Kafka-compatible broker as if it were live, cut the stream into windows, train a
/// classifier on each window and on everything so far, and serve every one of them.
#[derive(Debug, Parser)]
#[command(name = "windrow", version, long_version = version(), max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// Tell errors alone, and no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline that the program carries with it, in one process: broker, producer, consumer, trainer and API
    Demo(DemoArgs),
    /// Look at a data file and write a pipeline file for it
    Init(InitArgs),
    /// Read the whole dataset against its pipeline file, and tell all faults at once
    Check(CheckArgs),
    /// Run a pipeline in one process: broker, producer, consumer, trainer and API
    Run {
        /// The pipeline file; or a data file, for which one is written first, as `windrow init` does
        pipeline: PathBuf,
        #[command(flatten)]
        draft: Box<DraftArgs>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Run the embedded broker alone, for clients in other processes
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
        /// Send the rows of this process's partitions alone: 2/4 is the second of four that share a replay
        #[arg(long, value_name = "NUMBER/PROCESSES")]
        share: Option<Share>,
    },
    /// Cut the topic into batch files, going on behind the last one
    Consume(ConsumeArgs),
    /// Make the models of every window, as windows appear
    Train(TrainArgs),
    /// Serve the models, as they appear
    Serve(ServeArgs),
    /// Say how often to retrain, and on how much history: a paragraph, then the evidence
    Advise(AdviseArgs),
    /// Write the advice with its pictures and numbers as a file to hand on
    Report(ReportArgs),
    /// Write windows, scores and losses as tables, for pandas, polars, DuckDB or Spark
    Export(ExportArgs),
    /// List the models made so far, with their scores
    Models(ModelsArgs),
    /// Ask a server whether it answers: exit code 0 where it does
    Health(HealthArgs),
    /// Make an API key
    Key(KeyArgs),
    /// Prove where every row went: recount the dataset, the files and the topic
    Audit(AuditArgs),
    /// Print the API document (OpenAPI 3), with the paths of the models made so far
    Openapi(PipelineArgs),
    /// Print the JSON Schema of a pipeline file, for editors that complete and check TOML
    Schema,
    /// Print what completes commands and options in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    /// Where the broker listens
    #[arg(long, value_name = "ADDR", default_value = BROKER_ADDRESS)]
    pub(crate) listen: SocketAddr,
    /// The HOST:PORT that clients are given to connect to [default: where it listens]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) advertise: Option<String>,
    /// Where its topics are kept
    #[arg(long, value_name = "DIR", default_value = ".windrow/broker")]
    pub(crate) data: PathBuf,
    /// Keep nothing: all topics end with the broker
    #[arg(long, conflicts_with = "data")]
    pub(crate) ephemeral: bool,
    /// Acknowledge what would survive a power cut, and not only what survives a kill; slower
    #[arg(long)]
    pub(crate) sync: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumeArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// End when the dataset is through (without it: wait for more until Ctrl-C)
    #[arg(long)]
    pub(crate) once: bool,
    /// Share the partitions with the other members of this group, which have the same work directory
    #[arg(long, value_name = "NAME", conflicts_with = "end_after_idle")]
    pub(crate) group: Option<String>,
    /// Take so long a silence as the end of the stream, for producers that send no end marker
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) end_after_idle: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Where the API listens [default: serve.listen of the pipeline file]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct AdviseArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// How many windows labels come late [default: advise.label_delay of the pipeline file]
    #[arg(long, value_name = "WINDOWS", value_parser = clap::value_parser!(u32).range(0..=32))]
    pub(crate) label_delay: Option<u32>,
    /// Show every policy
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, for machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// As one HTML file that needs nothing beside it, as Markdown with pictures in a folder beside it, or as JSON
    #[arg(long, default_value = "html",
        value_parser = one_of([("html", Form::Html), ("md", Form::Markdown), ("json", Form::Json)]))]
    pub(crate) format: (&'static str, Form),
    /// The file [default: ./NAME.html, .md or .json]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// With typed columns, or as text
    #[arg(long, default_value = "parquet",
        value_parser = one_of([("parquet", TableFormat::Parquet), ("csv", TableFormat::Csv)]))]
    pub(crate) format: (&'static str, TableFormat),
    /// The folder [default: ./NAME-export]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Parses one of these names into the name and its value.
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
    /// List the windows: how each way of training met them, and what drifted
    #[arg(long)]
    pub(crate) windows: bool,
    /// List all of them, and not the newest alone
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, for machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The server's HOST:PORT
    #[arg(default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// Ask whether there is a model to ask, too
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Whose key it is: told in the log and in the history of aliases
    pub(crate) name: String,
    /// Allow promoting and rolling back, too
    #[arg(long)]
    pub(crate) admin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) at: PipelineArgs,
    /// Recount the topic too, at this cluster: HOST:PORT[,HOST:PORT...]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) broker: Option<Choice>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// List all windows, and not the newest and those with faults alone
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, for machines
    #[arg(long)]
    pub(crate) json: bool,
}
