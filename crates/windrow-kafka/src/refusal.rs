//! Finds out why a secured broker and this client do not accept each other. A separate client connects and waits for a
//! reason.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{BrokerError, Connection, certificate};

/// The time limit for the library to report a reason.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(8);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Stores the first reason that the library reports.
#[derive(Debug, Default)]
struct FirstReason(Mutex<Option<(RDKafkaErrorCode, String)>>);

impl ClientContext for FirstReason {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::connection::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        tracing::debug!(?code, reason, "why a secured broker does not answer");
        // The library reports an alert after the handshake as a broken connection.
        let is_alert = code == RDKafkaErrorCode::BrokerTransportFailure && reason.contains("SSL");
        if (matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) || is_alert)
            && let Ok(mut first_reason) = self.0.lock()
        {
            first_reason.get_or_insert((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for FirstReason {}

/// Returns the reason why the broker refuses this client, or why this client refuses the broker's certificate. `None`
/// if the connection is plain text without a login, or if no reason is reported. Blocks.
pub(super) fn refusal(connection: &Connection) -> Option<BrokerError> {
    if !connection.is_secured() {
        return None;
    }
    let settings = connection.settings(&[], &[]);
    let client: BaseConsumer<_> = BaseConsumer::from_config_and_context(&settings, FirstReason::default()).ok()?;
    let deadline = Instant::now() + REFUSAL_TIMEOUT;
    // The library connects only when it is asked for something.
    let _ = client.fetch_metadata(None, POLL_INTERVAL);
    while Instant::now() < deadline {
        let _ = client.poll(POLL_INTERVAL);
        let first_reason = client.context().0.lock().ok().and_then(|mut first_reason| first_reason.take());
        if let Some((code, reason)) = first_reason {
            let address = connection.address().to_owned();
            let is_login = code == RDKafkaErrorCode::Authentication;
            let fault = if is_login { None } else { certificate_fault(connection) };
            let reason = fault.unwrap_or_else(|| describe_refusal(connection, code, &reason));
            return Some(BrokerError::Refused { address, reason });
        }
    }
    None
}

/// Returns the fault of the broker's certificate, if the settings name a file with the authorities.
fn certificate_fault(connection: &Connection) -> Option<String> {
    let authorities = connection.property("ssl.ca.location")?;
    let fault =
        connection.address().split(',').find_map(|one| certificate::fault(one.trim(), Path::new(authorities)))?;
    Some(format!("its certificate {fault}"))
}

/// The library's reason as a sentence that says what to do, without its names for threads and source files.
fn describe_refusal(connection: &Connection, code: RDKafkaErrorCode, reason: &str) -> String {
    // An example: `ssl://127.0.0.1:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate
    // verify failed: ...`.
    let detail = reason.split_once(": ").map_or(reason, |(_, detail)| detail);
    let detail = detail.split(" (after ").next().unwrap_or(detail).trim().trim_end_matches(['.', ':']);
    if code == RDKafkaErrorCode::Authentication {
        let settings = if connection.has_tokens() {
            "sasl.oauthbearer.* in [kafka], and WINDROW_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET"
        } else {
            "sasl.mechanism and sasl.username in [kafka], and WINDROW_KAFKA_SASL_PASSWORD"
        };
        return format!("the login is refused ({detail}); check {settings}");
    }
    let lower = detail.to_lowercase();
    if lower.contains("certificate verify failed") || lower.contains("could not be verified") {
        return "its certificate cannot be verified with the authorities that this machine trusts; set ssl.ca.location \
                in [kafka] to the file of its authority"
            .to_owned();
    }
    if lower.contains("wrong version number") || lower.contains("plaintext") {
        return format!(
            "it does not use TLS at this address ({detail}); give a listener that uses TLS, or set security.protocol \
             to PLAINTEXT or SASL_PLAINTEXT in [kafka]"
        );
    }
    if lower.contains("certificate required") || lower.contains("bad certificate") {
        return format!(
            "it requires a client certificate ({detail}); set ssl.certificate.location and ssl.key.location in [kafka]"
        );
    }
    format!("{detail}; check the security settings in [kafka]")
}
