//! Brokers and their clients: one that this process starts (embedded, or Redpanda in a container) or one outside;
//! topics, publishing rows, reading messages.
//!
//! The only user of librdkafka and Docker. Promises that what a publisher says is delivered is in the topic once
//! and in order, that what a subscription yields has no gaps, and that a container is removed with its [`Broker`]. Knows
//! nothing of windows, files or models, and reads neither environment nor arguments.

mod certificate;
mod choice;
mod connection;
mod contents;
mod error;
mod membership;
mod observer;
mod positions;
mod probe;
mod publisher;
mod reader;
#[cfg(feature = "redpanda")]
mod redpanda;
mod refusal;
mod scan;
mod start;
mod state;
mod subscription;
pub mod topics;
mod verdict;

#[cfg(all(test, feature = "embedded"))]
mod tests;

pub use choice::{Choice, ChoiceError};
pub use connection::{Connection, setting_fault};
pub use contents::{ContentsEnd, PartitionContents, Survey, SurveyError};
pub use error::{BrokerError, Listener};
pub use membership::Membership;
pub use positions::Deleted;
pub use publisher::{PublishError, Publisher};
pub use reader::{Delivery, Turn};
pub use scan::{Stretch, scan};
pub use start::{Broker, LogStorage, REDPANDA_IMAGE, StartOptions};
pub use state::{PartitionState, TopicState};
pub use subscription::Subscription;
pub use topics::Creation;
