//! `just bench`: rows per second from the CSV file to sealed batch files, beside bare rdkafka moving the same messages
//! through the same broker in the same run, and the peak memory of each process at one dataset and at ten million rows.
//! On the embedded broker, and on Apache Kafka where `WINDROW_TEST_KAFKA` names a distribution of it.
//!
//! The peer reads no file format, checks nothing, syncs nothing and keeps no account. It has one thread beside the client
//! library's own; Windrow's processes are timed from their start to their end.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/process.rs"]
mod process;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use windrow_testing::kafka::{Kafka, kafka};

use crate::process::{Broker, LIMIT, peak_memory, pipeline, timed};

const ROUNDS: usize = 5;
const ROWS: usize = 1_000_000;
const MANY: usize = 10_000_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flights.csv.zst")).expect("the flights");
    let text = zstd::decode_all(&packed[..]).expect("zstd");
    let header = text.iter().position(|byte| *byte == b'\n').expect("a header line") + 1;
    let once = folder.path().join("once.csv");
    fs::write(&once, &text).expect("a file");
    let rows: Vec<&[u8]> = text[header..].split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).collect();

    println!("{ROWS} rows of {} bytes on average; the range of {ROUNDS} rounds", text.len() / rows.len());
    let broker = Broker::start();
    compare("the embedded broker", &broker.address, folder.path(), &once, &rows);
    drop(broker);
    if let Some(distribution) = kafka() {
        let kafka = Kafka::start(&distribution, 1);
        compare("Apache Kafka", &kafka.address, folder.path(), &once, &rows);
    }

    println!("\n{:<22}{:>14}{:>14}{:>14}", "peak memory, MiB", "producer", "consumer", "broker");
    let limit = MANY.to_string();
    for (count, more) in [(rows.len(), &[][..]), (MANY, &["--loop", "--limit", &limit][..])] {
        let broker = Broker::start();
        let round = windrow_round(&broker.address, folder.path(), &once, &format!("memory-{count}"), more);
        let held = peak_memory(&broker.process);
        println!("{:<22}{:>14}{:>14}{:>14}", format!("{count} rows"), round.producer_mib, round.consumer_mib, held);
    }
}

/// Rounds of bare rdkafka and of Windrow by turns, and how they compare.
fn compare(name: &str, address: &str, folder: &Path, once: &Path, rows: &[&[u8]]) {
    let limit = ROWS.to_string();
    let rounds: Vec<(Round, Round)> = (0..ROUNDS)
        .map(|round| {
            let topic = format!("bare-{round}");
            pipeline(address, folder, once, &topic);
            let bare = bare_round(address, &topic, rows, &folder.join("bare.csv"));
            let more = ["--loop", "--limit", &limit];
            (bare, windrow_round(address, folder, once, &format!("windrow-{round}"), &more))
        })
        .collect();
    println!("\n{name:<22}{:>22}{:>22}{:>16}", "bare rdkafka, rows/s", "windrow, rows/s", "ratio");
    let total = |round: &Round| round.produce + round.consume;
    let lines: [(&str, Pick); 3] =
        [("into the topic", |r| r.produce), ("topic into files", |r| r.consume), ("both", total)];
    for (name, pick) in lines {
        let seconds = |round: &Round| pick(round).as_secs_f64();
        let rates = |of: fn(&(Round, Round)) -> &Round| {
            range(rounds.iter().map(|pair| ROWS as f64 / seconds(of(pair))), |rate| format!("{rate:.0}"))
        };
        let ratios = range(rounds.iter().map(|(bare, ours)| seconds(bare) / seconds(ours)), |ratio| {
            format!("{:.0}%", 100.0 * ratio)
        });
        println!("{name:<22}{:>22}{:>22}{ratios:>16}", rates(|pair| &pair.0), rates(|pair| &pair.1));
    }
}

fn range(numbers: impl Iterator<Item = f64> + Clone, shown: impl Fn(f64) -> String) -> String {
    let (least, most) = (numbers.clone().fold(f64::INFINITY, f64::min), numbers.fold(0.0, f64::max));
    format!("{} to {}", shown(least), shown(most))
}

type Pick = fn(&Round) -> Duration;

struct Round {
    produce: Duration,
    consume: Duration,
    producer_mib: u64,
    consumer_mib: u64,
}

fn windrow_round(address: &str, folder: &Path, dataset: &Path, name: &str, more: &[&str]) -> Round {
    let (file, workdir) = (pipeline(address, folder, dataset, name), folder.join(name));
    let (produce, producer_mib) = timed(&[&["produce", &file, "--broker", address][..], more].concat());
    let workdir_text = workdir.display().to_string();
    let (consume, consumer_mib) = timed(&["consume", &file, "--broker", address, "--once", "--workdir", &workdir_text]);
    fs::remove_dir_all(&workdir).expect("a folder to remove");
    Round { produce, consume, producer_mib, consumer_mib }
}

fn bare_round(address: &str, topic: &str, rows: &[&[u8]], file: &Path) -> Round {
    let began = Instant::now();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .expect("a producer");
    for (index, row) in rows.iter().cycle().take(ROWS).enumerate() {
        let key = (index + 1).to_string();
        loop {
            let headers = OwnedHeaders::new_with_capacity(2)
                .insert(Header { key: "windrow-row", value: Some(&key) })
                .insert(Header { key: "windrow-run", value: Some("bench") });
            let record = BaseRecord::to(topic).partition(0).key(&key).payload(*row).headers(headers);
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }
    producer.flush(LIMIT).expect("everything delivered");
    let produce = began.elapsed();

    let began = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", topic)
        // By default it pauses for a second whenever 100,000 messages wait, which a quick broker brings about.
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    let mut read = 0;
    while read < ROWS {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.expect("a message");
            out.write_all(message.payload().unwrap_or_default()).and_then(|()| out.write_all(b"\n")).expect("a file");
            read += 1;
        }
        assert!(began.elapsed() < LIMIT, "{read} of {ROWS} rows read");
    }
    out.flush().expect("a file");
    Round { produce, consume: began.elapsed(), producer_mib: 0, consumer_mib: 0 }
}
