//! Redpanda in a container, as users start it. If its image is not on this machine, a stand-in is built from the
//! windrow binary: its embedded broker takes Redpanda's command line.
//!
//! Without a Docker engine these tests are skipped with a message; with `WINDROW_TEST_DOCKER=required` they fail.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use windrow_base::telemetry::Event;
use windrow_kafka::{
    Broker, BrokerError, Choice, Creation, PollEvent, PublishError, Publisher, StartOptions, Subscription, topics,
};
use windrow_record::{Envelope, Offset, Partition, RowNumber, RunId};
use windrow_testing::{Running, assert_whole, command, fixture, text, wait_until};

use crate::container_image::Image;
use crate::docker;
use crate::registry::Registry;

const TIMEOUT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);

fn options(image: &Image) -> StartOptions {
    StartOptions { redpanda_image: Some(image.name().to_owned()), ..StartOptions::default() }
}

fn start(runtime: &Runtime, options: &StartOptions) -> Result<Broker, BrokerError> {
    runtime.block_on(Broker::start(&Choice::Redpanda, options))
}

/// A broker in the only container of this process.
struct Started {
    image: Image,
    _exclusive: MutexGuard<'static, ()>,
    runtime: Runtime,
    broker: Broker,
}

impl Started {
    /// Starts a broker. Returns `None` if there is no image; the test is skipped then.
    fn now() -> Option<Self> {
        let image = Image::redpanda()?;
        let exclusive = docker::exclusive();
        let runtime = Runtime::new().expect("a runtime");
        let broker = start(&runtime, &options(&image)).expect("a broker");
        assert_eq!(docker::containers().len(), 1);
        Some(Self { image, _exclusive: exclusive, runtime, broker })
    }
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn rows_go_through_a_container_that_is_gone_afterwards() {
    let Some(Started { image, _exclusive, runtime, broker }) = Started::now() else { return };
    assert_eq!(broker.kind(), "redpanda");
    assert!(broker.reason().contains(image.name()), "{}", broker.reason());
    let published = docker::published_ports(&docker::containers()[0]);
    assert!(published.contains(broker.connection().address()), "reachable from this machine alone: {published}");

    let (rows, partitions) = (5_000, 2);
    let connection = broker.connection();
    assert_eq!(
        runtime.block_on(topics::create(connection, "flights", partitions, &topics::TopicSettings::default())),
        Ok(Creation::Created)
    );
    let publisher = Publisher::connect(connection, "flights", |_| {}).expect("a publisher");
    let run = RunId::new("run");
    for number in 1..=rows {
        let (partition, row) = (Partition((number % 2) as i32), RowNumber::new(number).expect("a row"));
        let value = format!("{number},EWR,IAH");
        while publisher.send_row(partition, row, &run, value.as_bytes()) == Err(PublishError::QueueFull) {
            publisher.wait(TICK).expect("nothing fails");
        }
    }
    for partition in [Partition(0), Partition(1)] {
        publisher.send_end(partition, &run, RowNumber::FIRST, rows).expect("taken");
    }
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    let state = runtime.block_on(topics::describe(connection, "flights")).expect("a topic");
    assert_eq!(state.messages(), rows + 2);
    assert_eq!(read_rows(connection), (1..=rows).collect::<Vec<u64>>());

    drop(publisher);
    assert_eq!(runtime.block_on(broker.stop()), Ok(()));
    assert_eq!(docker::containers(), [""; 0]);
}

/// Reads both partitions to their ends. Returns the row numbers, sorted.
fn read_rows(connection: &windrow_kafka::Connection) -> Vec<u64> {
    let positions = [(Partition(0), Offset(0)), (Partition(1), Offset(0))];
    let mut subscription = Subscription::assign(connection, "flights", "group", &positions).expect("a subscription");
    let (mut rows, mut ends, mut next) = (Vec::new(), 0, [0; 2]);
    let deadline = Instant::now() + TIMEOUT;
    while ends < 2 {
        assert!(Instant::now() < deadline, "{} rows came in time", rows.len());
        let Some(PollEvent::Message(delivery)) = subscription.poll(TICK).expect("reading") else { continue };
        let next = &mut next[delivery.partition().0 as usize];
        assert_eq!(delivery.offset().0, *next, "in order within the partition");
        *next += 1;
        match delivery.envelope().expect("headers") {
            Envelope::Row { row, .. } => {
                assert_eq!(delivery.value(), format!("{row},EWR,IAH").as_bytes());
                rows.push(row.get());
            }
            Envelope::End { .. } => ends += 1,
            Envelope::Foreign => panic!("a stranger's message"),
        }
    }
    rows.sort_unstable();
    rows
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_broker_that_is_dropped_takes_its_container_along() {
    let Some(Started { image: _image, _exclusive, runtime, broker }) = Started::now() else { return };
    // The runtime is dropped first, as at the end of a process that fails elsewhere.
    drop(runtime);
    drop(broker);
    assert_eq!(docker::containers(), [""; 0]);
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_container_that_another_program_has_removed_is_no_fault() {
    let Some(Started { image: _image, _exclusive, runtime, broker }) = Started::now() else { return };
    docker::docker(&["rm", "--force", &docker::containers()[0]]).expect("it is removed");
    assert_eq!(runtime.block_on(broker.stop()), Ok(()));
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_container_that_never_started_is_removed_later() {
    let Some(image) = Image::redpanda() else { return };
    let create = || docker::docker(&["create", "--rm", "--label", "windrow=redpanda", image.name()]).expect("created");
    let abandoned = create();
    // The engine measures the age of a container by its own clock.
    std::thread::sleep(Duration::from_secs(32));
    let _exclusive = docker::exclusive();
    let young = create();
    let runtime = Runtime::new().expect("a runtime");
    let broker = start(&runtime, &options(&image)).expect("a broker");
    let is_there = |container: &str| docker::docker(&["inspect", container]).is_ok();
    assert_eq!((is_there(&abandoned), is_there(&young)), (false, true), "another process may be about to start it");
    docker::docker(&["rm", &young]).expect("it is removed");
    assert_eq!(runtime.block_on(broker.stop()), Ok(()));
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn auto_takes_redpanda_where_its_image_is() {
    let Some(image) = Image::redpanda() else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let broker = runtime.block_on(Broker::start(&Choice::Auto, &options(&image))).expect("a broker");
    assert_eq!(broker.kind(), "redpanda");
    let why = "which is on this machine; --broker embedded needs no container";
    assert_eq!(broker.reason(), format!("Redpanda in a container of image {}, {why}", image.name()));
    assert_eq!(runtime.block_on(broker.stop()), Ok(()));
    assert_eq!(docker::containers(), [""; 0]);
}

#[test]
#[cfg(feature = "embedded")]
#[ignore = "needs Docker and a static busybox"]
fn auto_falls_back_if_the_container_fails() {
    let Some(image) = Image::with_script("auto", "exit 3") else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let broker = runtime.block_on(Broker::start(&Choice::Auto, &options(&image))).expect("a broker");
    let fault = "ended before it was ready (exit code 3); --broker redpanda shows its log";
    let reason = format!("the embedded broker, because the container of image {} {fault}", image.name());
    assert_eq!(broker.reason(), reason);
    assert_eq!(docker::containers(), [""; 0]);
}

/// Writes the sample's pipeline with a pace so slow that a test can act during the replay.
fn slow_pipeline(folder: &std::path::Path) -> String {
    let pipeline = std::fs::read_to_string(fixture("flights-sample.toml")).expect("a fixture");
    let dataset = fixture("flights-sample.csv.zst").display().to_string();
    let pipeline = pipeline.replace("flights-sample.csv.zst", &dataset);
    let file = folder.join("slow.toml");
    std::fs::write(&file, format!("{pipeline}\n[stream]\npace = {{ kind = \"fixed\", delay = \"1h\" }}\n"))
        .expect("a file");
    file.display().to_string()
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_whole_pipeline_runs_through_a_container() {
    let Some(image) = Image::redpanda() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let workdir = folder.path().join("work");
    let sample = fixture("flights-sample.toml").display().to_string();
    let arguments = ["run", &sample, "--once", "--broker", "redpanda", "--listen", "127.0.0.1:0", "--workdir"];
    let mut command = command(&arguments);
    let output = command.arg(&workdir).env("WINDROW_REDPANDA_IMAGE", image.name()).output().expect("the binary runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("broker: redpanda at 127.0.0.1:"), "{}", text(&output.stderr));
    assert_whole(&workdir);
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_signal_ends_the_run_and_removes_the_container() {
    let Some(image) = Image::redpanda() else { return };
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut run = slow_run(folder.path(), &image);
        run.wait_for("broker: redpanda at");
        assert_eq!(docker::containers_of(run.id()).len(), 1);
        run.signal(signal);
        assert!(run.end().success(), "{}", run.output());
        assert_eq!(docker::containers_of(run.id()), [""; 0], "after SIG{signal}");
    }
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_killed_run_leaves_no_container() {
    let Some(image) = Image::redpanda() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = slow_run(folder.path(), &image);
    run.wait_for("broker: redpanda at");
    assert_eq!(docker::containers_of(run.id()).len(), 1);
    run.kill();
    wait_until("the engine removes the container", || docker::containers_of(run.id()).is_empty());
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_run_that_is_killed_while_redpanda_starts_leaves_no_container() {
    let Some(image) = Image::with_script("killed", "sleep 600") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = slow_run(folder.path(), &image);
    wait_until("the container knows its address", || {
        let processes = docker::containers_of(run.id()).first().map(|container| docker::docker(&["top", container]));
        processes.is_some_and(|processes| processes.is_ok_and(|lines| lines.contains("external://127.0.0.1:")))
    });
    run.kill();
    wait_until("the engine removes the container", || docker::containers_of(run.id()).is_empty());
}

/// Starts a run on Redpanda that does not end by itself.
fn slow_run(folder: &std::path::Path, image: &Image) -> Running {
    let (slow, workdir) = (slow_pipeline(folder), folder.join("work").display().to_string());
    let arguments = ["run", &slow, "--broker", "redpanda", "--listen", "127.0.0.1:0", "--workdir", &workdir];
    Running::spawn(command(&arguments).env("WINDROW_REDPANDA_IMAGE", image.name()))
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn an_image_that_is_not_there_is_pulled() {
    let Some(image) = Image::with_script("pulled", "echo 'from a registry'; exit 3") else { return };
    let _exclusive = docker::exclusive();
    let registry = Registry::of(image);
    let runtime = Runtime::new().expect("a runtime");
    let options = StartOptions { redpanda_image: Some(registry.image().to_owned()), ..StartOptions::default() };
    let mut events = options.progress.listen();
    let error = start(&runtime, &options).expect_err("it dies");
    let BrokerError::Container { log, .. } = &error else { panic!("{error}") };
    assert_eq!(log, &["from a registry"]);
    let event = events.try_recv();
    assert!(matches!(&event, Ok(Event::ImagePulling { image, .. }) if image == registry.image()), "{event:?}");
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn an_image_that_cannot_be_pulled_is_reported_with_an_alternative() {
    if !docker::is_available() {
        return;
    }
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    // No registry listens on port 1.
    let image = "127.0.0.1:1/redpanda:none";
    let options = StartOptions { redpanda_image: Some(image.to_owned()), ..StartOptions::default() };
    let error = start(&runtime, &options).expect_err("there is no such image");
    assert!(matches!(&error, BrokerError::NoImage { image: named, .. } if named == image), "{error}");
    for part in [image, "pull it manually", "WINDROW_REDPANDA_IMAGE", "--broker embedded"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    #[cfg(feature = "embedded")]
    {
        let broker = runtime.block_on(Broker::start(&Choice::Auto, &options)).expect("the embedded broker");
        assert_eq!(broker.kind(), "embedded");
        assert_eq!(
            broker.reason(),
            "the embedded broker, because image 127.0.0.1:1/redpanda:none is not on this machine; --broker redpanda \
             pulls it"
        );
    }
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_container_that_exits_is_reported_with_its_last_lines() {
    let Some(image) = Image::with_script("dies", "echo one; echo 'out of memory' >&2; exit 3") else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let error = start(&runtime, &options(&image)).expect_err("it dies");
    let BrokerError::Container { fault, log, .. } = &error else { panic!("{error}") };
    assert_eq!(fault, "ended before it was ready (exit code 3)");
    assert!(log.contains(&"one".to_owned()) && log.contains(&"out of memory".to_owned()), "{log:?}");
    assert_eq!(docker::containers(), [""; 0]);
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_container_that_never_becomes_ready_is_removed() {
    let Some(image) = Image::with_script("hangs", "echo 'waiting for the disk'; sleep 600") else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let limited = StartOptions { redpanda_timeout: Some(Duration::from_secs(2)), ..options(&image) };
    let error = start(&runtime, &limited).expect_err("it hangs");
    let BrokerError::Container { fault, log, .. } = &error else { panic!("{error}") };
    assert_eq!(
        (fault.as_str(), log.as_slice()),
        ("did not become ready within 2 s", ["waiting for the disk".to_owned()].as_slice())
    );
    assert_eq!(docker::containers(), [""; 0]);
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn a_container_that_says_it_is_ready_must_answer() {
    let Some(image) = Image::with_script("lies", "echo 'Successfully started Redpanda!'; sleep 600") else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let limited = StartOptions { redpanda_timeout: Some(Duration::from_secs(3)), ..options(&image) };
    let error = start(&runtime, &limited).expect_err("nobody answers");
    let BrokerError::Container { fault, .. } = &error else { panic!("{error}") };
    assert!(fault.starts_with("reported that it is ready, but did not answer at 127.0.0.1:"), "{fault}");
    assert_eq!(docker::containers(), [""; 0]);
}

#[test]
#[ignore = "needs Docker and a static busybox"]
fn cancelling_while_it_starts_leaves_no_container() {
    let Some(image) = Image::with_script("slow", "sleep 600") else { return };
    let _exclusive = docker::exclusive();
    let runtime = Runtime::new().expect("a runtime");
    let options = options(&image);
    runtime.block_on(async {
        let starting = Broker::start(&Choice::Redpanda, &options);
        tokio::pin!(starting);
        let deadline = Instant::now() + TIMEOUT;
        while docker::containers().is_empty() {
            assert!(Instant::now() < deadline, "no container came in time");
            assert!(tokio::time::timeout(TICK, &mut starting).await.is_err(), "it cannot be ready");
        }
    });
    assert_eq!(docker::containers(), [""; 0]);
}
