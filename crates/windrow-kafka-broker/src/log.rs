//! The log of one partition: batches in segments on disk, appended in order, read by whole batches.
//!
//! Promises that an offset is given to one message only, that acknowledged messages survive a kill, and that no message is read
//! that a recovery could remove. Knows nothing of topics, connections or clients.
//!
//! From the bottom up: `producers`, `index` and `segment` are the parts of a log; `partition` puts them together; `append`,
//! `read`, `upkeep` and `recovery` each add operations to it.

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

pub(crate) use crate::log::append::{AppendError, Appended};
pub(crate) use crate::log::partition::{Log, Retention};
pub(crate) use crate::log::read::{Range, ReadError};
pub use crate::log::recovery::RecoveryError;
pub(crate) use crate::log::waiter::Waiter;
