//! The embedded broker as a separate process, killed under load and given bad requests. Acknowledged messages are
//! stored once, memory is bounded, and correct clients still get answers.
//!
//! Ten kills in a plain `cargo test`; `just torture` sets a higher number with WINDROW_TORTURE_KILLS.
#![cfg(feature = "embedded")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use windrow_testing::{Running, STEP_TIMEOUT, free_port, windrow};

use crate::exclusive;

const KILLS: u64 = 10;

fn address() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn start(address: &str, more: &[&str]) -> Running {
    let broker = Running::start(&[&["broker", "--listen", address][..], more].concat());
    broker.wait_for("broker: embedded");
    broker
}

fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address)
        .set("reconnect.backoff.max.ms", "200")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}

fn create(address: &str, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client(address).create().expect("a client");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let wanted = [NewTopic::new(topic, partitions, TopicReplication::Fixed(1))];
    let made = runtime.block_on(admin.create_topics(&wanted, &AdminOptions::new())).expect("an answer");
    assert!(made[0].is_ok(), "{made:?}");
}

/// Records the acknowledged messages: the number in each message, and its offset.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<Vec<(u64, i64)>>>);

impl ClientContext for Acknowledged {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext<NoCustomPartitioner> for Acknowledged {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        if let Ok(message) = result {
            self.0.lock().expect("no panic").push((*number, message.offset()));
        }
    }
}

/// Returns the number in each message of a partition, in order.
fn read(address: &str, topic: &str) -> Vec<u64> {
    let reader: BaseConsumer = client(address).set("group.id", "reader").create().expect("a client");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    reader.assign(&partitions).expect("an assignment");
    let (_, end) = reader.fetch_watermarks(topic, 0, STEP_TIMEOUT).expect("the ends");
    let (mut found, deadline) = (Vec::new(), Instant::now() + STEP_TIMEOUT);
    while i64::try_from(found.len()).expect("few") < end {
        assert!(Instant::now() < deadline, "{} of {end} messages", found.len());
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) {
            let text = std::str::from_utf8(message.payload().expect("a value")).expect("text");
            found.push(text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number"));
        }
    }
    found
}

#[test]
#[expect(clippy::disallowed_methods, reason = "as for the stages, one variable asks for more kills")]
fn kills_under_load_lose_no_acknowledged_message_and_duplicate_none() {
    let _exclusive = exclusive();
    let kills = std::env::var("WINDROW_TORTURE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().expect("a folder");
    let (address, data) = (address(), folder.path().join("data").display().to_string());
    let mut broker = start(&address, &["--data", &data]);
    create(&address, "load", 1);
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> = client(&address)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "0")
        .set("linger.ms", "2")
        .create_with_context(acknowledged.clone())
        .expect("a client");
    let group: BaseConsumer =
        client(&address).set("group.id", "committer").set("enable.auto.commit", "false").create().expect("a client");
    let (ends, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = {
        let (ends, sent, producer) = (Arc::clone(&ends), Arc::clone(&sent), producer.clone());
        std::thread::spawn(move || {
            while !ends.load(Relaxed) {
                let number = sent.load(Relaxed);
                let value = format!("{number} {}", "x".repeat(usize::try_from(number % 300).expect("small")));
                let record = BaseRecord::with_opaque_to("load", Box::new(number)).partition(0).payload(&value).key("");
                match producer.send(record) {
                    Ok(()) => {
                        sent.fetch_add(1, Relaxed);
                    }
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                        std::thread::park_timeout(Duration::from_millis(5));
                    }
                    Err((error, _)) => panic!("{error}"),
                }
                if number % 200 == 0 {
                    std::thread::park_timeout(Duration::from_millis(2));
                }
            }
        })
    };
    let (mut committed, mut pause) = (-1, 17_u64);
    for kill in 0..kills {
        // Different moments for each kill, but the same in each run.
        pause = (pause * 31 + 7 * kill) % 400;
        std::thread::park_timeout(Duration::from_millis(30 + pause));
        let mut partitions = TopicPartitionList::new();
        partitions
            .add_partition_offset("load", 0, Offset::Offset(i64::try_from(kill).expect("few")))
            .expect("a partition");
        if group.commit(&partitions, CommitMode::Sync).is_ok() {
            committed = i64::try_from(kill).expect("few");
        }
        broker.signal("KILL");
        broker.end();
        broker = start(&address, &["--data", &data]);
        let found = group.committed_offsets(partitions, STEP_TIMEOUT).expect("an answer");
        let found = found.elements()[0].offset();
        let at_least = if committed < 0 { Offset::Invalid } else { Offset::Offset(committed) };
        assert_eq!(found, at_least, "committed offsets stay, kill {kill}");
    }
    ends.store(true, Relaxed);
    sender.join().expect("the sender");
    producer.flush(STEP_TIMEOUT).expect("all is acknowledged in the end");
    let found = read(&address, "load");
    let sent = sent.load(Relaxed);
    assert_eq!(found.len() as u64, sent, "every message once");
    assert!(found.iter().copied().eq(0..sent), "in the order in which they were sent");
    let acknowledged = acknowledged.0.lock().expect("no panic");
    assert_eq!(acknowledged.len() as u64, sent);
    for (number, offset) in acknowledged.iter().filter(|(_, offset)| *offset >= 0) {
        assert_eq!(found[usize::try_from(*offset).expect("an offset")], *number, "it is where it was said to be");
    }
}

/// Returns the peak resident memory of a process in MiB.
fn memory(broker: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.id())).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("kB") / 1024
}

/// Returns the time that a correct client needs to produce a message and to read it.
fn round_trip(address: &str, topic: &str) -> Duration {
    let began = Instant::now();
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> =
        client(address).set("linger.ms", "0").create_with_context(acknowledged.clone()).expect("a client");
    let record = BaseRecord::with_opaque_to(topic, Box::new(0)).partition(0).payload("1 x").key("");
    assert!(producer.send(record).is_ok());
    producer.flush(STEP_TIMEOUT).expect("acknowledged");
    assert_eq!(acknowledged.0.lock().expect("no panic").len(), 1);
    began.elapsed()
}

#[test]
fn thousands_of_idle_and_slow_clients_do_not_block_others() {
    let _exclusive = exclusive();
    let address = address();
    let broker = start(&address, &[]);
    create(&address, "t", 1);
    // The memory of the program itself counts too, and an unoptimised program is large.
    let before = memory(&broker);
    let idle: Vec<TcpStream> = (0..5_000).map(|_| TcpStream::connect(&address).expect("a connection")).collect();
    // A frame whose length is large and that arrives byte by byte.
    let mut slow: Vec<TcpStream> = idle.iter().take(500).map(|stream| stream.try_clone().expect("a handle")).collect();
    for stream in &mut slow {
        stream.write_all(&[0, 16, 0, 0, 0, 0, 0, 9]).expect("it reads");
    }
    for stream in &mut slow {
        stream.write_all(&[0]).expect("it reads");
    }
    let took = round_trip(&address, "t");
    assert!(took < Duration::from_secs(5), "{took:?}");
    // These frames are larger in total than the broker's limit for all requests.
    for stream in &mut slow {
        stream.write_all(&vec![0; 128 * 1024]).expect("the system takes it");
    }
    std::thread::park_timeout(Duration::from_millis(500));
    let producer: ThreadedProducer<Acknowledged> =
        client(&address).set("linger.ms", "0").create_with_context(Acknowledged::default()).expect("a client");
    let large = "x".repeat(500_000);
    let record = BaseRecord::with_opaque_to("t", Box::new(0)).partition(0).payload(&large).key("");
    assert!(producer.send(record).is_ok());
    let began = Instant::now();
    producer.flush(STEP_TIMEOUT).expect("acknowledged");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let grown = memory(&broker) - before;
    assert!(grown < 75, "{grown} MiB, {before} before");
}

#[test]
fn clients_that_do_not_read_cost_little_and_do_not_block_others() {
    let _exclusive = exclusive();
    let address = address();
    let broker = start(&address, &[]);
    create(&address, "t", 1);
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> =
        client(&address).create_with_context(acknowledged.clone()).expect("a client");
    for number in 0..60_000_u64 {
        let value = format!("{number} {}", "x".repeat(1_000));
        while producer
            .send(BaseRecord::with_opaque_to("t", Box::new(number)).partition(0).payload(&value).key(""))
            .is_err()
        {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
    producer.flush(STEP_TIMEOUT).expect("acknowledged");
    // Fetch in version 4: all messages of partition 0 of topic `t`, up to 50 MiB.
    let mut body = vec![0, 1, 0, 4, 0, 0, 0, 1, 255, 255];
    body.extend((-1_i32).to_be_bytes());
    for number in [100, 1, 50 << 20] {
        body.extend(i32::to_be_bytes(number));
    }
    body.extend([0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0]);
    body.extend(0_i64.to_be_bytes());
    body.extend((50_i32 << 20).to_be_bytes());
    let frame = [&u32::try_from(body.len()).expect("short").to_be_bytes()[..], &body].concat();
    let mut clients: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&address).expect("a connection")).collect();
    for client in &mut clients {
        // Several requests, without reading any answer.
        for _ in 0..3 {
            client.write_all(&frame).expect("it reads");
        }
    }
    let took = round_trip(&address, "t");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let memory = memory(&broker);
    assert!(memory < 100, "{memory} MiB");
    // A client that reads later gets the whole answer.
    let client = &mut clients[0];
    client.set_read_timeout(Some(STEP_TIMEOUT)).expect("a limit");
    let mut length = [0; 4];
    client.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("short")];
    client.read_exact(&mut answer).expect("a whole answer");
    assert!(answer.len() > 40 << 20, "{} bytes", answer.len());
}

#[test]
fn invalid_frames_end_only_their_connection() {
    let _exclusive = exclusive();
    let address = address();
    let mut broker = start(&address, &[]);
    create(&address, "t", 1);
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for round in 0..3_000 {
        let Ok(mut stream) = TcpStream::connect(&address) else { panic!("round {round}: it does not listen") };
        let length = usize::try_from(next() % 200).expect("small");
        let mut body: Vec<u8> = (0..length).map(|_| u8::try_from(next() & 255).expect("a byte")).collect();
        // A valid key and version, so that the rest is parsed.
        if round % 4 != 0 && body.len() > 4 {
            body[..4].copy_from_slice(&[
                0,
                u8::try_from(next() % 70).expect("a key"),
                0,
                u8::try_from(next() % 14).expect("a version"),
            ]);
        }
        let stated_length =
            if round % 7 == 0 { u32::MAX >> (next() % 8) } else { u32::try_from(body.len()).expect("short") };
        let _ = stream.write_all(&[&stated_length.to_be_bytes()[..], &body].concat());
    }
    assert!(broker.ended().is_none(), "{}", broker.output());
    let took = round_trip(&address, "t");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let memory = memory(&broker);
    assert!(memory < 100, "{memory} MiB");
    let output = broker.output();
    assert!(!output.contains("panic"), "{output}");
}

#[test]
fn ten_thousand_partitions_are_made_written_to_and_found_again() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let (address, data) = (address(), folder.path().join("data").display().to_string());
    let mut broker = start(&address, &["--data", &data]);
    create(&address, "wide", 10_000);
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> =
        client(&address).create_with_context(acknowledged.clone()).expect("a client");
    for partition in (0..10_000).step_by(4) {
        let record = BaseRecord::with_opaque_to("wide", Box::new(0)).partition(partition).payload("1").key("");
        assert!(producer.send(record).is_ok());
    }
    producer.flush(STEP_TIMEOUT).expect("acknowledged");
    assert_eq!(acknowledged.0.lock().expect("no panic").len(), 2_500);
    let memory = memory(&broker);
    assert!(memory < 100, "{memory} MiB");
    broker.signal("KILL");
    broker.end();
    let broker = start(&address, &["--data", &data]);
    let reader: BaseConsumer = client(&address).set("group.id", "g").create().expect("a client");
    for partition in [0, 4, 5, 9_996] {
        let (_, end) = reader.fetch_watermarks("wide", partition, STEP_TIMEOUT).expect("the ends");
        assert_eq!(end, i64::from(partition % 4 == 0), "partition {partition}");
    }
    drop(broker);
}

#[test]
fn a_directory_has_one_broker_and_each_fault_of_it_is_reported() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let text = data.display().to_string();
    let (one, two) = (address(), address());
    let mut broker = start(&one, &["--data", &text]);
    let refused = |expected: &str| {
        let output = windrow(&["broker", "--listen", &two, "--data", &text]);
        let output_text = windrow_testing::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output_text}");
        assert!(output_text.contains(expected) && output_text.contains(&text), "{output_text}");
    };
    refused("another broker uses the directory");
    // The lock is free as soon as the process is killed.
    broker.signal("KILL");
    broker.end();
    let mut broker = start(&one, &["--data", &text]);
    broker.interrupt();
    let description = data.join("broker.json");
    let good = fs::read(&description).expect("a file");
    fs::write(&description, "{\"format\": 9}").expect("a file");
    refused("format 9");
    fs::write(&description, "nonsense").expect("a file");
    refused("cannot read");
    fs::write(&description, &good).expect("a file");
    let journal = data.join("journal");
    fs::write(&journal, [7; 100]).expect("a file");
    drop(start(&one, &["--data", &text]));
    fs::remove_file(&description).expect("a file");
    refused("does not contain the data of a broker");
}
