//! The log of one partition: batches in segments on disk, appended in order, and read as whole batches.
//!
//! Guarantees: each offset belongs to one message only. Acknowledged messages survive a kill. A message is never read
//! if a recovery could remove it. This module knows nothing of topics, connections or clients.
//!
//! From the bottom up: `producers`, `index` and `segment` are the parts of a log. `partition` combines them. `append`,
//! `read`, `upkeep` and `recovery` each add operations.

mod append;
mod index;
mod partition;
mod producers;
mod read;
mod recovery;
pub(crate) mod segment;
#[cfg(test)]
mod tests;
mod upkeep;
mod waiter;

pub(crate) use crate::log::append::AppendedBatch;
pub(crate) use crate::log::partition::{PartitionLog, Retention};
pub(crate) use crate::log::read::Range;
pub(crate) use crate::log::waiter::Waiter;
