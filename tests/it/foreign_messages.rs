//! Input that a consumer does not expect: other datasets, forged messages, deleted and changed topics, and a broker
//! that stops responding.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use windrow_testing::{
    Running, STEP_TIMEOUT, assert_same, assert_whole, batch_rows, broker_with_topic, fixture, fixture_rows, json,
    sample_csv, sample_with, succeed, text, topic, windrow,
};

const TOPIC: &str = "flights-sample";
const ROWS: u64 = 8019;

/// A broker with the topic, a pipeline and a work directory.
struct TestTopic {
    folder: tempfile::TempDir,
    broker: Running,
    address: String,
    file: String,
}

impl TestTopic {
    fn new(window: &str, stream: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), window, stream);
        let (broker, address) = broker_with_topic(&file);
        Self { folder, broker, address, file }
    }

    fn produce(&self) {
        succeed(&["produce", &self.file, "--broker", &self.address]);
    }

    fn workdir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn consume(&self, file: &str, more: &[&str]) -> Running {
        let workdir = self.workdir().display().to_string();
        let arguments = ["consume", file, "--broker", &self.address, "--workdir", &workdir, "--once"];
        Running::start(&[&arguments[..], more].concat())
    }

    /// Returns the ID that the sample's replay has in its messages.
    fn run(&self) -> String {
        let workdir = self.folder.path().join("peek");
        let workdir_text = workdir.display().to_string();
        let run = ["run", &self.file, "--broker", "embedded", "--workdir", &workdir_text, "--once"];
        succeed(&[&run[..], &["--limit", "1000", "--listen", "127.0.0.1:0"]].concat());
        json(&workdir.join("batches/window-00001.json"))["run"].as_str().expect("a replay").to_owned()
    }

    fn end(&self) -> serde_json::Value {
        json(&self.workdir().join("batches/end.json"))
    }

    fn audit(&self) {
        let workdir = self.workdir().display().to_string();
        let audit = windrow(&["audit", &self.file, "--workdir", &workdir, "--broker", &self.address]);
        assert!(audit.status.success(), "{}", text(&audit.stdout));
    }

    fn is_whole(&self) {
        assert_whole(&self.workdir());
        self.audit();
    }
}

/// Writes the pipeline of `test_topic` with a dataset that differs in one byte.
fn other_dataset(test_topic: &TestTopic) -> String {
    let mut rows = sample_csv();
    let digit = rows.iter().rposition(|byte| *byte == b'7').expect("a seven");
    rows[digit] = b'8';
    fs::write(test_topic.folder.path().join("other.csv"), rows).expect("a file");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = fs::read_to_string(&test_topic.file).expect("a pipeline").replace(&dataset, "other.csv");
    let file = test_topic.folder.path().join("other.toml");
    fs::write(&file, pipeline).expect("a file");
    file.display().to_string()
}

#[test]
fn the_rows_of_another_dataset_are_not_taken() {
    for limit in ["8019", "20"] {
        let test_topic = TestTopic::new("rows = 500", "partitions = 2");
        succeed(&["produce", &test_topic.file, "--broker", &test_topic.address, "--limit", limit]);
        let other = other_dataset(&test_topic);
        for more in [&[][..], &["--group", "readers"][..]] {
            let mut consumer = test_topic.consume(&other, more);
            assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
            let output = consumer.output();
            assert!(output.contains("were rejected") && output.contains("it comes from the replay"), "{output}");
            fs::remove_dir_all(test_topic.workdir()).expect("a work directory");
        }
    }
}

#[test]
fn a_group_without_the_dataset_reports_what_it_lacks() {
    let test_topic = TestTopic::new("rows = 500", "partitions = 2");
    test_topic.produce();
    let columns = text(&sample_csv());
    let columns: Vec<String> =
        columns.lines().next().expect("a header").split(',').map(|name| format!("\"{name}\"")).collect();
    let dataset = format!("path = \"{}\"", fixture("flights-sample.csv.zst").display());
    let pipeline = fs::read_to_string(&test_topic.file).expect("a pipeline");
    let pipeline = pipeline.replace(&dataset, &format!("path = \"gone.csv\"\ncolumns = [{}]", columns.join(", ")));
    fs::write(&test_topic.file, pipeline).expect("a file");
    let mut member = test_topic.consume(&test_topic.file, &["--group", "readers"]);
    assert_eq!(member.end().code(), Some(1));
    assert!(member.output().contains("gone.csv does not exist"), "{}", member.output());
    // A consumer without a group takes the run whose rows arrive first.
    let mut consumer = test_topic.consume(&test_topic.file, &[]);
    assert!(consumer.end().success(), "{}", consumer.output());
    assert_eq!(test_topic.end()["rows"], ROWS);
}

#[test]
fn forged_numbers_and_foreign_messages_cost_a_line_in_quarantine_each() {
    let test_topic = TestTopic::new("rows = 500", "partitions = 1\npace = { kind = \"fixed\", delay = \"500us\" }");
    let run = test_topic.run();
    let mut producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let mut consumer = test_topic.consume(&test_topic.file, &[]);
    consumer.wait_for("window 1 (");
    let forged = |headers: &[(&str, &str)], value: &str| topic::send(&test_topic.address, TOPIC, 0, headers, value);
    let row = text(&fixture_rows()).lines().next().expect("a row").to_owned();
    for run in [&[][..], &[("windrow-run", run.as_str())][..]] {
        for value in ["no row", &row] {
            for number in ["9000000000000", "700000", "0"] {
                forged(&[&[("windrow-row", number)][..], run].concat(), value);
            }
        }
    }
    forged(&[], &"x".repeat(500_000));
    assert!(producer.end().success() && consumer.end().success(), "{}", consumer.output());
    let end = test_topic.end();
    assert_eq!((end["windows"].as_u64(), end["rows"].as_u64()), (Some(17), Some(ROWS)), "{end}");
    assert_eq!(end["quarantined"], 13, "{end}");
    test_topic.audit();
    assert_whole(&test_topic.workdir());
}

#[test]
fn a_broker_that_stands_still_is_no_end_of_the_stream() {
    let test_topic = TestTopic::new("rows = 500", "partitions = 2\npace = { kind = \"fixed\", delay = \"1ms\" }");
    let mut producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let consumer = test_topic.consume(&test_topic.file, &["--end-after-idle", "2s"]);
    consumer.wait_for("window 2 (");
    test_topic.broker.signal("STOP");
    // Each stage reports the broker once when it is lost, and once when it is back.
    let lost = consumer.wait_for("no broker at");
    assert!(lost.contains("partitions 0 and 1"), "{lost}");
    producer.wait_for("has confirmed nothing for");
    std::thread::park_timeout(Duration::from_secs(6));
    assert!(!test_topic.workdir().join("batches/end.json").exists(), "{}", consumer.output());
    test_topic.broker.signal("CONT");
    consumer.wait_for("can be read again");
    producer.wait_for("confirms messages");
    let mut consumer = consumer;
    assert!(producer.end().success() && consumer.end().success(), "{}", consumer.output());
    assert!(consumer.output().contains("lag unknown"), "{}", consumer.output());
    assert_eq!(consumer.output().matches("no broker at").count(), 1, "{}", consumer.output());
    test_topic.is_whole();
}

#[test]
fn deleted_messages_are_reported_and_can_be_accepted() {
    for more in [&[][..], &["--group", "readers"][..]] {
        let test_topic = TestTopic::new("rows = 1000", "partitions = 2");
        test_topic.produce();
        topic::delete_before(&test_topic.address, TOPIC, 1, 1500);
        for _ in 0..2 {
            let mut consumer = test_topic.consume(&test_topic.file, more);
            assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
            assert!(consumer.output().contains("offsets 0 to 1499 of partition 1"), "{}", consumer.output());
        }
        let manifests: Vec<serde_json::Value> = (1..=9)
            .map(|window| json(&test_topic.workdir().join(format!("batches/window-{window:05}.json"))))
            .collect();
        let deleted: Vec<&serde_json::Value> = manifests
            .iter()
            .filter_map(|one| one["messages"].get("deleted"))
            .flat_map(|all| all.as_array().expect("a list"))
            .collect();
        assert_eq!(deleted, [&serde_json::json!({"partition": 1, "first": 0, "last": 1499})]);
        assert_eq!(test_topic.end()["rows"], ROWS - 1500);
        let pipeline = fs::read_to_string(&test_topic.file).expect("a pipeline");
        fs::write(&test_topic.file, format!("{pipeline}accept_deleted = true\n")).expect("a file");
        let mut consumer = test_topic.consume(&test_topic.file, more);
        assert!(consumer.end().success(), "{}", consumer.output());
    }
}

#[test]
fn deletion_under_a_running_consumer_is_reported() {
    let test_topic = TestTopic::new("rows = 1000", "partitions = 1\npace = { kind = \"fixed\", delay = \"300us\" }");
    let mut producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let mut consumer = test_topic.consume(&test_topic.file, &[]);
    consumer.wait_for("window 1 (");
    consumer.signal("STOP");
    assert!(producer.end().success());
    topic::delete_before(&test_topic.address, TOPIC, 0, 8000);
    consumer.signal("CONT");
    assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
    let output = consumer.output();
    assert!(output.contains("to 7999 of partition 0") && output.contains("of the 8019 rows of the replay"), "{output}");
}

#[test]
fn partitions_that_are_added_are_read_and_need_no_end_marker() {
    let test_topic = TestTopic::new("rows = 1000", "partitions = 2\npace = { kind = \"fixed\", delay = \"2ms\" }");
    let mut producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let mut consumer = test_topic.consume(&test_topic.file, &[]);
    consumer.wait_for("window 1 (");
    topic::add_partitions(&test_topic.address, TOPIC, 3);
    topic::send(&test_topic.address, TOPIC, 2, &[], "a stranger's");
    assert!(producer.end().success() && consumer.end().success(), "{}", consumer.output());
    let end = test_topic.end();
    assert_eq!((end["rows"].as_u64(), end["quarantined"].as_u64()), (Some(ROWS), Some(1)), "{end}");
    test_topic.is_whole();
}

#[test]
fn a_group_says_that_its_windows_are_cut_for_other_partitions() {
    let test_topic = TestTopic::new("rows = 1000", "partitions = 2\npace = { kind = \"fixed\", delay = \"3ms\" }");
    let _producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let mut member = test_topic.consume(&test_topic.file, &["--group", "readers"]);
    member.wait_for("window 1 (");
    topic::add_partitions(&test_topic.address, TOPIC, 3);
    assert_eq!(member.end().code(), Some(1), "{}", member.output());
    assert!(member.output().contains("has 3 partitions, but the group began with 2"), "{}", member.output());
}

#[test]
fn a_recreated_topic_is_reported_also_with_fewer_partitions() {
    for (partitions, rows, expected) in
        [(1, 3000, "no longer has this partition"), (3, 3000, "is not the one that was read before")]
    {
        let test_topic = TestTopic::new("rows = 1000", "partitions = 3");
        succeed(&["produce", &test_topic.file, "--broker", &test_topic.address]);
        let mut consumer = test_topic.consume(&test_topic.file, &[]);
        assert!(consumer.end().success(), "{}", consumer.output());
        // The files are as if the consumer had been killed after its sixth window.
        let batches = test_topic.workdir().join("batches");
        for name in ["end.json", "window-00009.json", "window-00008.json", "window-00007.json"] {
            fs::remove_file(batches.join(name)).expect("was there");
        }
        succeed(&["topic", "delete", &test_topic.file, "--broker", &test_topic.address]);
        let pipeline = fs::read_to_string(&test_topic.file).expect("a pipeline");
        let fewer = test_topic.folder.path().join("fewer.toml").display().to_string();
        fs::write(&fewer, pipeline.replace("partitions = 3", &format!("partitions = {partitions}"))).expect("a file");
        succeed(&["topic", "create", &fewer, "--broker", &test_topic.address]);
        succeed(&["produce", &fewer, "--broker", &test_topic.address, "--limit", &rows.to_string()]);
        let mut consumer = test_topic.consume(&test_topic.file, &[]);
        assert_eq!(consumer.end().code(), Some(1), "{}", consumer.output());
        assert!(consumer.output().contains(expected), "{}", consumer.output());
    }
}

#[test]
fn a_topic_that_is_deleted_under_a_consumer_ends_it() {
    let test_topic = TestTopic::new("rows = 1000", "partitions = 2");
    succeed(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let topic = test_topic.file.clone();
    let mut consumer = test_topic.consume(&other_topic(&test_topic), &[]);
    std::thread::park_timeout(Duration::from_secs(1));
    succeed(&["topic", "delete", &other_topic(&test_topic), "--broker", &test_topic.address]);
    assert_eq!(consumer.end().code(), Some(1), "{topic}: {}", consumer.output());
    assert!(consumer.output().contains("there is no topic `other`"), "{}", consumer.output());
}

/// Writes the pipeline of `test_topic` with an empty topic of another name.
fn other_topic(test_topic: &TestTopic) -> String {
    let file = test_topic.folder.path().join("other-topic.toml");
    if !file.exists() {
        let pipeline = fs::read_to_string(&test_topic.file).expect("a pipeline");
        fs::write(&file, pipeline.replace("[stream]", "[stream]\ntopic = \"other\"")).expect("a file");
        succeed(&["topic", "create", &file.display().to_string(), "--broker", &test_topic.address]);
    }
    file.display().to_string()
}

#[test]
fn fresh_does_not_touch_a_live_group() {
    let test_topic = TestTopic::new("rows = 1000", "partitions = 2\npace = { kind = \"fixed\", delay = \"3ms\" }");
    let _producer = Running::start(&["produce", &test_topic.file, "--broker", &test_topic.address]);
    let mut member = test_topic.consume(&test_topic.file, &["--group", "readers"]);
    member.wait_for("window 1 (");
    let workdir = test_topic.workdir().display().to_string();
    let fresh = ["run", &test_topic.file, "--workdir", &workdir, "--fresh", "--once", "--broker", "embedded"];
    let fresh = windrow(&[&fresh[..], &["--listen", "127.0.0.1:0"]].concat());
    assert_eq!(fresh.status.code(), Some(1));
    assert!(text(&fresh.stderr).contains("another consumer uses"), "{}", text(&fresh.stderr));
    assert!(test_topic.workdir().join("batches/window-00001.json").exists());
    assert!(member.interrupt().0.success(), "{}", member.output());
}

#[test]
fn a_replay_that_begins_too_far_away_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 10", "");
    let produce = windrow(&["produce", &file, "--from-row", "1000021"]);
    assert_eq!(produce.status.code(), Some(2));
    assert!(text(&produce.stderr).contains("100002 windows of 10 rows would be empty"), "{}", text(&produce.stderr));
}

#[test]
fn rows_of_others_need_no_dataset_when_the_columns_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.toml");
    let pipeline = "name = \"p\"\ndataset = { path = \"none.csv\", columns = [\"late\", \"miles\"] }\n\
                    target = { column = \"late\", at_least = 15 }\nfeatures = { numeric = [\"miles\"] }\nwindow = { rows = 20 }\n";
    fs::write(&file, pipeline).expect("a file");
    let (file, workdir) = (file.display().to_string(), folder.path().join("work"));
    let (_broker, address) = broker_with_topic(&file);
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &address).create().expect("a producer");
    for row in 1..=50 {
        producer.send(BaseRecord::<(), String>::to("p").payload(&format!("{row},{}", row * 7))).expect("taken");
    }
    producer.flush(STEP_TIMEOUT).expect("delivered");
    let workdir_text = workdir.display().to_string();
    let consume = ["consume", &file, "--broker", &address, "--workdir", &workdir_text, "--once"];
    succeed(&[&consume[..], &["--end-after-idle", "2s"]].concat());
    let expected: String = (1..=50).map(|row| format!("{row},{}\n", row * 7)).collect();
    assert_same(&batch_rows(&workdir), expected.as_bytes());
    let audit = succeed(&["audit", &file, "--workdir", &workdir_text, "--broker", &address]);
    assert!(audit.contains("every message is accounted for: 50 stored + 0 quarantined"), "{audit}");
}
