//! `just bench-broker`: compares the embedded broker with Apache Kafka on this machine. Kafka's own tools are the
//! clients, and both brokers get the same messages in one run. The figures are messages per second in and out, the
//! delay to a waiting consumer, the time from a start to the first answer, processor time and memory. Five rounds; the
//! range of each figure. About seven minutes.
//!
//! `WINDROW_TEST_KAFKA` names the folder of Kafka's distribution, which needs Java. Without it, only the figures of the
//! embedded broker that do not need Kafka's tools are measured.
//! `WINDROW_BENCH_SIZE=small`: one round of some thousand messages; half a minute, most of it for the starts of Java.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "support/support.rs"]
#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use windrow_testing::kafka::Kafka;

use crate::support::peers;
use crate::support::process::{free_address, peak_memory, windrow};
use crate::support::size::{Size, bench};
use crate::support::table::{Table, range};

/// The time between two messages whose delay is measured.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
const TIMEOUT: Duration = Duration::from_secs(60);

/// The names of the figures, and whether a higher (1) or a lower (-1) value is better.
const FIGURES: [(&str, f64); 10] = [
    ("produced, 100 B, messages/s", 1.0),
    ("consumed, 100 B, messages/s", 1.0),
    ("produced, 1 KiB, messages/s", 1.0),
    ("consumed, 1 KiB, messages/s", 1.0),
    ("delay to a consumer, median, ms", -1.0),
    ("delay to a consumer, p99, ms", -1.0),
    ("start to first answer, ms", -1.0),
    ("start with all messages, ms", -1.0),
    ("broker's processor time, s", -1.0),
    ("broker's peak memory, MiB", -1.0),
];

/// The figures of one broker in one round; NaN if not measured.
type Figures = [f64; FIGURES.len()];

/// The load of one round.
struct Load<'a> {
    /// The folder of Kafka's distribution, if there is one.
    distribution: Option<&'a Path>,
    /// The size of a message in bytes and the number of messages, for each part of the load.
    messages: [(u32, u32); 2],
    /// The number of messages sent before the measurement. A Java broker grows faster as it runs.
    warm_up: u32,
    /// The number of messages whose delay is measured.
    probes: usize,
}

fn main() -> ExitCode {
    bench(|size| {
        run(size);
        Ok(())
    })
}

fn run(size: Size) {
    let distribution = peers::kafka();
    let load = Load {
        distribution: distribution.as_deref().ok(),
        messages: size.pick([(100, 3_000_000), (1_024, 500_000)], [(100, 20_000), (1_024, 5_000)]),
        warm_up: size.pick(500_000, 5_000),
        probes: size.pick(2_000, 100),
    };
    let count = size.pick(5, 1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=count {
        let windrow = windrow_round(&load);
        println!("round {round}: windrow {windrow:.2?}");
        ours.push(windrow);
        if let Some(distribution) = load.distribution {
            let kafka = kafka_round(distribution, &load);
            println!("         Kafka   {kafka:.2?}");
            theirs.push(kafka);
        }
    }
    if let Err(why) = &distribution {
        println!("Kafka and what its tools measure: not measured: {why}");
    }
    let table = Table::new(&format!("the range of {count} rounds"), &["windrow", "Kafka", "ratio"]);
    for (index, (name, direction)) in FIGURES.into_iter().enumerate() {
        let of = |rounds: &[Figures]| rounds.iter().map(|round| round[index]).collect::<Vec<_>>();
        let (ours, theirs) = (of(&ours), of(&theirs));
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours / theirs).powf(direction)).collect();
        let digits = if ours[0] < 100.0 { 2 } else { 0 };
        table.row(name, &[cell(&ours, digits), cell(&theirs, digits), cell(&ratios, 2)]);
    }
    let messages = load.warm_up + load.messages.iter().map(|(_, count)| count).sum::<u32>();
    println!(
        "\nall messages: {messages}; ratio above 1: windrow is better in the same round; {} cores",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!("aims: 1.5 in both directions or the client's own limit; p99 under 5 ms; a start under 50 ms; memory: 10");
}

fn cell(values: &[f64], digits: usize) -> String {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return "not measured".to_owned();
    }
    range(values, |value| format!("{value:.digits$}"))
}

fn windrow_round(load: &Load<'_>) -> Figures {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let address = free_address();
    let start = || {
        let began = Instant::now();
        let process = windrow(&["broker", "--data", &data, "--listen", &address]).spawn().expect("the binary runs");
        (StoppedOnDrop(process), first_answer(&address, began))
    };
    let (mut broker, from_nothing) = start();
    let mut figures = measure(load, &address, &broker.0);
    figures[6] = from_nothing;
    // Ends the broker cleanly, and measures a start with all the messages that were sent.
    let ended = Command::new("kill").arg(broker.0.id().to_string()).status().expect("kill runs");
    assert!(ended.success());
    broker.0.wait().expect("a child to wait for");
    let (_broker, again) = start();
    if load.distribution.is_some() {
        figures[7] = again;
    }
    figures
}

fn kafka_round(distribution: &Path, load: &Load<'_>) -> Figures {
    let kafka = Kafka::start(distribution, 1);
    let from_nothing = first_answer(&kafka.address, kafka.began);
    let mut figures = measure(load, &kafka.address, kafka.process(0));
    figures[6] = from_nothing;
    figures
}

struct StoppedOnDrop(Child);

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        // Fails if the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the milliseconds from `began` until the broker answers which versions it supports.
fn first_answer(address: &str, began: Instant) -> f64 {
    // ApiVersions in version 0, with correlation ID 1 and without a client name.
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let mut start = [0; 8];
    loop {
        let answered = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(&request)?;
            stream.read_exact(&mut start)
        });
        if answered.is_ok() {
            assert_eq!(start[4..], [0, 0, 0, 1]);
            return began.elapsed().as_secs_f64() * 1_000.0;
        }
        assert!(began.elapsed() < TIMEOUT, "no answer from {address}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the figures of a broker that runs as `process` at `address`.
fn measure(load: &Load<'_>, address: &str, process: &Child) -> Figures {
    let mut figures = [f64::NAN; FIGURES.len()];
    if let Some(distribution) = load.distribution {
        produce(distribution, address, "warm-up", (100, load.warm_up));
        for (index, messages) in load.messages.into_iter().enumerate() {
            let topic = format!("of-{}", messages.0);
            figures[2 * index] = produce(distribution, address, &topic, messages);
            figures[2 * index + 1] = consume(distribution, address, &topic, messages.1);
        }
    }
    [figures[4], figures[5]] = delays(address, load.probes);
    // These figures are only comparable after the same messages.
    if load.distribution.is_some() {
        figures[8] = processor_time(process);
        figures[9] = f64::from(u32::try_from(peak_memory(process)).expect("a size"));
    }
    figures
}

/// Returns messages per second sent by Kafka's own tool.
fn produce(distribution: &Path, address: &str, topic: &str, (bytes, messages): (u32, u32)) -> f64 {
    let mut tool = tool(distribution, "kafka-producer-perf-test.sh");
    tool.args(["--topic", topic, "--throughput", "-1"]);
    tool.args(["--record-size", &bytes.to_string(), "--num-records", &messages.to_string()]);
    tool.args(["--producer-props", "acks=all", &format!("bootstrap.servers={address}")]);
    let output = printed(tool);
    let line = output.lines().rev().find(|line| line.contains("records/sec")).unwrap_or_else(|| panic!("{output}"));
    assert!(line.starts_with(&format!("{messages} records sent")), "{output}");
    let rate = line.split(", ").nth(1).and_then(|part| part.split_whitespace().next()).expect("a rate");
    rate.parse().unwrap_or_else(|_| panic!("{output}"))
}

/// Returns messages per second during the fetch, by Kafka's own tool.
fn consume(distribution: &Path, address: &str, topic: &str, messages: u32) -> f64 {
    let mut tool = tool(distribution, "kafka-consumer-perf-test.sh");
    tool.args(["--bootstrap-server", address, "--topic", topic, "--messages", &messages.to_string()]);
    let output = printed(tool);
    let mut lines = output.lines().skip_while(|line| !line.starts_with("start.time"));
    let columns = lines.next().unwrap_or_else(|| panic!("{output}")).split(", ");
    let values = lines.next().unwrap_or_else(|| panic!("{output}")).split(", ");
    let of =
        |name: &str| columns.clone().zip(values.clone()).find(|(column, _)| *column == name).map(|(_, value)| value);
    let read = of("data.consumed.in.nMsg").and_then(|value| value.parse::<u32>().ok());
    assert!(read.is_some_and(|read| read >= messages), "{output}");
    of("fetch.nMsg.sec").and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{output}"))
}

fn tool(distribution: &Path, name: &str) -> Command {
    let mut command = Command::new(distribution.join("bin").join(name));
    command.env("LOG_DIR", "/tmp").stdin(Stdio::null());
    command
}

fn printed(mut tool: Command) -> String {
    let output = tool.output().expect("Java runs");
    let output_text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{output_text}");
    output_text
}

/// Returns the median and the 99th percentile of the delay, in milliseconds: the time from handing a message to a
/// producer until a waiting consumer has it.
fn delays(address: &str, probes: usize) -> [f64; 2] {
    let topic = "delays";
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()
        .expect("a producer");
    let send = |payload: &[u8]| {
        producer
            .send(BaseRecord::<(), _>::to(topic).partition(0).payload(payload))
            .map_err(|(error, _)| error)
            .expect("room");
    };
    // The first message creates the topic.
    send(&[0; 8]);
    producer.flush(TIMEOUT).expect("sent");
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", address).set("group.id", "delays").create().expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&partitions).expect("an assignment");
    consumer.poll(TIMEOUT).expect("the first message").expect("a message");
    let began = Instant::now();
    let mut delays = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut delays = Vec::with_capacity(probes);
            while delays.len() < probes {
                let message = consumer.poll(TIMEOUT).expect("a message in time").expect("a message");
                let sent = message.payload().and_then(|payload| payload.try_into().ok()).map(u64::from_be_bytes);
                delays.push(began.elapsed() - Duration::from_nanos(sent.expect("a time")));
            }
            delays
        });
        for _ in 0..probes {
            send(&u64::try_from(began.elapsed().as_nanos()).expect("hours").to_be_bytes());
            producer.poll(Duration::ZERO);
            std::thread::sleep(PROBE_INTERVAL);
        }
        reader.join().expect("all were read")
    });
    delays.sort_unstable();
    [probes / 2, probes * 99 / 100].map(|index| delays[index].as_secs_f64() * 1_000.0)
}

/// Returns the processor time of a process in seconds, in user and kernel mode.
fn processor_time(process: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    // The 12th and 13th field after the name, which may hold spaces; in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
