//! Options of the commands that connect to a broker, and the commands for its topics.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use windrow_kafka::Choice;

/// The default address of `windrow broker`, and of the cluster that the other commands connect to.
pub(super) const BROKER_ADDRESS: &str = "127.0.0.1:9092";

/// Options for a Kafka-compatible cluster that is already running.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Connect to this cluster: HOST:PORT[,HOST:PORT...]
    #[arg(long, value_name = "HOST:PORT", default_value = BROKER_ADDRESS)]
    pub(crate) broker: Choice,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Set a property of the Kafka client, by librdkafka's name; may be repeated
    #[arg(short = 'X', value_name = "KEY=VALUE", value_parser = property)]
    pub(crate) property: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Create the topic, with the number of partitions in the pipeline file
    Create {
        #[command(flatten)]
        topic: TopicArgs,
        /// Store each partition on this many brokers [default: the cluster's setting]
        #[arg(long, value_name = "COPIES")]
        replication: Option<std::num::NonZeroU16>,
        /// Set a property of the topic, by Kafka's name, as in retention.ms=86400000; may be repeated
        #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
        config: Vec<(String, String)>,
    },
    /// Delete the topic and all its messages
    Delete(TopicArgs),
    /// Show the topic's partitions and offsets
    Describe {
        #[command(flatten)]
        topic: TopicArgs,
        /// List all partitions, not only the first ones
        #[arg(long)]
        all: bool,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TopicArgs {
    /// The path of the pipeline file
    pub(crate) pipeline: PathBuf,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, as in retention.ms=86400000".to_owned()),
    }
}
