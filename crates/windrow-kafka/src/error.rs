//! The errors of brokers, as sentences for people.

use std::net::SocketAddr;
use std::time::Duration;

use rdkafka::error::KafkaError;

use windrow_record::{Offset, Partition};

/// An error of a broker, a topic or a connection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BrokerError {
    /// No process answers at the address.
    #[error("no broker answers at {address} (waited {} s); start one there, or give another with --broker", .waited.as_secs())]
    Unreachable {
        /// The address of the broker.
        address: String,
        /// The time that the client waited for an answer.
        waited: Duration,
    },
    /// A process listens at the address, but does not answer a plain Kafka client.
    #[error("{}", not_plain(.address, *.listener, *.waited))]
    NotPlaintext {
        /// The address of the broker.
        address: String,
        /// The kind of process that listens there.
        listener: ListenerKind,
        /// The time that the client waited for an answer.
        waited: Duration,
    },
    /// A secured broker rejects this client, or this client rejects the broker's certificate.
    #[error("the broker at {address} cannot be used: {reason}")]
    Refused {
        /// The address of the broker.
        address: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// The broker stops in the middle of a stretch.
    #[error(
        "the broker at {address} has sent nothing from {} of topic `{topic}` for {} s, although it reported more \
         messages; check the broker, and start again",
        names(.partitions),
        waited.as_secs()
    )]
    NoAnswer {
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The partitions that were not read to their ends.
        partitions: Vec<Partition>,
        /// The time without a message.
        waited: Duration,
    },
    /// The client library rejects the settings.
    #[error("the client library rejects the settings for {address}: {reason}")]
    Settings {
        /// The address of the broker.
        address: String,
        /// The message of the client library, or the cargo feature that the settings need.
        reason: String,
    },
    /// The embedded broker cannot listen on its address.
    #[error("the embedded broker cannot listen on {address}: {reason}; choose a free address with --listen")]
    Listen {
        /// The address on which the broker was to listen.
        address: SocketAddr,
        /// The message of the operating system.
        reason: String,
    },
    /// The address that the embedded broker would give to its clients is not valid.
    #[error("`{given}` cannot be advertised: {reason}")]
    Advertise {
        /// The address that was given.
        given: String,
        /// The reason why the address is not valid.
        reason: String,
    },
    /// The embedded broker cannot start.
    #[error("the embedded broker cannot start: {reason}")]
    Embedded {
        /// The reason why the broker cannot start.
        reason: String,
    },
    /// The embedded broker cannot write the messages that it receives.
    #[error(
        "the embedded broker cannot write {reason}; free some space, then start again: it continues where it stopped"
    )]
    Full {
        /// The file, and the message of the operating system.
        reason: String,
    },
    /// This binary was built without that kind of broker.
    #[error(
        "this windrow was built without the cargo feature `{feature}`; build it with `--features {feature}`, or give \
         another --broker"
    )]
    NotBuilt {
        /// The missing cargo feature.
        feature: &'static str,
    },
    /// No Docker engine answers.
    #[error("no Docker engine answers ({reason}); start Docker or use --broker embedded")]
    NoDocker {
        /// The reason of the failed attempt.
        reason: String,
    },
    /// The Docker engine rejects this user.
    #[error(
        "this user may not use the Docker engine ({reason}); add the user to the group `docker`, or use --broker embedded"
    )]
    DockerDenied {
        /// The message of the operating system.
        reason: String,
    },
    /// The image is not on this machine and cannot be pulled.
    #[error(
        "image {image} is not on this machine and cannot be pulled ({reason}); pull it manually, set another image in \
         WINDROW_REDPANDA_IMAGE, or use --broker embedded"
    )]
    NoImage {
        /// The name of the image.
        image: String,
        /// The message of the Docker engine.
        reason: String,
    },
    /// The container did not start or could not be removed.
    #[error("the container of image {image} {fault}{}", last_lines(.log))]
    Container {
        /// The name of the image.
        image: String,
        /// The fault, as the end of a sentence that starts with 'the container'.
        fault: String,
        /// The last lines of the container's log.
        log: Vec<String>,
    },
    /// The topic does not exist.
    #[error("there is no topic `{topic}` at {address}; create it with `windrow topic create`")]
    NoSuchTopic {
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
    },
    /// A partition that currently has no leader that answers.
    #[error(
        "no leader of partition {partition} of topic `{topic}` answers at {address} ({reason}, waited {} s); check the \
         brokers, and start again",
        waited.as_secs()
    )]
    NoLeader {
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The number of the partition.
        partition: Partition,
        /// The message of the client library.
        reason: String,
        /// The time that the client waited for an answer.
        waited: Duration,
    },
    /// The broker rejects an action on a topic.
    #[error("{address} cannot {action} topic `{topic}`: {reason}")]
    Topic {
        /// The action: create, delete, describe, read or commit positions of.
        action: &'static str,
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The reason that the broker gives.
        reason: String,
    },
    /// An offset to be read no longer exists, or does not exist yet.
    #[error(
        "partition {partition} of topic `{topic}` at {address} has no offset {wanted}{}; the topic is not the one that \
         was read before: start with --fresh, or give the broker that has the earlier topic",
        .end.map(|end| format!(" (it ends before {end})")).unwrap_or_default()
    )]
    OutOfRange {
        /// The name of the topic.
        topic: String,
        /// The address of the broker.
        address: String,
        /// The number of the partition.
        partition: Partition,
        /// The offset at which reading was to continue.
        wanted: Offset,
        /// The end of the partition: the offset after its last message, if it is known.
        end: Option<Offset>,
    },
}

/// The kind of process that listens at the address of a broker that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerKind {
    /// A server that speaks TLS.
    Tls,
    /// A Kafka broker that requires a login.
    Login,
    /// A Kafka broker that answers too slowly, or whose other addresses cannot be reached.
    Broker,
    /// A process that is not a Kafka broker.
    Other,
}

/// Advice for builds without the feature `tls`, which TLS and logins need.
const TLS_ADVICE: &str =
    if cfg!(feature = "tls") { "" } else { " (this windrow was built without TLS: build it with `--features tls`)" };

fn not_plain(address: &str, listener: ListenerKind, waited: Duration) -> String {
    let waited = waited.as_secs();
    match listener {
        ListenerKind::Tls => format!(
            "the server at {address} uses TLS; set security.protocol to SSL or SASL_SSL in [kafka]{TLS_ADVICE}, or give the \
             address of a plain-text listener (PLAINTEXT in the broker's listeners) with --broker"
        ),
        ListenerKind::Login => format!(
            "the broker at {address} requires a login (SASL); set security.protocol = SASL_PLAINTEXT, sasl.mechanism \
             and sasl.username in [kafka]{TLS_ADVICE}, or give the address of a listener without a login (PLAINTEXT in the \
             broker's listeners) with --broker"
        ),
        ListenerKind::Broker => format!(
            "a Kafka broker answers at {address}, but not to this request (waited {waited} s): it may be busy, or may \
             advertise addresses that cannot be reached from here; check its advertised.listeners"
        ),
        ListenerKind::Other => format!(
            "a server answers at {address}, but it is not a Kafka broker (waited {waited} s); give the address of a \
             Kafka broker with --broker"
        ),
    }
}

/// The message of the broker or the library, without the library's names for its own parts.
pub(super) fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::AdminOp(code) => code.to_string(),
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

/// Lists partitions, as in `partitions 0, 2 and 5`.
pub(super) fn names(partitions: &[Partition]) -> String {
    let texts: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [one] => format!("partition {one}"),
        [all @ .., last] => format!("partitions {} and {last}", all.join(", ")),
        [] => "no partition".to_owned(),
    }
}

fn last_lines(log: &[String]) -> String {
    if log.is_empty() {
        return "; it logged nothing".to_owned();
    }
    format!("; its last log lines:\n    {}", log.join("\n    "))
}
