//! `--broker redpanda` without a Docker engine. With one, see `tests/external/redpanda.rs`.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use windrow_kafka::{Broker, BrokerError, Choice, StartOptions};

#[test]
fn without_a_docker_engine_there_is_a_way_out() {
    let runtime = Runtime::new().expect("a runtime");
    for nowhere in ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "https://127.0.0.1:1", "nonsense"] {
        let begun = Instant::now();
        let options = StartOptions { docker_host: Some(nowhere.to_owned()), ..StartOptions::default() };
        let error = runtime.block_on(Broker::start(&Choice::Redpanda, &options)).expect_err("there is no engine");
        assert!(matches!(error, BrokerError::NoDocker { .. }), "{error}");
        assert!(error.to_string().starts_with("no Docker engine answers ("), "{error}");
        assert!(error.to_string().ends_with("start Docker or use --broker embedded"), "{error}");
        #[cfg(feature = "embedded")]
        {
            let broker = runtime.block_on(Broker::start(&Choice::Auto, &options)).expect("a broker");
            assert_eq!(broker.kind(), "embedded");
            assert_eq!(broker.reason(), "the embedded broker, since no Docker engine answers");
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    }
}
