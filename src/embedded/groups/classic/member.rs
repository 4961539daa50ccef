//! A member of a classic group, and what is said between it and the group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

use crate::embedded::wire::Client;

/// Where a group is between two assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embedded) enum Phase {
    Empty,
    /// Waits for all members to join.
    Preparing,
    /// Waits for the leader's assignment.
    Completing,
    Stable,
}

impl Phase {
    pub(in crate::embedded) fn name(self) -> &'static str {
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
pub(in crate::embedded) struct Joined {
    pub(in crate::embedded) generation: i32,
    pub(in crate::embedded) protocol_type: String,
    pub(in crate::embedded) protocol: String,
    pub(in crate::embedded) leader: String,
    pub(in crate::embedded) member: String,
    pub(in crate::embedded) skips_assignment: bool,
    /// For the leader: id, instance and metadata of everybody.
    pub(in crate::embedded) members: Vec<(String, Option<String>, Bytes)>,
}

/// What a member is to consume, as its leader wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedded) struct Synced {
    pub(in crate::embedded) protocol_type: String,
    pub(in crate::embedded) protocol: String,
    pub(in crate::embedded) assignment: Bytes,
}

pub(in crate::embedded) type Outcome<T> = Result<T, (ResponseError, String)>;

/// Someone who wants to join.
#[derive(Debug)]
pub(in crate::embedded) struct Join {
    pub(in crate::embedded) member: String,
    pub(in crate::embedded) instance: Option<String>,
    pub(in crate::embedded) client: Client,
    pub(in crate::embedded) session: Duration,
    pub(in crate::embedded) rebalance: Duration,
    pub(in crate::embedded) protocol_type: String,
    pub(in crate::embedded) protocols: Vec<(String, Bytes)>,
    /// Whether a member without an id gets one and comes again.
    pub(in crate::embedded) needs_id: bool,
    /// Whether a leader that is told to skip the assignment understands.
    pub(in crate::embedded) may_skip: bool,
}

/// A member.
#[derive(Debug)]
pub(in crate::embedded) struct Member {
    pub(in crate::embedded) instance: Option<String>,
    pub(in crate::embedded) client: Client,
    pub(in crate::embedded) session: Duration,
    pub(in crate::embedded) rebalance: Duration,
    pub(in crate::embedded) protocols: Vec<(String, Bytes)>,
    pub(in crate::embedded) assignment: Bytes,
    pub(in crate::embedded) deadline: Instant,
    pub(in crate::embedded) joining: Option<oneshot::Sender<Outcome<Joined>>>,
    pub(in crate::embedded) syncing: Option<oneshot::Sender<Outcome<Synced>>>,
}

impl Member {
    pub(in crate::embedded) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }

    pub(in crate::embedded) fn fail(&mut self, error: ResponseError) {
        // Whoever does not wait any more needs no answer.
        if let Some(joining) = self.joining.take() {
            let _ = joining.send(Err((error, String::new())));
        }
        if let Some(syncing) = self.syncing.take() {
            let _ = syncing.send(Err((error, String::new())));
        }
    }
}
