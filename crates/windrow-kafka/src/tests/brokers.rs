//! Tests with brokers that are late, missing, or in conflict with each other.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::runtime::Runtime;

use crate::tests::{FIRST, TICK, TIMEOUT, TOPIC, read, send};
use crate::{Broker, BrokerError, Choice, Connection, Publisher, StartOptions, Subscription, topics};
use windrow_record::{Offset, RunId};

#[test]
fn clients_wait_for_a_broker_that_is_late() {
    let runtime = Runtime::new().expect("a runtime");
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let (connection, run) = (Connection::new(listen.to_string()), RunId::new("run"));
    let publisher = Publisher::connect(&connection, TOPIC, |_| {}).expect("a publisher");
    send(&publisher, FIRST, 1, &run);
    let mut subscription =
        Subscription::assign(&connection, TOPIC, "group", &[(FIRST, Offset(0))]).expect("a subscription");
    assert!(subscription.poll(Duration::from_secs(1)).expect("waiting is not an error").is_none());
    assert_eq!(publisher.flush(TICK), Ok(false));

    let options = StartOptions { listen: Some(listen), ..StartOptions::default() };
    let broker = runtime.block_on(Broker::start(&Choice::Embedded, &options)).expect("a broker");
    // The publisher has already asked for the topic, and the broker creates a topic that a client asks for.
    let settings = topics::TopicSettings::default();
    runtime.block_on(topics::create(broker.connection(), TOPIC, 1, &settings)).expect("a topic");
    assert_eq!(publisher.flush(TIMEOUT), Ok(true));
    assert_eq!(read(&mut subscription, 1)[0].2, 1);
}

#[test]
fn a_missing_broker_is_reported_with_its_address() {
    let runtime = Runtime::new().expect("a runtime");
    let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").to_string();
    let begun = Instant::now();
    let error = runtime.block_on(topics::describe(&Connection::new(&address), TOPIC)).expect_err("no broker is there");
    assert!(begun.elapsed() < Duration::from_secs(8), "it took {:?}", begun.elapsed());
    assert_eq!(error, BrokerError::Unreachable { address: address.clone(), waited: Duration::from_secs(5) });
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn an_unknown_librdkafka_property_is_reported() {
    let connection = Connection::new("127.0.0.1:1").with_properties([("no.such.property".to_owned(), "1".to_owned())]);
    let error = Publisher::connect(&connection, TOPIC, |_| {}).expect_err("no such property").to_string();
    assert!(error.contains("no.such.property"), "{error}");
}

#[test]
fn a_taken_port_is_reported_and_a_released_one_is_free() {
    let runtime = Runtime::new().expect("a runtime");
    let first = runtime.block_on(Broker::start(&Choice::Embedded, &StartOptions::default())).expect("a broker");
    assert_eq!(first.kind(), "embedded");
    let listen = first.connection().address().parse().expect("an address");
    let options = StartOptions { listen: Some(listen), ..StartOptions::default() };

    let error = runtime.block_on(Broker::start(&Choice::Embedded, &options)).expect_err("the port is taken");
    assert!(matches!(&error, BrokerError::Listen { address, .. } if *address == listen), "{error}");

    let begun = Instant::now();
    assert_eq!(runtime.block_on(first.stop()), Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    let second = runtime.block_on(Broker::start(&Choice::Embedded, &options)).expect("the port is free");
    let outside = Choice::External(second.connection().address().to_owned());
    let outside = runtime.block_on(Broker::start(&outside, &StartOptions::default())).expect("the same broker");
    assert_eq!((outside.kind(), outside.connection()), ("external", second.connection()));
}

#[test]
fn the_advertised_address_is_where_clients_are_sent() {
    let runtime = Runtime::new().expect("a runtime");
    let advertised = |listen: &str, advertise: Option<&str>| {
        let options = StartOptions {
            listen: Some(listen.parse().expect("an address")),
            advertise: advertise.map(str::to_owned),
            ..StartOptions::default()
        };
        let broker = runtime.block_on(Broker::start(&Choice::Embedded, &options))?;
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", broker.connection().address()).create().expect("a consumer");
        let metadata = consumer.fetch_metadata(None, TIMEOUT).expect("metadata");
        let node = &metadata.brokers()[0];
        let port: u16 = broker.connection().address().rsplit_once(':').expect("a port").1.parse().expect("a port");
        Ok::<_, BrokerError>((node.host().to_owned(), node.port(), i32::from(port)))
    };
    let (host, port, bound) = advertised("127.0.0.1:0", None).expect("a broker");
    assert_eq!((host.as_str(), port), ("127.0.0.1", bound));
    let (host, port, bound) = advertised("0.0.0.0:0", None).expect("a broker");
    assert_eq!((host.as_str(), port), ("127.0.0.1", bound));
    // The name resolves to this machine. The library asks the address that it was given.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let named = format!("localhost:{}", free.port());
    let (host, port, _) = advertised(&free.to_string(), Some(&named)).expect("a broker");
    assert_eq!((host.as_str(), port), ("localhost", i32::from(free.port())));
    let error = advertised("127.0.0.1:0", Some("kafka.example")).expect_err("the port is missing");
    assert!(matches!(error, BrokerError::Advertise { .. }), "{error}");
}
