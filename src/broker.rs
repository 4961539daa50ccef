//! Brokers and their clients: one that this process starts (embedded, or Redpanda in a container) or one outside;
//! topics, publishing rows, reading messages.
//!
//! The only user of librdkafka and Docker. Promises that what a publisher says is delivered is in the topic once
//! and in order, that what a subscription hands out has no gaps, and that no container outlives its [`Broker`]. Knows
//! nothing of windows, files or models, and reads neither environment nor arguments.

mod choice;
mod connection;
mod error;
mod held;
mod membership;
mod observer;
mod probe;
mod publisher;
mod reader;
#[cfg(feature = "redpanda")]
mod redpanda;
mod scan;
mod start;
mod subscription;
pub mod topics;

#[cfg(all(test, feature = "embedded"))]
mod tests;

pub use choice::{Choice, ChoiceError};
pub use connection::Connection;
pub use error::BrokerError;
pub use held::{Held, HeldEnd, Survey, SurveyError};
pub use membership::Membership;
pub use probe::Listener;
pub use publisher::{PublishError, Publisher};
pub use reader::{Deleted, Delivery, Turn};
pub use scan::{Stretch, scan};
pub use start::{Broker, LogStorage, REDPANDA_IMAGE, StartOptions};
pub use subscription::Subscription;
pub use topics::{Creation, PartitionState, TopicState};
