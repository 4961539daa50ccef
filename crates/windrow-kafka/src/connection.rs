//! The address of a broker and the settings of its clients.

use std::fmt;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use crate::{BrokerError, error};

/// The address of a broker and the properties of its clients.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: Vec<(String, String)>,
}

/// Omits the values of the properties, because some of them are secrets.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Connection").field("bootstrap", &self.bootstrap).field("properties", &names).finish()
    }
}

impl Connection {
    /// Creates a connection to a broker at `HOST:PORT[,HOST:PORT...]`.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into(), properties: Vec::new() }
    }

    /// Adds properties of librdkafka, for example `socket.timeout.ms`. They cannot change what correctness depends on:
    /// acknowledgements, idempotence, and no automatic commits.
    #[must_use]
    pub fn with_properties(mut self, properties: impl IntoIterator<Item = (String, String)>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Returns true if the connection uses TLS or a login.
    pub(super) fn is_secured(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol != "PLAINTEXT")
    }

    pub(super) fn has_tls(&self) -> bool {
        self.protocol().is_some_and(|protocol| protocol.ends_with("SSL"))
    }

    /// Returns true if the login uses a token from an identity provider.
    pub(super) fn has_tokens(&self) -> bool {
        let mechanism = self.property("sasl.mechanism").or_else(|| self.property("sasl.mechanisms"));
        mechanism.is_some_and(|mechanism| mechanism.eq_ignore_ascii_case("OAUTHBEARER"))
    }

    fn protocol(&self) -> Option<String> {
        self.property("security.protocol").map(str::to_uppercase)
    }

    /// Returns the value of a property. If it was given more than once, the last value counts.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rfind(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The addresses of the broker, as they were given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.bootstrap
    }

    /// Creates the settings of a client. The connection's properties override `defaults`; `fixed` overrides both.
    pub(crate) fn settings(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut settings = ClientConfig::new();
        // A user who sets the property `debug` gets the library's own log.
        let is_asked = self.property("debug").is_some();
        settings.set_log_level(if is_asked { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning });
        // A broker that comes back is found within two seconds. The library's own limit is ten.
        let ours = [("client.id", "windrow"), ("reconnect.backoff.max.ms", "2000")];
        let given = self.properties.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in ours.iter().chain(defaults).copied().chain(given).chain(fixed.iter().copied()) {
            settings.set(key, value);
        }
        settings.set("bootstrap.servers", &self.bootstrap);
        settings
    }

    pub(crate) fn refused(&self, error: &KafkaError) -> BrokerError {
        let mut reason = match error {
            KafkaError::ClientConfig(_, description, ..) => description.clone(),
            other => other.to_string(),
        };
        if needs_tls(&reason) {
            reason = format!(
                "this windrow was built without the cargo feature `tls` ({reason}); build it with `--features tls`"
            );
        }
        BrokerError::Settings { address: self.bootstrap.clone(), reason }
    }

    pub(crate) fn no_such_topic(&self, topic: &str) -> BrokerError {
        BrokerError::NoSuchTopic { topic: topic.to_owned(), address: self.bootstrap.clone() }
    }

    pub(crate) fn failed(&self, action: &'static str, topic: &str, error: &KafkaError) -> BrokerError {
        let (topic, address) = (topic.to_owned(), self.bootstrap.clone());
        BrokerError::Topic { action, topic, address, reason: error::reason(error) }
    }
}

/// Returns the reason why the client library rejects a setting, or `None` if it accepts it. A setting that needs the
/// feature `tls` gives `None` in a build without it: [`BrokerError::Settings`] reports it later, with advice.
#[must_use]
pub fn setting_fault(name: &str, value: &str) -> Option<String> {
    let error = ClientConfig::new().set(name, value).create_native_config().err()?;
    let KafkaError::ClientConfig(_, reason, ..) = error else { return Some(error.to_string()) };
    (!needs_tls(&reason)).then_some(reason)
}

/// Returns true if this is the message of a librdkafka that was built without OpenSSL.
fn needs_tls(reason: &str) -> bool {
    !cfg!(feature = "tls") && (reason.contains("at build time") || reason.contains("recompile librdkafka"))
}

/// Receives the client library's log. Failed attempts to connect are not warnings: the code that waits for a broker
/// reports an outage once.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(facility, message, "client library");
        }
        _ => tracing::debug!(facility, message, "client library"),
    }
}

#[derive(Debug)]
pub(crate) struct LoggingContext;

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "client library");
    }
}

impl rdkafka::consumer::ConsumerContext for LoggingContext {}
