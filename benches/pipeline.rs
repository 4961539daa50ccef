//! `just bench`: rows per second from the CSV file to sealed batch files. The peer is bare rdkafka, which moves the
//! same messages through the same broker in the same run. Also the peak memory of each process, for one dataset and for
//! ten million rows. Runs on the embedded broker, and on Apache Kafka if `WINDROW_TEST_KAFKA` names its distribution. A
//! few minutes.
//!
//! The peer reads no file format, checks nothing, syncs nothing and keeps no account. It has one thread in addition to
//! those of the client library. Windrow's processes are timed from their start to their end.
//!
//! `WINDROW_BENCH_SIZE=small`: 50,000 rows, one round, ten times the rows for memory; seconds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use windrow_testing::kafka::Kafka;

use crate::support::peers;
use crate::support::pipeline::PipelineFile;
use crate::support::process::{Broker, RUN_TIMEOUT, create_topic, peak_memory, timed};
use crate::support::rows;
use crate::support::size::{Size, bench};
use crate::support::table::{Table, range};

/// The work of one run.
struct Plan<'a> {
    folder: &'a Path,
    /// The dataset as a file.
    once: &'a Path,
    rows: &'a [&'a [u8]],
    /// The number of rows per round, and the number of rounds.
    count: usize,
    rounds: usize,
    /// The number of rows per window.
    window: u32,
}

fn main() -> ExitCode {
    bench(|size| {
        run(size);
        Ok(())
    })
}

fn run(size: Size) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = rows::text("flights");
    let once = folder.path().join("once.csv");
    fs::write(&once, &text).expect("a file");
    let rows: Vec<&[u8]> = rows::parts(&text).1.lines().map(str::as_bytes).collect();
    let plan = Plan {
        folder: folder.path(),
        once: &once,
        rows: &rows,
        count: size.pick(1_000_000, 50_000),
        rounds: size.pick(5, 1),
        window: size.pick(100_000, 5_000),
    };

    let (count, rounds) = (plan.count, plan.rounds);
    println!("{count} rows of {} bytes on average; the range of {rounds} rounds", text.len() / rows.len());
    let broker = Broker::start();
    compare("the embedded broker", &broker.address, &plan);
    drop(broker);
    match peers::kafka() {
        Ok(distribution) => {
            let kafka = Kafka::start(&distribution, 1);
            compare("Apache Kafka", &kafka.address, &plan);
        }
        Err(why) => Table::new("Apache Kafka", &COMPARED).not_measured("into the topic, into files", &why),
    }

    let table = Table::new("peak memory, MiB", &["producer", "consumer", "broker"]);
    let many = 10 * plan.count;
    let limit = many.to_string();
    for (count, more) in [(rows.len(), &[][..]), (many, &["--loop", "--limit", &limit][..])] {
        let broker = Broker::start();
        let round = windrow_round(&broker.address, &plan, &format!("memory-{count}"), more);
        let held = peak_memory(&broker.process);
        let cells = [round.producer_mib, round.consumer_mib, held].map(|mib| mib.to_string());
        table.row(&format!("{count} rows"), &cells);
    }
}

const COMPARED: [&str; 3] = ["bare rdkafka, rows/s", "windrow, rows/s", "ratio"];

/// Alternates rounds of bare rdkafka and of Windrow, and compares them.
fn compare(name: &str, address: &str, plan: &Plan<'_>) {
    let limit = plan.count.to_string();
    let rounds: Vec<(Round, Round)> = (0..plan.rounds)
        .map(|round| {
            let topic = format!("bare-{round}");
            topic_for(address, plan, &topic);
            let bare = bare_round(address, &topic, plan);
            let more = ["--loop", "--limit", &limit];
            (bare, windrow_round(address, plan, &format!("windrow-{round}"), &more))
        })
        .collect();
    let table = Table::new(name, &COMPARED);
    let total = |round: &Round| round.produce + round.consume;
    let lines: [(&str, Pick); 3] =
        [("into the topic", |r| r.produce), ("topic into files", |r| r.consume), ("both", total)];
    for (name, pick) in lines {
        let seconds = |round: &Round| pick(round).as_secs_f64();
        let rates = |of: fn(&(Round, Round)) -> &Round| {
            let rates: Vec<f64> = rounds.iter().map(|pair| plan.count as f64 / seconds(of(pair))).collect();
            range(&rates, |rate| format!("{rate:.0}"))
        };
        let ratios: Vec<f64> = rounds.iter().map(|(bare, ours)| seconds(bare) / seconds(ours)).collect();
        let ratios = range(&ratios, |ratio| format!("{:.0}%", 100.0 * ratio));
        table.row(name, &[rates(|pair| &pair.0), rates(|pair| &pair.1), ratios]);
    }
}

type Pick = fn(&Round) -> Duration;

struct Round {
    produce: Duration,
    consume: Duration,
    producer_mib: u64,
    consumer_mib: u64,
}

/// Creates a topic, and returns its pipeline file.
fn topic_for(address: &str, plan: &Plan<'_>, name: &str) -> String {
    let pipeline = PipelineFile::of("flights", "rows", plan.window).dataset(plan.once).set("stream", "topic", name);
    let file = pipeline.write(plan.folder, name);
    create_topic(&file, address);
    file
}

fn windrow_round(address: &str, plan: &Plan<'_>, name: &str, more: &[&str]) -> Round {
    let (file, workdir) = (topic_for(address, plan, name), plan.folder.join(name));
    let (produce, producer_mib) = timed(&[&["produce", &file, "--broker", address][..], more].concat());
    let workdir_text = workdir.display().to_string();
    let (consume, consumer_mib) = timed(&["consume", &file, "--broker", address, "--once", "--workdir", &workdir_text]);
    fs::remove_dir_all(&workdir).expect("a folder to remove");
    Round { produce, consume, producer_mib, consumer_mib }
}

fn bare_round(address: &str, topic: &str, plan: &Plan<'_>) -> Round {
    let began = Instant::now();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .expect("a producer");
    for (index, row) in plan.rows.iter().cycle().take(plan.count).enumerate() {
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
    producer.flush(RUN_TIMEOUT).expect("everything delivered");
    let produce = began.elapsed();

    let began = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", topic)
        // librdkafka pauses by default for a second when 100,000 messages wait, which happens with a fast broker.
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let mut out = BufWriter::new(File::create(plan.folder.join("bare.csv")).expect("a file"));
    let mut read = 0;
    while read < plan.count {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.expect("a message");
            out.write_all(message.payload().unwrap_or_default()).and_then(|()| out.write_all(b"\n")).expect("a file");
            read += 1;
        }
        assert!(began.elapsed() < RUN_TIMEOUT, "{read} of {} rows read", plan.count);
    }
    out.flush().expect("a file");
    Round { produce, consume: began.elapsed(), producer_mib: 0, consumer_mib: 0 }
}
