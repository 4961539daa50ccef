//! Changes to a topic that other clients, an operator or a retention policy make.

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::STEP_TIMEOUT;

fn client(address: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address);
    client
}

/// Sends one message.
///
/// # Panics
/// The broker does not accept the message.
pub fn send(address: &str, topic: &str, partition: i32, headers: &[(&str, &str)], value: &str) {
    let producer: BaseProducer = client(address).create().expect("a producer");
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value.as_bytes()) })
    });
    let message = BaseRecord::<(), str>::to(topic).partition(partition).headers(headers).payload(value);
    producer.send(message).expect("taken");
    producer.flush(STEP_TIMEOUT).expect("delivered");
}

fn admin(address: &str) -> (tokio::runtime::Runtime, AdminClient<DefaultClientContext>) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    (runtime, client(address).create().expect("an admin client"))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(STEP_TIMEOUT)).operation_timeout(Some(STEP_TIMEOUT))
}

/// Deletes the messages of a partition before an offset.
///
/// # Panics
/// The broker refuses.
pub fn delete_before(address: &str, topic: &str, partition: i32, offset: i64) {
    let (runtime, admin) = admin(address);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
    let deleted = runtime.block_on(admin.delete_records(&offsets, &options())).expect("deleted");
    assert!(deleted.elements().iter().all(|one| one.error().is_ok()), "{deleted:?}");
}

/// Raises a topic's number of partitions.
///
/// # Panics
/// The broker refuses.
pub fn add_partitions(address: &str, topic: &str, partitions: usize) {
    let (runtime, admin) = admin(address);
    let wanted = NewPartitions::new(topic, partitions);
    let made = runtime.block_on(admin.create_partitions([&wanted], &options())).expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Sends rows in transactions of `size` messages each. Every second one is first sent and aborted, then sent again.
///
/// # Panics
/// The broker refuses.
pub fn send_in_transactions(address: &str, topic: &str, rows: &[&str], size: usize) {
    let producer: BaseProducer = client(address).set("transactional.id", "rows").create().expect("a producer");
    producer.init_transactions(STEP_TIMEOUT).expect("a coordinator");
    for (turn, rows) in rows.chunks(size).enumerate() {
        for is_aborted in [true, false] {
            if is_aborted && turn % 2 == 0 {
                continue;
            }
            producer.begin_transaction().expect("a transaction");
            for row in rows {
                producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(row)).expect("taken");
            }
            producer.flush(STEP_TIMEOUT).expect("delivered");
            let ended = if is_aborted {
                producer.abort_transaction(STEP_TIMEOUT)
            } else {
                producer.commit_transaction(STEP_TIMEOUT)
            };
            ended.expect("the transaction ends");
        }
    }
}
