//! Tests of the clients with the embedded broker, in the way that the stages use them.

mod brokers;
mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::runtime::Runtime;

use crate::{
    Broker, BrokerError, Choice, Connection, Creation, PollEvent, PublishError, Publisher, StartOptions, Subscription,
    TopicState, topics,
};
use windrow_record::{Envelope, Offset, Partition, RowNumber, RunId};

const TIMEOUT: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(50);
const TOPIC: &str = "flights";
const FIRST: Partition = Partition(0);

/// An embedded broker with one topic.
struct Scene {
    runtime: Runtime,
    broker: Broker,
}

impl Scene {
    fn new(partitions: u32) -> Self {
        Self::with_properties(partitions, &[])
    }

    fn with_properties(partitions: u32, properties: &[(&str, &str)]) -> Self {
        Self::with_settings(partitions, properties, &topics::TopicSettings::default())
    }

    fn with_settings(partitions: u32, properties: &[(&str, &str)], settings: &topics::TopicSettings) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let options = StartOptions { properties, ..StartOptions::default() };
        let broker = runtime.block_on(Broker::start(&Choice::Embedded, &options)).expect("a broker");
        let created = runtime.block_on(topics::create(broker.connection(), TOPIC, partitions, settings));
        assert_eq!(created, Ok(Creation::Created));
        Self { runtime, broker }
    }

    fn connection(&self) -> &Connection {
        self.broker.connection()
    }

    fn publisher(&self) -> Publisher {
        Publisher::connect(self.connection(), TOPIC, |_| {}).expect("a publisher")
    }

    /// Sends rows `1..=rows`, distributed over the partitions, and waits until they are confirmed.
    fn send_rows(&self, rows: u64, partitions: u32) {
        let (publisher, run) = (self.publisher(), RunId::new("run"));
        for number in 1..=rows {
            let partition = Partition((number % u64::from(partitions)) as i32);
            send(&publisher, partition, number, &run);
        }
        assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    }

    fn subscribe(&self, positions: &[(Partition, Offset)]) -> Subscription {
        Subscription::assign(self.connection(), TOPIC, "group", positions).expect("a subscription")
    }

    fn create(&self, topic: &str, partitions: u32) -> Result<Creation, BrokerError> {
        self.runtime.block_on(topics::create(self.connection(), topic, partitions, &topics::TopicSettings::default()))
    }

    fn describe(&self) -> Result<TopicState, BrokerError> {
        self.runtime.block_on(topics::describe(self.connection(), TOPIC))
    }

    /// Returns the offsets that a group has committed, one for each of the first partitions.
    fn committed(&self, group: &str, partitions: i32) -> Vec<rdkafka::Offset> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", self.connection().address()).set("group.id", group);
        let other: BaseConsumer = settings.create().expect("a consumer");
        let mut asked = rdkafka::TopicPartitionList::new();
        asked.add_partition_range(TOPIC, 0, partitions - 1);
        let committed = other.committed_offsets(asked, TIMEOUT).expect("positions");
        committed.elements().iter().map(|element| element.offset()).collect()
    }
}

fn row(number: u64) -> RowNumber {
    RowNumber::new(number).expect("rows are counted from 1")
}

fn send(publisher: &Publisher, partition: Partition, number: u64, run: &RunId) {
    let value = format!("{number},EWR,IAH");
    while publisher.send_row(partition, row(number), run, value.as_bytes()) == Err(PublishError::QueueFull) {
        publisher.wait(TICK).expect("nothing fails");
    }
}

/// A message that was read: partition, offset, row (0 for the end marker), value.
type Read = (i32, i64, u64, String);

fn read(subscription: &mut Subscription, messages: usize) -> Vec<Read> {
    let deadline = Instant::now() + TIMEOUT;
    let mut all = Vec::new();
    while all.len() < messages {
        assert!(Instant::now() < deadline, "{} of {messages} messages came in time", all.len());
        if let Some(PollEvent::Message(delivery)) = subscription.poll(TICK).expect("reading") {
            let (row, run) = match delivery.envelope().expect("headers") {
                Envelope::Row { row, run } => (row.get(), run),
                Envelope::End { run, .. } => (0, run),
                Envelope::Foreign => panic!("a foreign message"),
            };
            assert_eq!(run, Some("run"));
            let value = String::from_utf8(delivery.value().to_vec()).expect("text");
            all.push((delivery.partition().0, delivery.offset().0, row, value));
        }
    }
    all
}

fn error_of(subscription: &mut Subscription) -> BrokerError {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        assert!(Instant::now() < deadline, "no error came in time");
        match subscription.poll(TICK) {
            Ok(None) => {}
            Ok(Some(turn)) => panic!("{turn:?}"),
            Err(error) => return error,
        }
    }
}

#[test]
fn rows_come_back_in_order_within_their_partition_and_then_the_end() {
    let (rows, partitions) = (10_000, 3);
    let scene = Scene::new(partitions);
    let confirmed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&confirmed);
    let publisher = Publisher::connect(scene.connection(), TOPIC, move |rows| {
        counter.fetch_add(rows, Ordering::Relaxed);
    })
    .expect("a publisher");
    let run = RunId::new("run");
    for number in 1..=rows {
        send(&publisher, Partition((number % 3) as i32), number, &run);
    }
    for partition in 0..3 {
        assert_eq!(publisher.send_end(Partition(partition), &run, RowNumber::FIRST, rows), Ok(()));
    }
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    assert_eq!(confirmed.load(Ordering::Relaxed), rows, "end marks are not rows");
    assert_eq!(publisher.unconfirmed(), 0);

    let mut subscription = scene.subscribe(&[0, 1, 2].map(|partition| (Partition(partition), Offset(0))));
    let mut by_partition = BTreeMap::<i32, Vec<Read>>::new();
    for message in read(&mut subscription, rows as usize + 3) {
        by_partition.entry(message.0).or_default().push(message);
    }
    for (partition, messages) in by_partition {
        let (end, messages) = messages.split_last().expect("messages");
        assert_eq!((end.2, end.3.as_str()), (0, ""), "the end is last and has no value");
        for (at, (_, offset, row, value)) in messages.iter().enumerate() {
            let expected = at as u64 * 3 + if partition == 0 { 3 } else { partition as u64 };
            assert_eq!((*offset, *row), (at as i64, expected));
            assert_eq!(value, &format!("{expected},EWR,IAH"));
        }
    }
}

#[test]
fn reading_resumes_at_any_offset_within_any_batch() {
    for compression in ["none", "lz4", "zstd", "gzip"] {
        // All rows are in one batch.
        let scene = Scene::with_properties(1, &[("linger.ms", "500"), ("compression.type", compression)]);
        scene.send_rows(1000, 1);
        for offset in [1, 500, 998, 999] {
            let messages = read(&mut scene.subscribe(&[(FIRST, Offset(offset))]), 1000 - offset as usize);
            let rows: Vec<(i64, u64)> = messages.into_iter().map(|(_, offset, row, _)| (offset, row)).collect();
            let expected: Vec<(i64, u64)> = (offset..1000).map(|offset| (offset, offset as u64 + 1)).collect();
            assert_eq!(rows, expected, "{compression}, from {offset}");
        }
    }
}

#[test]
fn a_topic_is_created_once_described_and_deleted() {
    let scene = Scene::new(2);
    assert_eq!(scene.create(TOPIC, 5), Ok(Creation::Existed { partitions: 2 }));

    scene.send_rows(1001, 2);
    let state = scene.describe().expect("a topic");
    let highs: Vec<(i64, i64)> = state.partitions.iter().map(|state| (state.low.0, state.high.0)).collect();
    assert_eq!(highs, [(0, 500), (0, 501)], "messages are counted, not batches");
    assert_eq!(state.messages(), 1001);

    assert_eq!(scene.runtime.block_on(topics::delete(scene.connection(), TOPIC)), Ok(()));
    let gone = BrokerError::NoSuchTopic { topic: TOPIC.to_owned(), address: scene.connection().address().to_owned() };
    assert_eq!(scene.describe(), Err(gone.clone()));
    assert_eq!(scene.runtime.block_on(topics::delete(scene.connection(), TOPIC)), Err(gone));

    assert_eq!(scene.create(TOPIC, 1), Ok(Creation::Created));
    assert_eq!(scene.describe().map(|anew| anew.messages()), Ok(0), "nothing of the old topic is left");
}

#[test]
fn an_impossible_topic_is_refused_with_its_name() {
    let scene = Scene::new(1);
    let no_partitions = scene.create("empty", 0);
    assert!(matches!(&no_partitions, Err(BrokerError::Topic { topic, .. }) if topic == "empty"), "{no_partitions:?}");
    let bad_name = scene.create("a b", 1);
    assert!(matches!(&bad_name, Err(BrokerError::Topic { topic, .. }) if topic == "a b"), "{bad_name:?}");
}

#[test]
fn committed_positions_are_there_for_others() {
    let scene = Scene::new(2);
    let subscription = scene.subscribe(&[(Partition(0), Offset(0)), (Partition(1), Offset(0))]);
    assert_eq!(subscription.commit(&[(Partition(0), Offset(7)), (Partition(1), Offset(8))]), Ok(()));
    assert_eq!(subscription.commit_last(&[(Partition(1), Offset(9))], TIMEOUT), Ok(()));

    assert_eq!(scene.committed("group", 2), [rdkafka::Offset::Offset(7), rdkafka::Offset::Offset(9)]);
}

#[test]
fn the_group_of_a_single_consumer_can_be_named() {
    let scene = Scene::with_properties(1, &[("group.id", "mine")]);
    scene.subscribe(&[(FIRST, Offset(0))]).commit_last(&[(FIRST, Offset(3))], TIMEOUT).expect("taken");
    for (group, expected) in [("mine", rdkafka::Offset::Offset(3)), ("group", rdkafka::Offset::Invalid)] {
        assert_eq!(scene.committed(group, 1), [expected], "{group}");
    }
}

fn lag(subscription: &Subscription) -> Option<u64> {
    subscription.lags().iter().map(|(_, lag)| *lag).sum()
}

#[test]
fn lag_is_reported_and_falls_to_zero() {
    let scene = Scene::with_properties(1, &[("statistics.interval.ms", "50")]);
    scene.send_rows(500, 1);
    let mut subscription = scene.subscribe(&[(FIRST, Offset(100))]);
    assert_eq!(lag(&subscription), None, "nothing is known yet");
    read(&mut subscription, 10);
    let deadline = Instant::now() + TIMEOUT;
    let mut left = 390;
    while lag(&subscription) != Some(left) {
        assert!(Instant::now() < deadline, "the lag is {:?}", lag(&subscription));
        // The statistics arrive during a poll, and so may messages.
        if subscription.poll(TICK).expect("reading").is_some() {
            left -= 1;
        }
    }
    read(&mut subscription, left as usize);
    assert_eq!(lag(&subscription), Some(0));
}

#[test]
fn records_of_other_producers_are_foreign() {
    let scene = Scene::new(1);
    let other: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", scene.connection().address()).create().expect("a producer");
    other.send(BaseRecord::<(), str>::to(TOPIC).payload("1,EWR")).expect("taken");
    other.flush(TIMEOUT).expect("delivered");
    let mut subscription = scene.subscribe(&[(FIRST, Offset(0))]);
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        if let Some(PollEvent::Message(delivery)) = subscription.poll(TICK).expect("reading") {
            assert_eq!((delivery.envelope(), delivery.value()), (Ok(Envelope::Foreign), b"1,EWR".as_slice()));
            return;
        }
    }
    panic!("the record did not come in time");
}

#[test]
fn an_offset_that_is_not_there_is_an_error() {
    let scene = Scene::with_properties(1, &[("statistics.interval.ms", "50")]);
    scene.send_rows(10, 1);
    let error = error_of(&mut scene.subscribe(&[(FIRST, Offset(11))]));
    let BrokerError::OutOfRange { wanted, end, .. } = &error else { panic!("{error}") };
    assert_eq!((*wanted, *end), (Offset(11), Some(Offset(10))));
}

#[test]
fn the_end_of_a_partition_is_no_error() {
    let scene = Scene::with_properties(1, &[("statistics.interval.ms", "50")]);
    scene.send_rows(10, 1);
    let mut subscription = scene.subscribe(&[(FIRST, Offset(10))]);
    let deadline = Instant::now() + TIMEOUT;
    while lag(&subscription) != Some(0) {
        assert!(Instant::now() < deadline, "the lag is {:?}", lag(&subscription));
        assert!(subscription.poll(TICK).expect("no error").is_none());
    }
    scene.send_rows(1, 1);
    assert_eq!(read(&mut subscription, 1)[0].1, 10);
}

#[test]
fn a_topic_that_is_not_there_is_an_error() {
    let scene = Scene::with_properties(1, &[("topic.metadata.propagation.max.ms", "100")]);
    let subscription = Subscription::assign(scene.connection(), "trains", "group", &[(FIRST, Offset(0))]);
    let error = error_of(&mut subscription.expect("a subscription"));
    assert!(matches!(&error, BrokerError::NoSuchTopic { topic, .. } if topic == "trains"), "{error}");
}

#[test]
fn a_row_that_is_too_large_is_named_by_every_later_call() {
    let scene = Scene::with_properties(1, &[("message.max.bytes", "2000")]);
    let (publisher, run) = (scene.publisher(), RunId::new("run"));
    assert_eq!(publisher.send_row(FIRST, row(1), &run, b"small"), Ok(()));
    let failure = publisher.send_row(FIRST, row(2), &run, &[b'x'; 3000]);
    let Err(PublishError::Failed { row: Some(failed), reason, .. }) = &failure else { panic!("{failure:?}") };
    assert!(failed.get() == 2 && reason.starts_with("its 3000 bytes"), "{failure:?}");
    assert_eq!(publisher.send_row(FIRST, row(3), &run, b"small"), failure);
    assert_eq!(publisher.flush(TIMEOUT).map(|_| ()), failure);
}

#[test]
fn a_missing_partition_is_reported() {
    let scene = Scene::new(1);
    let (publisher, run) = (scene.publisher(), RunId::new("run"));
    // Accepted or rejected, depending on whether the library already knows the topic's partitions.
    let _ = publisher.send_row(Partition(7), row(1), &run, b"1");
    let error = publisher.flush(TIMEOUT);
    assert!(matches!(&error, Err(PublishError::Failed { row: Some(failed), .. }) if failed.get() == 1), "{error:?}");
}

#[test]
fn a_full_queue_empties_while_one_waits() {
    let scene = Scene::with_properties(1, &[("queue.buffering.max.messages", "10")]);
    let (publisher, run) = (scene.publisher(), RunId::new("run"));
    let mut full = 0;
    for number in 1..=1000 {
        while publisher.send_row(FIRST, row(number), &run, b"value") == Err(PublishError::QueueFull) {
            full += 1;
            publisher.wait(TIMEOUT).expect("nothing fails");
        }
    }
    assert!(full > 0, "ten places were enough for a thousand rows");
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    assert_eq!(scene.describe().map(|state| state.messages()), Ok(1000));
}

#[test]
fn nothing_is_lost_while_the_broker_is_busy() {
    // Three publishers send at once, each with its own order within the partition.
    let scene = Scene::new(1);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| scene.send_rows(2000, 1));
        }
    });
    let mut subscription = scene.subscribe(&[(FIRST, Offset(0))]);
    let messages = read(&mut subscription, 6000);
    let offsets: Vec<i64> = messages.iter().map(|message| message.1).collect();
    assert_eq!(offsets, (0..6000).collect::<Vec<i64>>());
    let mut seen = BTreeMap::<u64, u32>::new();
    for message in &messages {
        *seen.entry(message.2).or_default() += 1;
    }
    assert!(seen.len() == 2000 && seen.values().all(|times| *times == 3));
}
