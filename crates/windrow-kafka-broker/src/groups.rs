//! The group coordinator: all groups, their members and their committed offsets.
//!
//! Guarantees: a commit is in the journal before it is visible or acknowledged. Committed offsets survive a restart.
//! Members do not: they join again. The memory that clients can use here is bounded.

mod assign;
mod classic;
mod consumer;
mod coordinator;
mod group;
mod offsets;
#[cfg(test)]
mod tests;

pub(crate) use crate::groups::assign::{Assignor, Partitions};
pub(crate) use crate::groups::classic::{GroupPhase, Join, Registration};
pub(crate) use crate::groups::consumer::{HEARTBEAT_MS, Heartbeat, JOIN_EPOCH, STATIC_LEAVE_EPOCH, Topics};
pub(crate) use crate::groups::coordinator::Coordinator;
pub(crate) use crate::groups::group::{Commits, Members};
