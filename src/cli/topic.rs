//! `windrow topic`: creates, deletes and describes the topic of a pipeline.

use serde_json::json;

use crate::app::AppError;
use crate::cli::args::{TopicArgs, TopicCommand};
use crate::cli::error::CliError;
use crate::cli::print::{stdout, table};
use crate::cli::stages;
use windrow_config::Pipeline;
use windrow_kafka::topics::TopicSettings;
use windrow_kafka::{Creation, topics};
use windrow_record::display::{counted, thousands};

/// The number of partitions that are listed without `--all`.
const MAX_PARTITIONS: usize = 20;

pub(crate) async fn execute(command: TopicCommand) -> Result<(), CliError> {
    match command {
        TopicCommand::Create { topic, replication, config } => {
            create(topic, TopicSettings { replication: replication.map(|count| i32::from(count.get())), config }).await
        }
        TopicCommand::Delete(args) => delete(args).await,
        TopicCommand::Describe { topic, all, json } => describe(topic, all, json).await,
    }
}

async fn create(args: TopicArgs, settings: TopicSettings) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.pipeline).map_err(AppError::from)?;
    let connection = stages::connection(args.cluster, &pipeline)?;
    let stream = pipeline.stream;
    let made = topics::create(&connection, &stream.topic, stream.partitions.get(), &settings).await;
    let made = made.map_err(AppError::from)?;
    let (name, wanted) = (&stream.topic, stream.partitions);
    match made {
        Creation::Created => stdout(&format!("created the topic `{name}` with {wanted} partition(s)\n")),
        Creation::Existed { partitions } if partitions == wanted.get() => {
            let as_it_is = if settings == TopicSettings::default() { "" } else { "; its settings were not changed" };
            stdout(&format!("the topic `{name}` exists already, with {wanted} partition(s){as_it_is}\n"))
        }
        Creation::Existed { partitions } => Err(CliError::Failed(format!(
            "the topic `{name}` exists already, with {partitions} partition(s), but the pipeline file asks for \
             {wanted}: delete it first, or set stream.partitions to {partitions}"
        ))),
    }
}

async fn delete(args: TopicArgs) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.pipeline).map_err(AppError::from)?;
    let connection = stages::connection(args.cluster, &pipeline)?;
    let name = pipeline.stream.topic;
    topics::delete(&connection, &name).await.map_err(AppError::from)?;
    stdout(&format!("deleted the topic `{name}`\n"))
}

async fn describe(args: TopicArgs, all: bool, as_json: bool) -> Result<(), CliError> {
    let pipeline = Pipeline::load(&args.pipeline).map_err(AppError::from)?;
    let connection = stages::connection(args.cluster, &pipeline)?;
    let name = pipeline.stream.topic;
    let state = topics::describe(&connection, &name).await.map_err(AppError::from)?;
    let partitions = state.partitions.iter();
    let text = if as_json {
        let partitions: Vec<_> = partitions
            .map(|partition| json!({"partition": partition.partition, "low": partition.low, "high": partition.high}))
            .collect();
        format!("{:#}\n", json!({"topic": name, "partitions": partitions}))
    } else {
        let (count, records) = (state.partitions.len(), thousands(state.messages()));
        let mut table = table(["partition", "records", "first offset", "next offset"], 0..4);
        for partition in partitions.take(if all { usize::MAX } else { MAX_PARTITIONS }) {
            let held = u64::try_from(partition.high.0 - partition.low.0).unwrap_or_default();
            let (low, high) = (partition.low.to_string(), partition.high.to_string());
            table.add_row([partition.partition.to_string(), thousands(held), low, high]);
        }
        let hidden = if all { 0 } else { count.saturating_sub(MAX_PARTITIONS) };
        let more = if hidden > 0 { format!("{hidden} more partitions: --all\n") } else { String::new() };
        let partitions = counted(count as u64, "partition", "partitions");
        format!("topic `{name}`: {records} records in {partitions}\n{}\n{more}", table.trim_fmt())
    };
    stdout(&text)
}
