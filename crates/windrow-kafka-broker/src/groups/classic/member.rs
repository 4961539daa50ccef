//! A member of a classic group, and what is said between it and the group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

use crate::wire::Client;

/// Where a group is between two assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty,
    /// Waits for all members to join.
    Preparing,
    /// Waits for the leader's assignment.
    Completing,
    Stable,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Preparing => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// What a member learns by joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member: String,
    pub(crate) skips_assignment: bool,
    /// For the leader: id, instance and metadata of everybody.
    pub(crate) members: Vec<(String, Option<String>, Bytes)>,
}

/// What a member is to consume, as its leader wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

pub(crate) type Outcome<T> = Result<T, (ResponseError, String)>;

/// Someone who wants to join.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) client: Client,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Whether a member without an id gets one and comes again.
    pub(crate) needs_id: bool,
    /// Whether a leader that is told to skip the assignment understands.
    pub(crate) may_skip: bool,
}

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: Option<String>,
    pub(crate) client: Client,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    pub(crate) protocols: Vec<(String, Bytes)>,
    pub(crate) assignment: Bytes,
    pub(crate) deadline: Instant,
    pub(crate) joining: Option<oneshot::Sender<Outcome<Joined>>>,
    pub(crate) syncing: Option<oneshot::Sender<Outcome<Synced>>>,
}

impl Member {
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }

    pub(crate) fn fail(&mut self, error: ResponseError) {
        // Whoever does not wait any more needs no answer.
        if let Some(joining) = self.joining.take() {
            let _ = joining.send(Err((error, String::new())));
        }
        if let Some(syncing) = self.syncing.take() {
            let _ = syncing.send(Err((error, String::new())));
        }
    }
}
