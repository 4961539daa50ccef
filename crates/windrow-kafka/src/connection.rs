//! Where a broker is, and the settings of the client library.

use std::fmt;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use crate::{BrokerError, error};

/// Where a broker is, and what else its clients need to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: Vec<(String, String)>,
}

/// Without the values of the properties, some of which are secrets.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Connection").field("bootstrap", &self.bootstrap).field("properties", &names).finish()
    }
}

impl Connection {
    /// A broker at `HOST:PORT[,HOST:PORT...]`.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into(), properties: Vec::new() }
    }

    /// The same with further properties of librdkafka, as in `socket.timeout.ms`. What correctness rests on
    /// (acknowledgements, idempotence, no automatic commits) stays as it is.
    #[must_use]
    pub fn with_properties(mut self, properties: impl IntoIterator<Item = (String, String)>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Whether it speaks TLS or gives a login.
    pub(super) fn is_secured(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol != "PLAINTEXT")
    }

    /// Whether it speaks TLS.
    pub(super) fn has_tls(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol.ends_with("SSL"))
    }

    /// Whether it logs in with a token that an identity provider gives.
    pub(super) fn has_tokens(&self) -> bool {
        let mechanism = self.property("sasl.mechanism").or_else(|| self.property("sasl.mechanisms"));
        mechanism.is_some_and(|mechanism| mechanism.eq_ignore_ascii_case("OAUTHBEARER"))
    }

    fn protocol(&self) -> Option<String> {
        self.property("security.protocol").map(str::to_uppercase)
    }

    /// A property that was given; the last one counts.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rfind(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Its addresses, as they were given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.bootstrap
    }

    /// Settings for a client: `defaults` give way to the connection's properties, `fixed` do not.
    pub(crate) fn settings(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut settings = ClientConfig::new();
        // Whoever asks the library for its own log gets it.
        let is_asked = self.property("debug").is_some();
        settings.set_log_level(if is_asked { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning });
        // A broker that comes back is found within two seconds; the library's own limit is ten.
        for (key, value) in [("client.id", "windrow"), ("reconnect.backoff.max.ms", "2000")] {
            settings.set(key, value);
        }
        for (key, value) in defaults {
            settings.set(*key, *value);
        }
        for (key, value) in &self.properties {
            settings.set(key, value);
        }
        for (key, value) in fixed {
            settings.set(*key, *value);
        }
        settings.set("bootstrap.servers", &self.bootstrap);
        settings
    }

    pub(crate) fn refused(&self, error: &KafkaError) -> BrokerError {
        let reason = match error {
            KafkaError::ClientConfig(_, description, ..) => description.clone(),
            other => other.to_string(),
        };
        if needs_tls(&reason) {
            return BrokerError::NoTls { address: self.bootstrap.clone(), reason };
        }
        BrokerError::Settings { address: self.bootstrap.clone(), reason }
    }

    /// The error for a topic that is not there.
    pub(crate) fn no_such_topic(&self, topic: &str) -> BrokerError {
        BrokerError::NoSuchTopic { topic: topic.to_owned(), address: self.bootstrap.clone() }
    }

    /// The error for an action on a topic that the broker refused.
    pub(crate) fn failed(&self, action: &'static str, topic: &str, error: &KafkaError) -> BrokerError {
        BrokerError::Topic {
            action,
            topic: topic.to_owned(),
            address: self.bootstrap.clone(),
            reason: error::reason(error),
        }
    }
}

/// What the client library has against a setting, where it takes no such one; what needs the feature `tls` is told later, with
/// how to get it.
#[must_use]
pub fn setting_fault(name: &str, value: &str) -> Option<String> {
    let error = ClientConfig::new().set(name, value).create_native_config().err()?;
    let KafkaError::ClientConfig(_, reason, ..) = error else { return Some(error.to_string()) };
    (!needs_tls(&reason)).then_some(reason)
}

/// What librdkafka says of a build without OpenSSL.
fn needs_tls(reason: &str) -> bool {
    !cfg!(feature = "tls") && (reason.contains("at build time") || reason.contains("recompile librdkafka"))
}

/// Takes the client library's log: an outage is reported once by those who wait for it, not by every attempt to connect.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(facility, message, "client library");
        }
        _ => tracing::debug!(facility, message, "client library"),
    }
}

/// For clients that need nothing but a quiet log.
#[derive(Debug)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "client library");
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}
