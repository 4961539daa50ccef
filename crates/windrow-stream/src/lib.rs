//! The stages around the topic.
//!
//! - [`producer`]: replays the dataset into the topic.
//! - [`consumer`]: reads the topic into sealed windows, as the only consumer or as a member of a group.
//! - [`growth`]: compares a newer extract of the dataset with the rows that were replayed.
//! - [`audit`]: recounts the dataset, the topic and the files, to find where every row went.
//!
//! The stages do not import each other. They do not know about models.

pub mod audit;
pub mod consumer;
pub mod growth;
pub mod producer;
