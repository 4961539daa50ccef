//! The producer without other stages: the messages that it sends, and how it continues after those in the topic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use windrow_kafka::{Connection, PollEvent, Publisher, Subscription};
use windrow_record::{Envelope, Offset, Partition, RowNumber, RunId};
use windrow_testing::{Running, STEP_TIMEOUT, broker_with_topic, fixture_rows, sample_with, succeed, text, windrow};

const TOPIC: &str = "flights-sample";

/// A broker in a process of its own, with the topic.
struct Scene {
    _folder: tempfile::TempDir,
    _broker: Running,
    file: String,
    address: String,
}

impl Scene {
    fn new(window: &str, stream: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = sample_with(folder.path(), window, stream);
        let (broker, address) = broker_with_topic(&file);
        Self { _folder: folder, _broker: broker, file, address }
    }

    fn produce<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["produce", &self.file, "--broker", &self.address][..], more].concat()
    }

    /// Returns the content of the topic: for each partition, the row number and the value of each record. The number 0
    /// is an end marker.
    fn records(&self, partitions: i32) -> BTreeMap<i32, Vec<(u64, Vec<u8>)>> {
        let positions: Vec<_> = (0..partitions).map(|partition| (Partition(partition), Offset(0))).collect();
        let connection = Connection::new(&self.address);
        let mut subscription = Subscription::assign(&connection, TOPIC, "reader", &positions).expect("a subscription");
        let (mut records, mut ended) = (BTreeMap::<i32, Vec<_>>::new(), 0);
        let deadline = Instant::now() + STEP_TIMEOUT;
        while ended < partitions {
            assert!(Instant::now() < deadline, "{ended} partitions have ended: {:?}", records.keys());
            let Some(PollEvent::Message(delivery)) = subscription.poll(Duration::from_millis(50)).expect("reading")
            else {
                continue;
            };
            let record = match delivery.envelope().expect("headers") {
                Envelope::Row { row, .. } => (row.get(), delivery.value().to_vec()),
                Envelope::End { first, rows, .. } => {
                    ended += 1;
                    (0, format!("{first} {}", rows.unwrap_or_default()).into_bytes())
                }
                Envelope::Foreign => panic!("a stranger's record"),
            };
            records.entry(delivery.partition().0).or_default().push(record);
        }
        records
    }
}

fn dataset() -> Vec<Vec<u8>> {
    let rows = fixture_rows();
    rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Returns the rows with their numbers that one of several partitions must hold, and its end marker.
fn share(rows: &[(u64, Vec<u8>)], partition: usize, partitions: usize) -> Vec<(u64, Vec<u8>)> {
    let mut share: Vec<_> = rows.iter().skip(partition).step_by(partitions).cloned().collect();
    share.push((0, format!("{} {}", rows.first().map_or(1, |row| row.0), rows.len()).into_bytes()));
    share
}

#[test]
fn a_killed_producer_resumes_after_the_last_row_in_the_broker() {
    for partitions in [1_usize, 3] {
        let stream = format!("partitions = {partitions}\npace = {{ kind = \"exponential\", mean = \"150us\" }}");
        let scene = Scene::new("rows = 500", &stream);
        // The 8,019 rows take 1.2 seconds.
        for millis in [150, 400, 220, 90] {
            let mut producer = Running::start(&scene.produce(&[]));
            std::thread::park_timeout(Duration::from_millis(millis));
            producer.signal("KILL");
            producer.end();
        }
        let last = windrow(&scene.produce(&[]));
        assert!(last.status.success(), "{}", text(&last.stderr));
        let rows: Vec<(u64, Vec<u8>)> = (1..).zip(dataset()).collect();
        for (partition, records) in scene.records(partitions as i32) {
            let expected = share(&rows, partition as usize, partitions);
            let differs = records.iter().zip(&expected).position(|(one, other)| one != other);
            assert_eq!(differs, None, "partition {partition} of {partitions}");
            assert_eq!(records.len(), expected.len());
        }
        let again = windrow(&scene.produce(&[]));
        assert!(text(&again.stderr).contains("nothing is left to send"), "{}", text(&again.stderr));
    }
}

#[test]
fn a_part_or_a_multiple_of_the_dataset_is_replayed() {
    let numbered = |range: std::ops::RangeInclusive<u64>| -> Vec<(u64, Vec<u8>)> {
        let rows = dataset();
        range.map(|row| (row, rows[(row as usize - 1) % rows.len()].clone())).collect()
    };
    let cases: [(&[&str], std::ops::RangeInclusive<u64>); 4] = [
        (&["--limit", "100"], 1..=100),
        (&["--from-row", "8000"], 8000..=8019),
        (&["--from-row", "10", "--limit", "5"], 10..=14),
        (&["--loop", "--limit", "16500"], 1..=16500),
    ];
    for (more, range) in cases {
        let scene = Scene::new("rows = 500", "partitions = 2");
        succeed(&scene.produce(more));
        for (partition, records) in scene.records(2) {
            assert!(
                records == share(&numbered(range.clone()), partition as usize, 2),
                "{more:?}, partition {partition}"
            );
        }
        let beyond = windrow(&scene.produce(&["--limit", "20000", "--loop"]));
        assert_eq!(beyond.status.code(), Some(1), "{more:?}");
        assert!(text(&beyond.stderr).contains("empty"), "nothing can follow an end: {}", text(&beyond.stderr));
    }
}

#[test]
fn a_rate_is_kept_and_not_exceeded() {
    // First without a pace, only with the bound. Then with a pace: delays that are mostly far below a timer's
    // resolution still add up.
    let cases: [(&str, &[&str], f64); 3] = [
        ("pace = { kind = \"none\" }", &["--limit", "1000", "--max-rate", "2000"], 0.5),
        ("pace = { kind = \"fixed\", delay = \"100us\" }", &[], 0.8),
        ("pace = { kind = \"uniform\", min = \"50ms\", max = \"150ms\" }", &["--limit", "8"], 0.4),
    ];
    for (stream, more, seconds) in cases {
        let scene = Scene::new("rows = 500", stream);
        let output = windrow(&scene.produce(more));
        let stderr = text(&output.stderr);
        let took = stderr.split("confirmed in ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        let took = took.unwrap_or_else(|| panic!("{stderr}"));
        // A busy machine may be slower, but no machine may be faster.
        assert!(took >= seconds - 0.06, "{stream} {more:?} took {took} s");
    }
}

#[test]
fn a_topic_with_other_content_is_rejected() {
    let scene = Scene::new("rows = 500", "partitions = 1");
    let connection = Connection::new(&scene.address);
    let publisher = Publisher::connect(&connection, TOPIC, |_| {}).expect("a publisher");
    publisher.send_row(Partition(0), RowNumber::FIRST, &RunId::new("other"), b"1").expect("taken");
    assert_eq!(publisher.flush(STEP_TIMEOUT), Ok(true));
    let refused = windrow(&scene.produce(&[]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("holds a replay of another dataset (replay other"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn impossible_options_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = sample_with(folder.path(), "parts = 3", "");
    for (more, code, message) in [
        (&["--limit", "0"][..], 2, "--limit"),
        (&["--max-rate=-3"][..], 2, "above 0"),
        (&["--loop"][..], 2, "parts need an end"),
    ] {
        let refused = windrow(&[&["produce", &parts, "--broker", "127.0.0.1:1"][..], more].concat());
        assert_eq!(refused.status.code(), Some(code), "{more:?}");
        assert!(text(&refused.stderr).contains(message), "{more:?}: {}", text(&refused.stderr));
    }
    let scene = Scene::new("rows = 500", "");
    let beyond = windrow(&scene.produce(&["--from-row", "9000"]));
    assert!(text(&beyond.stderr).contains("the dataset has 8,019 rows"), "{}", text(&beyond.stderr));
}
