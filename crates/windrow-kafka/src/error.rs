//! What can go wrong with a broker, in sentences for people.

use std::net::SocketAddr;
use std::time::Duration;

use rdkafka::error::KafkaError;

use windrow_record::{Offset, Partition};

/// A broker, a topic or a connection that failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BrokerError {
    /// Nothing answers there.
    #[error("no broker answers at {address} (waited {} s); start one there, or give another with --broker", .waited.as_secs())]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// For how long.
        waited: Duration,
    },
    /// What answers there does not speak to a plain Kafka client.
    #[error("{}", not_plain(.address, *.listener, *.waited))]
    NotPlain {
        /// Where it was looked for.
        address: String,
        /// What is there.
        listener: Listener,
        /// For how long.
        waited: Duration,
    },
    /// It is secured, and does not let this client in, or is not believed by it.
    #[error("the broker at {address} cannot be used: {reason}")]
    Refused {
        /// The broker.
        address: String,
        /// Why, and what to do.
        reason: String,
    },
    /// This binary speaks no TLS and knows no logins.
    #[error(
        "the client of {address} refuses its settings: this windrow was built without the cargo feature `tls` ({reason}); build \
         it with `--features tls`"
    )]
    NoTls {
        /// The broker that was to be reached.
        address: String,
        /// What the library says.
        reason: String,
    },
    /// It stops in the middle.
    #[error(
        "the broker at {address} has handed out nothing of {} of topic `{topic}` for {} s, though it said that there is \
         more; see whether it is well, and start again",
        names(.partitions),
        waited.as_secs()
    )]
    Silent {
        /// The topic.
        topic: String,
        /// The broker.
        address: String,
        /// The partitions that were not read to their ends.
        partitions: Vec<Partition>,
        /// For how long.
        waited: Duration,
    },
    /// The client library refuses its settings.
    #[error("the client of {address} refuses its settings: {reason}")]
    Settings {
        /// The broker that was to be reached.
        address: String,
        /// What the library says.
        reason: String,
    },
    /// The embedded broker cannot have its address.
    #[error("the embedded broker cannot listen on {address}: {reason}; choose a free one with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The address for other processes is not valid.
    #[error("`{given}` cannot be advertised: {reason}")]
    Advertise {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The embedded broker cannot start.
    #[error("the embedded broker cannot start: {reason}")]
    Embedded {
        /// How.
        reason: String,
    },
    /// The embedded broker cannot keep what it is sent.
    #[error("the embedded broker cannot write {reason}; make room, then start again: it goes on where it is")]
    Full {
        /// The file, and what the system says.
        reason: String,
    },
    /// A kind of broker that this binary was built without.
    #[error(
        "this windrow was built without the cargo feature `{feature}`; build it with that, or give another --broker"
    )]
    NotBuilt {
        /// The feature that is missing.
        feature: &'static str,
    },
    /// No Docker engine.
    #[error("no Docker engine answers ({reason}); start Docker or use --broker embedded")]
    NoDocker {
        /// What the attempt gave.
        reason: String,
    },
    /// The engine does not let this user in.
    #[error(
        "this user may not use the Docker engine ({reason}); add the user to the group `docker`, or use --broker embedded"
    )]
    DockerDenied {
        /// What the system says.
        reason: String,
    },
    /// No image.
    #[error(
        "image {image} is not on this machine and cannot be pulled ({reason}); pull it by hand, name another in \
         WINDROW_REDPANDA_IMAGE, or use --broker embedded"
    )]
    NoImage {
        /// The image.
        image: String,
        /// What the engine says.
        reason: String,
    },
    /// The container did not come up or could not be removed.
    #[error("the container of image {image} {fault}{}", last_lines(.log))]
    Container {
        /// Its image.
        image: String,
        /// What happened, completing 'the container'.
        fault: String,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// There is no such topic.
    #[error("there is no topic `{topic}` at {address}; create it with `windrow topic create`")]
    NoSuchTopic {
        /// The topic.
        topic: String,
        /// The broker.
        address: String,
    },
    /// A partition that nobody can read or write just now.
    #[error(
        "no broker at {address} that leads partition {partition} of topic `{topic}` answers ({reason}, waited {} s); see \
         whether its brokers are well, and start again",
        waited.as_secs()
    )]
    NoLeader {
        /// The topic.
        topic: String,
        /// The broker.
        address: String,
        /// The partition.
        partition: Partition,
        /// What the library says.
        reason: String,
        /// For how long.
        waited: Duration,
    },
    /// The broker refuses what was asked of a topic.
    #[error("{address} cannot {action} topic `{topic}`: {reason}")]
    Topic {
        /// What was asked: create, delete, describe, read.
        action: &'static str,
        /// The topic.
        topic: String,
        /// The broker.
        address: String,
        /// What it says.
        reason: String,
    },
    /// What was to be read is no longer there, or not there yet.
    #[error(
        "partition {partition} of topic `{topic}` at {address} has no offset {wanted}{}; \
         the topic is not the one that was read before: start with --fresh, or give the broker that has it",
        .end.map(|end| format!(" (it ends before {end})")).unwrap_or_default()
    )]
    OutOfRange {
        /// The topic.
        topic: String,
        /// The broker.
        address: String,
        /// The partition.
        partition: Partition,
        /// Where reading was to go on.
        wanted: Offset,
        /// The first offset that is not there, when that is known.
        end: Option<Offset>,
    },
}

/// What listens at the address of a broker that gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// It speaks TLS.
    Tls,
    /// A Kafka broker that asks for a login.
    Login,
    /// A Kafka broker that answers too slowly, or whose other addresses cannot be reached.
    Broker,
    /// Something that is no Kafka broker.
    Other,
}

/// What that needs of this binary.
const NEEDS: &str =
    if cfg!(feature = "tls") { "" } else { " (this windrow was built without it: build it with `--features tls`)" };

fn not_plain(address: &str, listener: Listener, waited: Duration) -> String {
    let waited = waited.as_secs();
    match listener {
        Listener::Tls => format!(
            "what listens at {address} speaks TLS; set security.protocol to SSL or SASL_SSL in [kafka]{NEEDS}, or give a \
             listener for plain text (PLAINTEXT among the broker's listeners) with --broker"
        ),
        Listener::Login => format!(
            "the broker at {address} asks for a login (SASL); set security.protocol to SASL_PLAINTEXT, sasl.mechanism and \
             sasl.username in [kafka]{NEEDS}, or give a listener that asks for none (PLAINTEXT among the broker's listeners) \
             with --broker"
        ),
        Listener::Broker => format!(
            "a Kafka broker answers at {address}, and not what was asked of it (waited {waited} s): it may be busy, or may \
             advertise addresses that cannot be reached from here; see its advertised.listeners"
        ),
        Listener::Other => format!(
            "something answers at {address}, and it is no Kafka broker (waited {waited} s); give the address of one with \
             --broker"
        ),
    }
}

/// What the broker or the library says, without the library's names for its own parts.
pub(super) fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::AdminOp(code) => code.to_string(),
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

/// As in `partitions 0, 2 and 5`.
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
    let mut text = "; its last log lines:".to_owned();
    for line in log {
        text.push_str("\n    ");
        text.push_str(line);
    }
    text
}
