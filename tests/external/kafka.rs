//! Windrow on Apache Kafka, with one node and with three. Whatever happens to the nodes, every row is stored once, or
//! one sentence reports what is lost permanently.
//!
//! `WINDROW_TEST_KAFKA` names the folder of the distribution; without it these tests are skipped with a message.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use windrow_testing::kafka::{Kafka, kafka};
use windrow_testing::{
    Running, assert_whole, fixture_rows, json, sample_with, succeed, text, topic, wait_until, windrow,
};

const TOPIC: &str = "flights-sample";
/// A pace at which the sample's rows take about fifteen seconds.
const FIXED_PACE: &str = "partitions = 3\npace = { kind = \"fixed\", delay = \"2ms\" }";
/// A pace with twice that time, so that a node can be frozen and two can be killed before the last row is sent.
const SLOW_PACE: &str = "partitions = 3\npace = { kind = \"fixed\", delay = \"4ms\" }";

/// A cluster with a topic, a pipeline and a work directory.
struct TestCluster {
    folder: tempfile::TempDir,
    kafka: Kafka,
    file: String,
}

impl TestCluster {
    fn new(distribution: &std::path::Path, nodes: usize, window: &str, stream: &str) -> Self {
        let kafka = Kafka::start(distribution, nodes);
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), window, stream);
        // Nodes that have just started may not have found each other yet.
        let create = ["topic", "create", &file, "--broker", &kafka.address, "--replication", &nodes.to_string()];
        let mut made = windrow(&create);
        for _ in 0..20 {
            if made.status.success() {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(500));
            made = windrow(&create);
        }
        assert!(made.status.success(), "{}", text(&made.stderr));
        Self { folder, kafka, file }
    }

    fn workdir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn produce(&self, more: &[&str]) -> Running {
        Running::start(&[&["produce", &self.file, "--broker", &self.kafka.address], more].concat())
    }

    fn consume(&self, more: &[&str]) -> Running {
        let workdir = self.workdir().display().to_string();
        let arguments = ["consume", &self.file, "--broker", &self.kafka.address, "--workdir", &workdir, "--once"];
        Running::start(&[&arguments[..], more].concat())
    }

    /// Checks that producer and consumer end without error, and that every row is stored once.
    fn is_whole(&self, mut producer: Running, mut consumer: Running) {
        assert!(producer.end().success(), "{}", producer.output());
        assert!(consumer.end().success(), "{}", consumer.output());
        self.is_clean();
    }

    fn is_clean(&self) {
        assert_whole(&self.workdir());
        let workdir = self.workdir().display().to_string();
        let audit = windrow(&["audit", &self.file, "--workdir", &workdir, "--broker", &self.kafka.address]);
        assert!(audit.status.success(), "{}{}", text(&audit.stdout), text(&audit.stderr));
        assert!(text(&audit.stdout).contains("8,019 read = 8,019 delivered"), "{}", text(&audit.stdout));
    }

    /// Returns the node that leads a partition, counted from 0.
    fn leader(&self, partition: i32) -> usize {
        let description = self
            .kafka
            .run("kafka-topics.sh", &["--bootstrap-server", &self.kafka.address, "--describe", "--topic", TOPIC]);
        let line =
            description.lines().find(|line| line.contains(&format!("Partition: {partition}\t"))).expect("a partition");
        let leader = line.split("Leader: ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a leader");
        leader.parse::<usize>().expect("a node") - 1
    }
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn every_command_works_on_one_node() {
    let Some(distribution) = kafka() else { return };
    let cluster = TestCluster::new(&distribution, 1, "parts = 3", "partitions = 3");
    let address = &cluster.kafka.address;
    let described = succeed(&["topic", "describe", &cluster.file, "--broker", address]);
    assert!(described.contains("0 records in 3 partitions"), "{described}");
    assert!(described.lines().any(|line| line.split_whitespace().eq(["2", "0", "0", "0"])), "{described}");
    cluster.is_whole(cluster.produce(&[]), cluster.consume(&[]));
    let workdir = cluster.workdir().display().to_string();
    succeed(&["train", &cluster.file, "--workdir", &workdir, "--once"]);
    assert!(succeed(&["models", &cluster.file, "--workdir", &workdir]).contains("cumulative-3"));
    // A second producer has nothing to send.
    let mut again = cluster.produce(&[]);
    assert!(again.end().success() && again.output().contains("nothing is left to send"), "{}", again.output());
    // The same in one process, on a topic that is created again.
    succeed(&["topic", "delete", &cluster.file, "--broker", address]);
    let other = cluster.folder.path().join("run").display().to_string();
    let run = ["run", &cluster.file, "--broker", address, "--workdir", &other, "--once", "--listen", "127.0.0.1:0"];
    assert!(succeed(&run).contains("Too few windows for advice"));
    let audit = succeed(&["audit", &cluster.file, "--workdir", &other, "--broker", address]);
    assert!(audit.contains("8,019 read = 8,019 delivered"), "{audit}");
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn settings_of_a_topic_are_those_that_were_asked_for() {
    let Some(distribution) = kafka() else { return };
    let cluster = TestCluster::new(&distribution, 1, "rows = 500", "partitions = 1");
    let address = &cluster.kafka.address;
    succeed(&["topic", "delete", &cluster.file, "--broker", address]);
    let create = ["topic", "create", &cluster.file, "--broker", address];
    let refused = windrow(&[&create[..], &["--replication", "2"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("eplication"), "{}", text(&refused.stderr));
    succeed(&[&create[..], &["--config", "retention.ms=86400000", "--config", "segment.bytes=1048576"]].concat());
    let description = cluster.kafka.run(
        "kafka-configs.sh",
        &["--bootstrap-server", address, "--describe", "--entity-type", "topics", "--entity-name", TOPIC],
    );
    assert!(
        description.contains("retention.ms=86400000") && description.contains("segment.bytes=1048576"),
        "{description}"
    );
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn leaders_are_killed_and_nodes_are_restarted_one_after_the_other() {
    let Some(distribution) = kafka() else { return };
    let mut cluster = TestCluster::new(&distribution, 3, "rows = 500", FIXED_PACE);
    let (producer, consumer) = (cluster.produce(&[]), cluster.consume(&[]));
    consumer.wait_for("window 2 (");
    let leader = cluster.leader(0);
    cluster.kafka.kill(leader);
    std::thread::park_timeout(Duration::from_secs(3));
    cluster.kafka.up(leader);
    consumer.wait_for("window 6 (");
    for node in 0..3 {
        cluster.kafka.stop(node);
        cluster.kafka.up(node);
    }
    cluster.is_whole(producer, consumer);
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn a_frozen_node_and_too_few_replicas_are_waited_out() {
    let Some(distribution) = kafka() else { return };
    let mut cluster = TestCluster::new(&distribution, 3, "rows = 500", SLOW_PACE);
    let (producer, consumer) = (cluster.produce(&[]), cluster.consume(&[]));
    consumer.wait_for("window 2 (");
    let frozen = cluster.leader(1);
    cluster.kafka.signal(frozen, "STOP");
    std::thread::park_timeout(Duration::from_secs(6));
    cluster.kafka.signal(frozen, "CONT");
    consumer.wait_for("window 5 (");
    // Two of three nodes are down, so nothing can be written, and the producer reports it.
    cluster.kafka.kill(0);
    cluster.kafka.kill(1);
    producer.wait_for("has confirmed nothing for");
    consumer.wait_for("no broker at");
    std::thread::park_timeout(Duration::from_secs(5));
    cluster.kafka.up(0);
    cluster.kafka.up(1);
    producer.wait_for("confirms messages");
    cluster.is_whole(producer, consumer);
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn members_of_a_group_are_killed_in_turn_while_a_node_restarts() {
    let Some(distribution) = kafka() else { return };
    let mut cluster = TestCluster::new(&distribution, 3, "rows = 500", FIXED_PACE);
    let member = |cluster: &TestCluster| {
        cluster.consume(&["--group", "readers", "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300"])
    };
    let producer = cluster.produce(&[]);
    let mut members: Vec<Running> = (0..3).map(|_| member(&cluster)).collect();
    let sealed = |cluster: &TestCluster, window: u32| {
        let path = cluster.workdir().join(format!("batches/window-{window:05}.json"));
        wait_until("the window is put together", || path.exists());
    };
    for (turn, window) in [2, 5, 8].into_iter().enumerate() {
        sealed(&cluster, window);
        members[turn].kill();
        members[turn] = member(&cluster);
        if turn == 1 {
            cluster.kafka.kill(2);
            std::thread::park_timeout(Duration::from_secs(2));
            cluster.kafka.up(2);
        }
    }
    let mut producer = producer;
    assert!(producer.end().success(), "{}", producer.output());
    for mut member in members {
        assert!(member.end().success(), "{}", member.output());
    }
    cluster.is_clean();
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn unread_messages_that_kafka_deletes_are_reported_with_a_code() {
    let Some(distribution) = kafka() else { return };
    for more in [&[][..], &["--group", "readers"][..]] {
        let cluster = TestCluster::new(&distribution, 1, "rows = 1000", "partitions = 2");
        let mut producer = cluster.produce(&[]);
        assert!(producer.end().success(), "{}", producer.output());
        topic::delete_before(&cluster.kafka.address, TOPIC, 0, 1000);
        let mut consumer = cluster.consume(more);
        assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
        assert!(consumer.output().contains("offsets 0 to 999 of partition 0"), "{}", consumer.output());
        assert_eq!(json(&cluster.workdir().join("batches/end.json"))["rows"], 7019);
        let pipeline = fs::read_to_string(&cluster.file).expect("a pipeline");
        fs::write(&cluster.file, format!("{pipeline}accept_deleted = true\n")).expect("a file");
        let mut consumer = cluster.consume(more);
        assert!(consumer.end().success(), "{}", consumer.output());
    }
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn retention_that_deletes_unread_rows_is_reported_with_a_code() {
    let Some(distribution) = kafka() else { return };
    let cluster = TestCluster::new(&distribution, 1, "rows = 1000", "partitions = 1");
    let address = &cluster.kafka.address;
    succeed(&["topic", "delete", &cluster.file, "--broker", address]);
    let create = ["topic", "create", &cluster.file, "--broker", address];
    succeed(&[&create[..], &["--config", "segment.ms=500", "--config", "retention.ms=2000"]].concat());
    let mut producer = cluster.produce(&[]);
    assert!(producer.end().success(), "{}", producer.output());
    let is_emptied = || {
        let described = succeed(&["topic", "describe", &cluster.file, "--broker", address]);
        described.contains(": 0 records in 1 partition")
    };
    wait_until("the rows are deleted", is_emptied);
    let mut consumer = cluster.consume(&["--end-after-idle", "2s"]);
    assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
    // The offsets cover the rows and the end marker.
    assert!(consumer.output().contains("offsets 0 to 8019 of partition 0"), "{}", consumer.output());
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn topic_changes_under_a_running_consumer_are_followed_or_reported() {
    let Some(distribution) = kafka() else { return };
    let cluster = TestCluster::new(&distribution, 1, "rows = 500", FIXED_PACE);
    let address = &cluster.kafka.address;
    let (producer, consumer) = (cluster.produce(&[]), cluster.consume(&[]));
    consumer.wait_for("window 2 (");
    topic::add_partitions(address, TOPIC, 4);
    topic::send(address, TOPIC, 3, &[], "a stranger's");
    cluster.is_whole(producer, consumer);
    assert_eq!(json(&cluster.workdir().join("batches/end.json"))["quarantined"], 1);

    // The topic is deleted and created again.
    fs::remove_dir_all(cluster.workdir()).expect("a work directory");
    succeed(&["topic", "delete", &cluster.file, "--broker", address]);
    std::thread::park_timeout(Duration::from_secs(1));
    succeed(&["topic", "create", &cluster.file, "--broker", address]);
    let mut producer = cluster.produce(&[]);
    let mut consumer = cluster.consume(&[]);
    consumer.wait_for("window 2 (");
    producer.kill();
    succeed(&["topic", "delete", &cluster.file, "--broker", address]);
    succeed(&["topic", "create", &cluster.file, "--broker", address]);
    assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
    let output = consumer.output();
    assert!(output.contains("there is no topic") || output.contains("is not the one that was read before"), "{output}");
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn offsets_without_messages_are_no_end_and_no_gap() {
    let Some(distribution) = kafka() else { return };
    let cluster = TestCluster::new(&distribution, 1, "rows = 1000", "partitions = 1");
    let address = &cluster.kafka.address;
    // Rows of another producer in transactions. Each transaction ends with a control record that consumers do not get.
    let rows = text(&fixture_rows());
    let rows: Vec<&str> = rows.lines().take(2500).collect();
    topic::send_in_transactions(address, TOPIC, &rows, 500);
    let mut consumer = cluster.consume(&["--end-after-idle", "2s"]);
    assert!(consumer.end().success(), "{}", consumer.output());
    let end = json(&cluster.workdir().join("batches/end.json"));
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(2500), Some(0)));
    let workdir = cluster.workdir().display().to_string();
    succeed(&["audit", &cluster.file, "--workdir", &workdir, "--broker", address]);
}

/// The number of kills, unless `WINDROW_TORTURE_KILLS` gives another one.
const KILLS: usize = 8;

#[expect(clippy::disallowed_methods, reason = "as for the other torture tests")]
fn kills() -> usize {
    std::env::var("WINDROW_TORTURE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn every_row_is_stored_once_under_random_kills() {
    let Some(distribution) = kafka() else { return };
    let kills = kills();
    // The sample is repeated to have enough rows: about three seconds per kill.
    let rows = (kills as u64 + 3) * 3000;
    let limit = rows.to_string();
    let pace = "partitions = 3\npace = { kind = \"fixed\", delay = \"1ms\" }";
    let mut cluster = TestCluster::new(&distribution, 3, "rows = 700", pace);
    let produce = |cluster: &TestCluster| cluster.produce(&["--loop", "--limit", &limit]);
    let consume = |cluster: &TestCluster| cluster.consume(&["--group", "readers", "-X", "session.timeout.ms=6000"]);
    let (mut producer, mut members) = (produce(&cluster), [consume(&cluster), consume(&cluster)]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for kill in 0..kills {
        std::thread::park_timeout(Duration::from_millis(500 + draw(3000)));
        match draw(6) {
            0 | 1 => {
                let node = draw(3) as usize;
                cluster.kafka.kill(node);
                std::thread::park_timeout(Duration::from_millis(draw(4000)));
                cluster.kafka.up(node);
            }
            2 | 3 => {
                producer.kill();
                producer = produce(&cluster);
            }
            _ => {
                let member = &mut members[draw(2) as usize];
                member.kill();
                *member = consume(&cluster);
            }
        }
        for running in members.iter_mut().chain([&mut producer]) {
            assert!(running.ended().is_none_or(|status| status.success()), "kill {kill}: {}", running.output());
        }
    }
    assert!(producer.end().success(), "{}", producer.output());
    for mut member in members {
        assert!(member.end().success(), "{}", member.output());
    }
    let end = json(&cluster.workdir().join("batches/end.json"));
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(rows), Some(0)), "{end}");
    let workdir = cluster.workdir().display().to_string();
    let audit = windrow(&["audit", &cluster.file, "--workdir", &workdir, "--broker", &cluster.kafka.address]);
    assert!(audit.status.success(), "{}", text(&audit.stdout));
}
