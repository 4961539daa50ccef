//! Ctrl-C ends every stage in time, even while it waits.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use windrow_testing::{Running, STEP_TIMEOUT, fixture, free_port, pause, sample_csv, sample_with, succeed};

use crate::exclusive;

/// The time limit: Ctrl-C ends any stage within five seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

fn broker(address: &str) -> Running {
    let broker = Running::start(&["broker", "--listen", address]);
    broker.wait_for("broker: embedded");
    broker
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[test]
fn ctrl_c_ends_every_stage_in_time_in_every_wait() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let paced = sample_with(folder.path(), "rows = 1000", "pace = { kind = \"fixed\", delay = \"1h\" }");
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    let quick = sample_with(&other, "rows = 1000", "");
    let (address, gone) = (local(free_port()), local(free_port()));
    let broker = broker(&address);
    succeed(&["topic", "create", &paced, "--broker", &address]);
    let work = |name: &str| folder.path().join(name).display().to_string();
    let (one, two, three) = (work("one"), work("two"), work("three"));
    let (four, six) = (work("four"), work("six"));
    let listen = "127.0.0.1:0";
    // The state of the stage, its arguments, and the output that shows this state.
    let cases: [(&str, Vec<&str>, &str); 7] = [
        ("a broker", vec!["broker", "--listen", &gone], "broker: embedded"),
        ("a consumer that waits", vec!["consume", &paced, "--broker", &address, "--workdir", &one], "stored 0"),
        ("a producer between two rows", vec!["produce", &paced, "--broker", &address], "sent"),
        ("a trainer that waits", vec!["train", &paced, "--workdir", &two], ""),
        ("a server", vec!["serve", &paced, "--workdir", &three, "--listen", listen], "API: "),
        (
            "a run",
            vec!["run", &paced, "--broker", "embedded", "--listen", listen, "--workdir", &four],
            "broker: embedded",
        ),
        (
            "a run that serves its models",
            vec!["run", &quick, "--broker", "embedded", "--listen", listen, "--workdir", &six],
            "serving until Ctrl-C",
        ),
    ];
    std::thread::scope(|scope| {
        for (what, arguments, expected) in &cases {
            scope.spawn(move || ends_in_time(what, arguments, expected));
        }
    });
    // The broker is reachable but does not respond.
    let fifth = work("five");
    let mut consumer = Running::start(&["consume", &quick, "--broker", &address, "--workdir", &fifth]);
    consumer.wait_for("stored 0");
    broker.signal("STOP");
    for (what, stage) in [
        ("a consumer of a silent broker", &mut consumer),
        ("a producer for a silent broker", &mut Running::start(&["produce", &quick, "--broker", &address])),
    ] {
        pause(700);
        let (status, took) = stage.interrupt();
        assert!(took < SHUTDOWN_TIMEOUT, "{what}: {took:?}");
        assert!(status.code().is_some_and(|code| code == 0 || code == 1), "{what}: {status} {}", stage.output());
    }
    broker.signal("CONT");
}

fn ends_in_time(what: &str, arguments: &[&str], expected: &str) {
    let mut stage = Running::start(arguments);
    if !expected.is_empty() {
        stage.wait_for(expected);
    }
    // A trainer prints nothing while it waits, so this pause gives it time to install its signal handler.
    pause(300);
    let (status, took) = stage.interrupt();
    assert_eq!(status.code(), Some(0), "{what}: {}", stage.output());
    assert!(took < SHUTDOWN_TIMEOUT, "{what}: {took:?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let paced = sample_with(folder.path(), "rows = 1000", "pace = { kind = \"fixed\", delay = \"1h\" }");
    let address = local(free_port());
    let broker = broker(&address);
    succeed(&["topic", "create", &paced, "--broker", &address]);
    let mut producer = Running::start(&["produce", &paced, "--broker", &address]);
    producer.wait_for("sent");
    broker.signal("STOP");
    let began = Instant::now();
    producer.signal("INT");
    producer.signal("INT");
    let status = producer.end();
    // The first signal may already have ended the producer.
    assert!(matches!(status.code(), Some(0 | 130)), "{status}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    broker.signal("CONT");
    assert!(began.elapsed() < STEP_TIMEOUT);
}

#[test]
fn ctrl_c_in_the_middle_ends_cleanly() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let slow = sample_with(folder.path(), "parts = 3", "pace = { kind = \"fixed\", delay = \"1h\" }");
    let workdir = folder.path().join("work").display().to_string();
    let mut run =
        Running::start(&["run", &slow, "--broker", "embedded", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    run.wait_for("broker: embedded");
    let (status, took) = run.interrupt();
    assert_eq!(status.code(), Some(0), "{}", run.output());
    assert!(took < SHUTDOWN_TIMEOUT, "{took:?}");
    assert!(!folder.path().join("work/batches/end.json").exists());
}

#[test]
fn ctrl_c_does_not_wait_for_a_large_dataset_to_be_read() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().expect("a folder");
    let file = sample_with(folder.path(), "rows = 1000", "");
    let large = fs::File::create(folder.path().join("large.csv")).expect("a file");
    let header = sample_csv();
    let header = header.split_inclusive(|byte| *byte == b'\n').next().expect("a header line");
    // Enough rows to be accepted as a table, followed by 64 GiB of zero bytes.
    (&large).write_all(&[header, &b"2013-01-01 05:15,UA\n".repeat(1000)].concat()).expect("a header line");
    large.set_len(64 << 30).expect("a sparse file");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = fs::read_to_string(&file).expect("a pipeline").replace(&dataset, "large.csv");
    fs::write(&file, pipeline).expect("a file");
    let workdir = folder.path().join("work").display().to_string();
    let mut consumer = Running::start(&["consume", &file, "--workdir", &workdir, "--once"]);
    std::thread::park_timeout(Duration::from_secs(1));
    let began = Instant::now();
    let (status, _) = consumer.interrupt();
    assert!(status.success() && began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!Path::new(&workdir).join("batches").exists());
}
