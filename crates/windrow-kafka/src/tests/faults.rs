//! Tests with brokers that fail. They use librdkafka's mock cluster if the embedded broker cannot be made to fail.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::tests::{FIRST, Scene, TICK, TIMEOUT, TOPIC, row};
use crate::topics::TopicSettings;
use crate::{BrokerError, Connection, Delivery, PollEvent, PublishError, Publisher, ScanRange, Subscription, scan};
use windrow_record::{Envelope, Offset, RunId};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock(brokers: i32) -> Mock {
    let mock = MockCluster::new(brokers).expect("a cluster");
    mock.create_topic(TOPIC, 1, brokers.min(3)).expect("a topic");
    mock
}

fn connection(mock: &Mock, properties: &[(&str, &str)]) -> Connection {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Connection::new(mock.bootstrap_servers()).with_properties(properties)
}

fn publisher(mock: &Mock, properties: &[(&str, &str)]) -> Publisher {
    Publisher::connect(&connection(mock, properties), TOPIC, |_| {}).expect("a publisher")
}

fn send(publisher: &Publisher, rows: std::ops::RangeInclusive<u64>) -> Result<(), PublishError> {
    let run = RunId::new("run");
    for number in rows {
        loop {
            match publisher.send_row(FIRST, row(number), &run, b"value") {
                Err(PublishError::QueueFull) => publisher.wait(TICK)?,
                outcome => break outcome?,
            }
        }
    }
    Ok(())
}

fn subscribe(mock: &Mock) -> Subscription {
    let fresh = [("topic.metadata.refresh.interval.ms", "500"), ("session.timeout.ms", "6000")];
    let positions = [(FIRST, Offset(0))];
    Subscription::assign(&connection(mock, &fresh), TOPIC, "group", &positions).expect("a subscription")
}

/// Reads until row `last` has arrived. Adds all rows to `seen`, in order of arrival.
fn read_to(subscription: &mut Subscription, last: u64, seen: &mut Vec<u64>) {
    let deadline = Instant::now() + TIMEOUT;
    while seen.last() != Some(&last) {
        assert!(Instant::now() < deadline, "row {last} did not come; {} rows did", seen.len());
        if let Some(PollEvent::Message(delivery)) = subscription.poll(TICK).expect("waiting mends it") {
            seen.push(row_of(&delivery));
        }
        subscription.check_topic().expect("the same settings as before");
    }
}

fn row_of(delivery: &Delivery<'_>) -> u64 {
    match delivery.envelope() {
        Ok(Envelope::Row { row, .. }) => row.get(),
        other => panic!("{other:?}"),
    }
}

fn in_order(seen: &[u64], last: u64) {
    assert_eq!(seen, (1..=last).collect::<Vec<u64>>(), "each row once, in order");
}

#[test]
fn a_broker_outage_loses_and_duplicates_nothing() {
    let mock = mock(1);
    let (publisher, mut subscription, mut seen) = (publisher(&mock, &[]), subscribe(&mock), Vec::new());
    send(&publisher, 1..=500).expect("taken");
    read_to(&mut subscription, 500, &mut seen);
    for turn in 1..=2 {
        mock.broker_down(1).expect("a broker");
        send(&publisher, turn * 500 + 1..=turn * 500 + 500).expect("accepted while no broker is there");
        assert_eq!(publisher.flush(Duration::from_millis(700)), Ok(false), "no broker is there to confirm");
        assert!(subscription.poll(TICK).expect("an outage is waited out").is_none());
        mock.broker_up(1).expect("a broker");
        assert_eq!(publisher.flush(TIMEOUT), Ok(true));
        read_to(&mut subscription, turn * 500 + 500, &mut seen);
    }
    in_order(&seen, 1500);
}

#[test]
fn transient_broker_errors_lose_and_duplicate_nothing() {
    use RDKafkaRespErr as Answer;
    let mock = mock(3);
    let answers = [
        Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Answer::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Answer::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ];
    mock.request_errors(RDKafkaApiKey::Produce, &answers);
    let answers = [Answer::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Answer::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART];
    mock.request_errors(RDKafkaApiKey::Fetch, &answers);
    mock.broker_round_trip_time(1, Duration::from_millis(100)).expect("a broker");
    let (publisher, mut subscription, mut seen) = (publisher(&mock, &[]), subscribe(&mock), Vec::new());
    for (turn, leader) in [1, 2, 3].into_iter().enumerate() {
        mock.partition_leader(TOPIC, 0, Some(leader)).expect("a broker");
        let from = turn as u64 * 300 + 1;
        send(&publisher, from..=from + 299).expect("taken");
        assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    }
    read_to(&mut subscription, 900, &mut seen);
    in_order(&seen, 900);
}

/// Uses the embedded broker. The mock cluster does not check sequence numbers. After it rejects a batch, it would
/// accept the next one, which is already on its way.
#[test]
fn nothing_is_sent_after_a_row_that_the_broker_rejects() {
    const TOO_LARGE: u64 = 55;
    let config = vec![("max.message.bytes".to_owned(), "2000".to_owned())];
    let properties = [("linger.ms", "0"), ("batch.num.messages", "10")];
    let scene = Scene::with_settings(1, &properties, &TopicSettings { config, ..TopicSettings::default() });
    let publisher = scene.publisher();
    send(&publisher, 1..=50).expect("taken");
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    send(&publisher, 51..=TOO_LARGE - 1).expect("taken");
    // After the broker's answer has arrived, the publisher itself rejects these rows.
    let _ = publisher.send_row(FIRST, row(TOO_LARGE), &RunId::new("run"), &[b'x'; 3000]);
    let _ = send(&publisher, TOO_LARGE + 1..=300);
    let failure = publisher.flush(TIMEOUT).expect_err("refused");
    let PublishError::Failed { row: Some(failed), reason, .. } = &failure else { panic!("{failure:?}") };
    // The broker rejects all rows of a request together.
    assert!((51..=TOO_LARGE).contains(&failed.get()) && reason.contains("max.message.bytes"), "{failure}");
    drop(publisher);
    let (mut subscription, mut rows) = (scene.subscribe(&[(FIRST, Offset(0))]), Vec::new());
    let deadline = Instant::now() + TIMEOUT;
    while !subscription.is_at_end(FIRST) {
        assert!(Instant::now() < deadline, "no end came; {} rows did", rows.len());
        if let Some(PollEvent::Message(delivery)) = subscription.poll(TICK).expect("reading") {
            rows.push(row_of(&delivery));
        }
    }
    in_order(&rows, failed.get() - 1);
}

#[test]
fn a_lasting_outage_ends_sending_with_the_address() {
    let mock = mock(1);
    let publisher = publisher(&mock, &[("message.timeout.ms", "1000")]);
    send(&publisher, 1..=10).expect("taken");
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    mock.broker_down(1).expect("a broker");
    send(&publisher, 11..=20).expect("taken");
    let failure = publisher.flush(TIMEOUT).expect_err("no broker confirms");
    assert!(matches!(&failure, PublishError::Unconfirmed { messages: 10, .. }), "{failure}");
    assert!(failure.to_string().contains(&mock.bootstrap_servers()), "{failure}");
    assert_eq!(send(&publisher, 21..=21), Err(failure), "and it stays so");
}

#[test]
fn failed_commits_do_not_block_reading() {
    let mock = mock(1);
    let (publisher, mut subscription, mut seen) = (publisher(&mock, &[]), subscribe(&mock), Vec::new());
    send(&publisher, 1..=100).expect("taken");
    read_to(&mut subscription, 100, &mut seen);
    let denied = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 5];
    mock.request_errors(RDKafkaApiKey::OffsetCommit, &denied);
    mock.broker_down(1).expect("a broker");
    let began = Instant::now();
    for offset in 1..=100 {
        subscription.commit(&[(FIRST, Offset(offset))]).expect("taken");
    }
    subscription.commit_last(&[(FIRST, Offset(100))], Duration::from_millis(500)).expect("no broker has refused");
    drop(subscription);
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
}

#[test]
fn silence_before_the_known_end_is_not_the_end() {
    let mock = mock(1);
    let publisher = publisher(&mock, &[]);
    send(&publisher, 1..=100).expect("taken");
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    let stretch = ScanRange { partition: FIRST, from: Offset(0), until: Offset(100) };
    let read = |stop: &dyn Fn() -> bool| {
        let mut rows = 0;
        let read = scan::<BrokerError>(&connection(&mock, &[]), TOPIC, &[stretch], stop, |_| {
            rows += 1;
            Ok(())
        });
        (read, rows)
    };
    let began = Instant::now();
    mock.broker_down(1).expect("a broker");
    assert_eq!(read(&|| began.elapsed() > Duration::from_secs(7)), (Ok(false), 0), "stopped before the end");
    mock.broker_up(1).expect("a broker");
    assert_eq!(read(&|| false), (Ok(true), 100));
}
