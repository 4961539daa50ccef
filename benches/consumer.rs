//! `just bench-consumer`: rows per second from a topic into files. Compares Windrow's consumer with a bare rdkafka loop
//! and with confluent-kafka's Python consumer, on the same topic in the same run. Windrow's consumer keeps its
//! guarantees: rows are checked, in row order, synced and sealed. The others write what they read to one file. About a
//! minute.
//!
//! The peer is run by the Python of `WINDROW_BENCH_PYTHON`, which has benches/peers/requirements.txt installed.
//! `WINDROW_BENCH_SIZE=small`: 50,000 rows, one round; seconds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;
use windrow_base::telemetry::Progress;
use windrow_config::{Cut, Pipeline, Schema};
use windrow_dataset::DatasetReader;
use windrow_kafka::Connection;
use windrow_stream::consumer::Consumer;
use windrow_windows::BatchStore;

use crate::support::peers;
use crate::support::pipeline::PipelineFile;
use crate::support::process::{Broker, RUN_TIMEOUT, create_topic, timed};
use crate::support::rows;
use crate::support::size::{Size, bench};
use crate::support::table::{Table, range};

const TOPIC: &str = "bench";

/// The consumers that are compared. The results of the others are shares of the bare loop's.
const NAMES: [&str; 3] = ["windrow", "bare rdkafka loop", "confluent-kafka (Python)"];
const BASELINE: usize = 1;

fn main() -> ExitCode {
    bench(|size| {
        run(size);
        Ok(())
    })
}

fn run(size: Size) {
    let rows: u32 = size.pick(1_000_000, 50_000);
    let rounds = size.pick(5, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let dataset = folder.path().join("flights.csv");
    fs::write(&dataset, rows::text("flights")).expect("a file");
    let broker = Broker::start();
    let pipeline = PipelineFile::of("flights", "rows", rows / 10).dataset(&dataset).set("stream", "topic", TOPIC);
    let file = pipeline.write(folder.path(), TOPIC);
    create_topic(&file, &broker.address);
    timed(&["produce", &file, "--broker", &broker.address, "--loop", "--limit", &rows.to_string()]);
    println!("{rows} rows in one topic, read into files; the range of {rounds} rounds");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ours = || {
        let workdir = folder.path().join("work");
        let began = Instant::now();
        runtime.block_on(consume(Path::new(&file), &workdir, &broker.address, u64::from(rows)));
        let took = began.elapsed();
        fs::remove_dir_all(&workdir).expect("a folder to remove");
        took
    };
    let peer = peers::python(&["confluent_kafka"]);
    let rounds: Vec<[Result<f64, String>; 3]> = (0..rounds)
        .map(|_| {
            let took = [
                Ok(ours()),
                Ok(bare(&broker.address, &folder.path().join("bare.csv"), rows)),
                peer.clone().and_then(|peer| python(&peer, &broker.address, &folder.path().join("python.csv"), rows)),
            ];
            took.map(|took| took.map(|took| took.as_secs_f64()))
        })
        .collect();
    let table = Table::new("topic into files", &["rows per second", "of the bare loop"]);
    for (index, name) in NAMES.into_iter().enumerate() {
        let seconds =
            |index: usize| rounds.iter().map(|round| round[index].clone()).collect::<Result<Vec<f64>, String>>();
        match seconds(index).and_then(|own| Ok((own, seconds(BASELINE)?))) {
            Ok((own, bare)) => {
                let rates: Vec<f64> = own.iter().map(|own| f64::from(rows) / own).collect();
                let ratios: Vec<f64> = own.iter().zip(&bare).map(|(own, bare)| bare / own).collect();
                let rates = range(&rates, |rate| format!("{rate:.0}"));
                table.row(name, &[rates, range(&ratios, |ratio| format!("{:.0}%", 100.0 * ratio))]);
            }
            Err(why) => table.not_measured(name, &why),
        }
    }
}

async fn consume(file: &Path, workdir: &Path, address: &str, rows: u64) {
    let pipeline = Pipeline::load(file).expect("a good pipeline");
    let columns = DatasetReader::open(&pipeline.dataset).expect("a dataset").columns().to_vec();
    let schema = Arc::new(Schema::bind(&pipeline, &columns).expect("all columns"));
    let consumer = Consumer {
        schema,
        stream: pipeline.stream.clone(),
        cut: Cut::new(pipeline.window, None),
        store: BatchStore::open(workdir).expect("a folder"),
        connection: Connection::new(address),
        run: None,
        last: None,
        log_id: None,
        group: None,
        quarantine: pipeline.quarantine,
        end_after_idle: None,
        progress: Progress::default(),
    };
    let store = consumer.store.clone();
    consumer.run(CancellationToken::new()).await.expect("the stream is read");
    assert_eq!(store.end().expect("readable").map(|end| end.rows), Some(rows));
}

/// Reads all rows, writes them to a file, and syncs it once at the end.
fn bare(address: &str, file: &Path, rows: u32) -> Duration {
    let began = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "bare")
        // librdkafka pauses by default for a second when 100,000 messages wait, which happens with a fast broker.
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let mut out = BufWriter::with_capacity(256 * 1024, File::create(file).expect("a file"));
    let mut read = 0;
    while read < rows {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.expect("a message");
            out.write_all(message.payload().unwrap_or_default()).and_then(|()| out.write_all(b"\n")).expect("a file");
            read += 1;
        }
        assert!(began.elapsed() < RUN_TIMEOUT, "{read} of {rows} rows read");
    }
    out.into_inner().expect("a file").sync_all().expect("a file");
    began.elapsed()
}

/// Returns the time that the script measures, without the start of the interpreter.
fn python(python: &Path, address: &str, file: &Path, rows: u32) -> Result<Duration, String> {
    let mut command = Command::new(python);
    command.arg(peers::script("consumer.py")).args([address, TOPIC, &rows.to_string()]).arg(file);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("consumer.py failed: {}", peers::last_line(&output.stderr)));
    }
    let seconds = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>();
    seconds.map(Duration::from_secs_f64).map_err(|error| format!("consumer.py printed no seconds: {error}"))
}
