//! The stages around the topic.
//!
//! - [`producer`]: replays the dataset into the topic.
//! - [`consumer`]: reads the topic into sealed windows, alone or as a member of a group.
//! - [`audit`]: recounts from the dataset, the topic and the files where every row went.
//!
//! The stages do not import each other. They know nothing of models.

pub mod audit;
pub mod consumer;
pub mod producer;
