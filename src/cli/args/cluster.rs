//! Options of the commands that connect to a broker, and the commands about its topics.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use windrow_kafka::Choice;

/// Where `windrow broker` listens, and where the stages look for it.
pub(super) const BROKER_ADDRESS: &str = "127.0.0.1:9092";

/// A Kafka-compatible cluster that is there already.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// The cluster: HOST:PORT[,HOST:PORT...]
    #[arg(long, value_name = "HOST:PORT", default_value = BROKER_ADDRESS)]
    pub(crate) broker: Choice,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// A property of the Kafka client, by librdkafka's name; may be repeated
    #[arg(short = 'X', value_name = "KEY=VALUE", value_parser = property)]
    pub(crate) property: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Create the topic with the partitions that the pipeline file asks for
    Create {
        #[command(flatten)]
        topic: TopicArgs,
        /// How many brokers keep a copy of each partition [default: the cluster's own]
        #[arg(long, value_name = "COPIES")]
        replication: Option<std::num::NonZeroU16>,
        /// A setting of the topic, by Kafka's name, as in retention.ms=86400000; may be repeated
        #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
        config: Vec<(String, String)>,
    },
    /// Delete the topic and all that is in it
    Delete(TopicArgs),
    /// Show the topic's partitions and offsets
    Describe {
        #[command(flatten)]
        topic: TopicArgs,
        /// List all partitions
        #[arg(long)]
        all: bool,
        /// Print JSON, for machines
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TopicArgs {
    /// The pipeline file
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
