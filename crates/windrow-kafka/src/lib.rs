//! Kafka brokers and their clients.
//!
//! - `choice` and `start`: [`Choice`] selects a broker; [`Broker`] is a running one: embedded, Redpanda in a container
//!   (`redpanda`), or external.
//! - `connection`: [`Connection`], the address of a broker and the settings of its clients.
//! - [`topics`]: creates, describes and deletes topics.
//! - `publisher`: [`Publisher`] sends rows.
//! - `reader`, with `positions`, `observer` and `error_class`: the code that all readers share. `subscription`:
//!   [`Subscription`] reads from given positions. `membership`: [`Membership`] reads as a member of a group. `scan`:
//!   [`scan()`] reads parts of a topic once.
//! - `commits`: stores positions at the broker for other programs.
//! - `contents`: [`TopicSurvey`] finds the rows of a replay that a topic already holds. `state`: [`TopicState`], the offsets
//!   of a topic.
//! - `error`: [`BrokerError`]. `probe`, `refusal` and `certificate` find out why a broker does not answer.
//!
//! This crate is the only user of librdkafka and Docker. It guarantees:
//!
//! - A row that the publisher reports as delivered is in the topic exactly once, and in order.
//! - A subscription yields messages without gaps.
//! - A container is removed when its [`Broker`] is dropped, and when the process is killed.
//!
//! It does not know about windows, files or models, and it reads neither the environment nor arguments. (testcontainers
//! reads `DOCKER_HOST`, and finds the logins of `docker login`.)

mod certificate;
mod choice;
mod commits;
mod connection;
mod contents;
mod error;
mod error_class;
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

#[cfg(all(test, feature = "embedded"))]
mod tests;

pub use choice::{Choice, ChoiceError};
pub use connection::{Connection, setting_fault};
pub use contents::{ContentsEnd, PartitionContents, SurveyError, TopicSurvey};
pub use error::{BrokerError, ListenerKind};
pub use membership::Membership;
pub use positions::Deleted;
pub use publisher::{PublishError, Publisher};
pub use reader::{Delivery, PollEvent};
pub use scan::{ScanRange, scan};
pub use start::{Broker, LogStorage, REDPANDA_IMAGE, StartOptions, is_log_in_use};
pub use state::{PartitionState, TopicState};
pub use subscription::Subscription;
pub use topics::Creation;
