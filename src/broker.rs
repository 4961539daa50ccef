//! The broker: one that this process starts, or one that is there; its topics; and the clients that write and read them.
//!
//! The only user of the Kafka client, of the embedded broker and of the container engine. Knows nothing of windows,
//! files or models.

mod choice;
mod client;
#[cfg(feature = "embedded")]
mod embedded;
mod publisher;
#[cfg(feature = "redpanda")]
mod redpanda;
mod start;
mod subscription;
pub mod topic;

use std::net::SocketAddr;

use rdkafka::error::KafkaError;

pub use choice::{Choice, ChoiceError};
pub use client::Connection;
pub use publisher::{PublishError, Publisher};
pub use start::{Broker, StartOptions};
pub use subscription::{Delivery, Subscription};
pub use topic::Creation;

/// Why a broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Nobody there.
    #[error("no broker answers at {address}: {source}; is it running, and is the address right?")]
    NoAnswer {
        /// The cluster.
        address: String,
        /// What the client library says.
        source: KafkaError,
    },
    /// No such topic.
    #[error("there is no topic `{topic}` at {address}; make it with `windrow topic create`")]
    NoTopic {
        /// Its name.
        topic: String,
        /// The cluster.
        address: String,
    },
    /// The broker says no.
    #[error("the broker at {address} refuses the topic `{topic}`: {reason}")]
    TopicRefused {
        /// Its name.
        topic: String,
        /// The cluster.
        address: String,
        /// What the broker says.
        reason: String,
    },
    /// Rows that were to be read next are no longer there.
    #[error(
        "the topic `{topic}` at {address} no longer holds the offsets to be read next: it was made anew, or dropped \
         records before they were read; begin in an empty work directory, and raise the topic's retention"
    )]
    OffsetsGone {
        /// Its name.
        topic: String,
        /// The cluster.
        address: String,
    },
    /// A property that cannot be.
    #[error("the client property `{key}` cannot be `{value}`: {reason}")]
    Property {
        /// Its name.
        key: String,
        /// The value given.
        value: String,
        /// Why not.
        reason: String,
    },
    /// No client.
    #[error("the Kafka client cannot be made: {reason}")]
    Client {
        /// Why not.
        reason: String,
    },
    /// An address to listen on that cannot be had.
    #[error("the embedded broker cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// An address to advertise that is none.
    #[error("`{address}` is not a HOST:PORT that clients could be told to connect to")]
    Advertise {
        /// What was given.
        address: String,
    },
    /// The embedded broker does not work.
    #[error("the embedded broker failed: {reason}")]
    EmbeddedFailed {
        /// What it says.
        reason: String,
    },
    /// This program was built without it.
    #[error(
        "this windrow was built without the {kind} broker; choose another with --broker, or build with `--features {kind}`"
    )]
    NotBuilt {
        /// Which one.
        kind: &'static str,
    },
    /// The container does not come up.
    #[cfg(feature = "redpanda")]
    #[error(transparent)]
    Redpanda(#[from] redpanda::RedpandaError),
}
