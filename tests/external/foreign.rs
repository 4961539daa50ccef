//! Clients of other projects on the embedded broker: confluent-kafka and kafka-python.
//!
//! They run in the Python that `WINDROW_TEST_PYTHON` names; `tests/clients/requirements.txt` lists its packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use windrow_testing::documents::block;
use windrow_testing::{Running, assert_whole, broker_with_topic, fixture, python, root, succeed, text, windrow};

fn run_client(script: &str, arguments: &[&str]) -> Option<String> {
    let script = root().join("tests/clients").join(script);
    let output = Command::new(python()?).arg(script).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stdout))
}

/// A broker, a topic and the sample as a plain CSV file.
struct TestTopic {
    folder: tempfile::TempDir,
    _broker: Running,
    address: String,
    pipeline: String,
}

impl TestTopic {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let packed = fs::read(fixture("flights-sample.csv.zst")).expect("a fixture");
        fs::write(folder.path().join("sample.csv"), zstd::decode_all(&packed[..]).expect("zstd")).expect("a file");
        let pipeline = fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
        let pipeline = pipeline.replace("flights-sample.csv.zst", "sample.csv").replace("parts = 3", "rows = 3000");
        let file = folder.path().join("sample.toml");
        fs::write(&file, pipeline).expect("a file");
        let pipeline = file.display().to_string();
        let (broker, address) = broker_with_topic(&pipeline);
        Self { folder, _broker: broker, address, pipeline }
    }

    fn workdir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn consume(&self, more: &[&str]) -> String {
        let workdir = self.workdir().display().to_string();
        let mut arguments = vec!["consume", &self.pipeline, "--broker", &self.address, "--workdir", &workdir, "--once"];
        arguments.extend(more);
        let output = windrow(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    }
}

#[test]
#[ignore = "needs Python with confluent-kafka and kafka-python"]
fn csv_lines_of_confluent_kafka_become_windows() {
    let Some(python) = python() else { return };
    let test_topic = TestTopic::new();
    let script = block(
        "docs/brokers.md",
        "from confluent_kafka",
        &[
            ("127.0.0.1:9092", &test_topic.address),
            ("flights.csv", "sample.csv"),
            ("\"flights\"", "\"flights-sample\""),
        ],
    );
    let sent = Command::new(python).args(["-c", &script]).current_dir(test_topic.folder.path()).output();
    let sent = sent.expect("Python runs");
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    test_topic.consume(&[]);
    assert_whole(&test_topic.workdir());
}

#[test]
#[ignore = "needs Python with confluent-kafka and kafka-python"]
fn json_objects_of_kafka_python_become_windows() {
    let test_topic = TestTopic::new();
    let csv = test_topic.folder.path().join("sample.csv").display().to_string();
    if run_client("produce_kafka_python.py", &[&test_topic.address, "flights-sample", &csv]).is_none() {
        return;
    }
    test_topic.consume(&[]);
    assert_whole(&test_topic.workdir());
}

#[test]
#[ignore = "needs Python with confluent-kafka and kafka-python"]
fn both_clients_read_what_windrow_sends() {
    let test_topic = TestTopic::new();
    succeed(&["produce", &test_topic.pipeline, "--broker", &test_topic.address]);
    if let Some(output) = run_client("read_back.py", &[&test_topic.address, "flights-sample"]) {
        assert_eq!(output, "confluent-kafka 8019\nkafka-python 8019\n");
    }
}
