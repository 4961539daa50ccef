//! `just bench`: rows per second from the CSV file to sealed batch files, beside bare rdkafka moving the same messages
//! through the same broker in the same run, and the peak memory of each process at one and at ten times the rows.
//!
//! The peer reads no file format, checks nothing, syncs nothing and keeps no account: it is the ceiling.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(300);

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flights.csv.zst")).expect("the flights");
    let text = zstd::decode_all(&packed[..]).expect("zstd");
    let header = text.iter().position(|byte| *byte == b'\n').expect("a header line") + 1;
    let once = folder.path().join("once.csv");
    fs::write(&once, &text).expect("a file");
    let ten = folder.path().join("ten.csv");
    let mut file = BufWriter::new(File::create(&ten).expect("a file"));
    file.write_all(&text[..header]).expect("a file");
    for _ in 0..10 {
        file.write_all(&text[header..]).expect("a file");
    }
    drop(file);
    let rows: Vec<&[u8]> = text[header..].split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).collect();

    println!(
        "{} rows of {} bytes on average, {ROUNDS} rounds, the best of each\n",
        rows.len(),
        text.len() / rows.len()
    );
    let broker = Broker::start();
    let (mut bare, mut windrow) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let topic = format!("bare-{round}");
        pipeline(&broker.address, folder.path(), &once, &topic);
        bare.push(bare_round(&broker.address, &topic, &rows, &folder.path().join("bare.csv")));
        windrow.push(windrow_round(&broker.address, folder.path(), &once, &format!("windrow-{round}")));
    }
    let best = |rounds: &[Round], pick: Pick| rounds.iter().map(pick).min().unwrap_or_default();
    println!("{:<22}{:>14}{:>14}{:>10}", "rows per second", "bare rdkafka", "windrow", "ratio");
    let total = |round: &Round| round.produce + round.consume;
    let lines: [(&str, Pick); 3] =
        [("into the topic", |r| r.produce), ("topic into files", |r| r.consume), ("both", total)];
    for (name, pick) in lines {
        let rate = |rounds| rows.len() as f64 / best(rounds, pick).as_secs_f64();
        let (peer, ours) = (rate(&bare), rate(&windrow));
        println!("{name:<22}{peer:>14.0}{ours:>14.0}{:>9.0}%", 100.0 * ours / peer);
    }
    drop(broker);

    println!("\n{:<22}{:>14}{:>14}{:>14}", "peak memory, MiB", "producer", "consumer", "broker");
    for (name, dataset, count) in [("1x", &once, rows.len()), ("10x", &ten, rows.len() * 10)] {
        let broker = Broker::start();
        let round = windrow_round(&broker.address, folder.path(), dataset, &format!("memory-{name}"));
        let held = peak_memory(&broker.process);
        println!("{:<22}{:>14}{:>14}{:>14}", format!("{count} rows"), round.producer_mib, round.consumer_mib, held);
    }
    println!("\nthe broker's figure is the embedded broker's log: it keeps every record in memory");
}

type Pick = fn(&Round) -> Duration;

struct Round {
    produce: Duration,
    consume: Duration,
    producer_mib: u64,
    consumer_mib: u64,
}

struct Broker {
    process: Child,
    address: String,
}

impl Broker {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let process = windrow(&["broker", "--listen", &address]).spawn().expect("the binary runs");
        let deadline = Instant::now() + LIMIT;
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "the broker does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, address }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn windrow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A pipeline file for a dataset and a topic of that name, which is made too.
fn pipeline(address: &str, folder: &Path, dataset: &Path, name: &str) -> String {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flights.toml");
    let pipeline = fs::read_to_string(fixture)
        .expect("the flights pipeline")
        .replace("flights.csv.zst", &dataset.display().to_string())
        .replace("partitions = 1", &format!("topic = \"{name}\""))
        .replace("pace = { kind = \"exponential\", mean = \"75us\" }", "pace = { kind = \"none\" }");
    let file = folder.join(format!("{name}.toml"));
    fs::write(&file, pipeline).expect("a file");
    let file = file.display().to_string();
    let created = windrow(&["topic", "create", &file, "--broker", address]).status().expect("the binary runs");
    assert!(created.success());
    file
}

fn windrow_round(address: &str, folder: &Path, dataset: &Path, name: &str) -> Round {
    let (file, workdir) = (pipeline(address, folder, dataset, name), folder.join(name));
    let (produce, producer_mib) = timed(&["produce", &file, "--broker", address]);
    let workdir_text = workdir.display().to_string();
    let (consume, consumer_mib) = timed(&["consume", &file, "--broker", address, "--once", "--workdir", &workdir_text]);
    fs::remove_dir_all(&workdir).expect("a folder to remove");
    Round { produce, consume, producer_mib, consumer_mib }
}

/// Wall-clock time and peak resident memory (MiB) of a command.
fn timed(arguments: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut process = windrow(arguments).spawn().expect("the binary runs");
    let mut peak = 0;
    loop {
        peak = peak.max(peak_memory(&process));
        if let Some(status) = process.try_wait().expect("a child to wait for") {
            assert!(status.success(), "{arguments:?}: {status}");
            return (began.elapsed(), peak);
        }
        assert!(began.elapsed() < LIMIT, "{arguments:?} does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the kernel says of a process's largest resident size so far, in MiB; 0 once it has ended.
fn peak_memory(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
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
    for (index, row) in rows.iter().enumerate() {
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
        .set("fetch.wait.max.ms", "20")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    let mut read = 0;
    while read < rows.len() {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.expect("a message");
            out.write_all(message.payload().unwrap_or_default()).and_then(|()| out.write_all(b"\n")).expect("a file");
            read += 1;
        }
        assert!(began.elapsed() < LIMIT, "{read} of {} rows read", rows.len());
    }
    out.flush().expect("a file");
    Round { produce, consume: began.elapsed(), producer_mib: 0, consumer_mib: 0 }
}
