//! `just bench-consumer`: rows per second from a topic into files. Windrow's consumer with its guarantees (checked, in row
//! order, synced, sealed) and without the syncing, beside a bare rdkafka loop and confluent-kafka's Python consumer that
//! write what they read to one file, from the same topic in the same run.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/process.rs"]
mod process;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;
use windrow_windows::{BatchStore, Cut, Durability};
use windrow_kafka::Connection;
use windrow_config::{Pipeline, Schema};
use windrow_stream::consumer::Consumer;
use windrow_dataset::DatasetReader;
use windrow_base::telemetry::Progress;

use crate::process::{Broker, LIMIT, pipeline, timed};

const ROUNDS: usize = 5;
const ROWS: u64 = 1_000_000;
const TOPIC: &str = "bench";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flights.csv.zst")).expect("the flights");
    let dataset = folder.path().join("flights.csv");
    fs::write(&dataset, zstd::decode_all(&packed[..]).expect("zstd")).expect("a file");
    let broker = Broker::start();
    let file = pipeline(&broker.address, folder.path(), &dataset, TOPIC);
    let text = fs::read_to_string(&file).expect("a file").replace("parts = 3", "rows = 100000");
    fs::write(&file, text).expect("a file");
    let limit = ROWS.to_string();
    timed(&["produce", &file, "--broker", &broker.address, "--loop", "--limit", &limit]);
    println!("{ROWS} rows in one topic, read into files; the range of {ROUNDS} rounds\n");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ours = |durability| {
        let workdir = folder.path().join("work");
        let began = Instant::now();
        runtime.block_on(consume(Path::new(&file), &workdir, &broker.address, durability));
        let took = began.elapsed();
        fs::remove_dir_all(&workdir).expect("a folder to remove");
        took
    };
    let names = ["windrow", "windrow, not synced", "bare rdkafka loop", "confluent-kafka (Python)"];
    let rounds: Vec<[Option<Duration>; 4]> = (0..ROUNDS)
        .map(|_| {
            [
                Some(ours(Durability::Synced)),
                Some(ours(Durability::Unsynced)),
                Some(bare(&broker.address, &folder.path().join("bare.csv"))),
                python(&broker.address, &folder.path().join("python.csv")),
            ]
        })
        .collect();
    println!("{:<28}{:>22}{:>20}", "", "rows per second", "of the bare loop");
    for (place, name) in names.into_iter().enumerate() {
        let seconds = |round: &[Option<Duration>; 4], place: usize| Some(round[place]?.as_secs_f64());
        let of = |rate: fn(f64, f64) -> f64, shown: fn(f64) -> String| {
            let rates = rounds.iter().filter_map(|round| Some(rate(seconds(round, place)?, seconds(round, 2)?)));
            let (least, most) = (rates.clone().fold(f64::INFINITY, f64::min), rates.fold(0.0, f64::max));
            (most > 0.0).then(|| format!("{} to {}", shown(least), shown(most)))
        };
        let rates = of(|own, _| ROWS as f64 / own, |rate| format!("{rate:.0}"));
        let ratios = of(|own, bare| bare / own, |ratio| format!("{:.0}%", 100.0 * ratio));
        match rates.zip(ratios) {
            Some((rates, ratios)) => println!("{name:<28}{rates:>22}{ratios:>20}"),
            None => println!("{name:<28} not measured: WINDROW_TEST_PYTHON names no Python that has it"),
        }
    }
}

async fn consume(file: &Path, workdir: &Path, address: &str, durability: Durability) {
    let pipeline = Pipeline::load(file).expect("a good pipeline");
    let columns = DatasetReader::open(&pipeline.dataset).expect("a dataset").columns().to_vec();
    let schema = Arc::new(Schema::bind(&pipeline, &columns).expect("all columns"));
    let consumer = Consumer {
        schema,
        stream: pipeline.stream.clone(),
        cut: Cut::new(pipeline.window, None),
        store: BatchStore::open(workdir).expect("a folder").with_durability(durability),
        connection: Connection::new(address),
        run: None,
        log: None,
        group: None,
        quarantine: pipeline.quarantine,
        end_after_idle: None,
        progress: Progress::default(),
    };
    let store = consumer.store.clone();
    consumer.run(CancellationToken::new()).await.expect("the stream is read");
    assert_eq!(store.end().expect("readable").map(|end| end.rows), Some(ROWS));
}

/// Reads, writes, and syncs once at the end.
fn bare(address: &str, file: &Path) -> Duration {
    let began = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "bare")
        // By default it pauses for a second whenever 100,000 messages wait, which a quick broker brings about.
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let mut out = BufWriter::with_capacity(256 * 1024, File::create(file).expect("a file"));
    let mut read = 0;
    while read < ROWS {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.expect("a message");
            out.write_all(message.payload().unwrap_or_default()).and_then(|()| out.write_all(b"\n")).expect("a file");
            read += 1;
        }
        assert!(began.elapsed() < LIMIT, "{read} of {ROWS} rows read");
    }
    out.into_inner().expect("a file").sync_all().expect("a file");
    began.elapsed()
}

/// The script tells how long it took without the interpreter's start; `None` where there is no Python with the client.
#[expect(clippy::disallowed_methods, reason = "the same variable as for the tests")]
fn python(address: &str, file: &Path) -> Option<Duration> {
    let python = std::env::var("WINDROW_TEST_PYTHON").ok()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/consumer.py");
    let output = Command::new(python).arg(script).args([address, TOPIC, &ROWS.to_string()]).arg(file).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds");
    Some(Duration::from_secs_f64(seconds))
}
