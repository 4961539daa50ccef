//! How clients connect, and where the client library's own log goes.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::broker::BrokerError;

/// The addresses of a cluster, and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: Vec<(String, String)>,
}

impl Connection {
    /// A cluster at `HOST:PORT[,HOST:PORT...]`.
    #[must_use]
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into(), properties: Vec::new() }
    }

    /// With properties of the client library, by librdkafka's names; these win over our own.
    #[must_use]
    pub fn with_properties(mut self, properties: impl IntoIterator<Item = (String, String)>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// The addresses as they were given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.bootstrap
    }

    /// What every client of this cluster is made from.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config_with(&[])
    }

    /// The same with the settings of one kind of client, which the user's properties win over.
    pub(crate) fn config_with(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("client.id", "windrow");
        // A broker that restarts is found again within a second, not within ten.
        config.set("reconnect.backoff.max.ms", "1000");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    pub(crate) fn failed(&self, source: KafkaError) -> BrokerError {
        match source {
            KafkaError::ClientConfig(_, reason, key, value) => BrokerError::Property { key, value, reason },
            KafkaError::ClientCreation(reason) => BrokerError::Client { reason },
            source => BrokerError::NoAnswer { address: self.bootstrap.clone(), source },
        }
    }

    pub(crate) fn offsets_gone(&self, topic: &str) -> BrokerError {
        BrokerError::OffsetsGone { topic: topic.to_owned(), address: self.bootstrap.clone() }
    }

    pub(crate) fn no_topic(&self, topic: &str) -> BrokerError {
        BrokerError::NoTopic { topic: topic.to_owned(), address: self.bootstrap.clone() }
    }
}

/// Sends the client library's log to ours: its outages are normal life, and standard error is not its to write to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "kafka client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Quiet {}
