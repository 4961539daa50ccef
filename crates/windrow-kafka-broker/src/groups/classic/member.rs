//! A member of a classic group, its requests, and the answers to them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

use crate::wire::Client;

/// The phase of a group between two assignments.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupPhase {
    #[default]
    Empty,
    /// The group waits for all members to join.
    Preparing,
    /// The group waits for the leader's assignment.
    Completing,
    Stable,
}

impl GroupPhase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Preparing => "PreparingRebalance",
            Self::Completing => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// The answer to a member that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinAnswer {
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member: String,
    pub(crate) skips_assignment: bool,
    /// The id, the instance id and the metadata of each member. Only the leader gets them.
    pub(crate) members: Vec<(String, Option<String>, Bytes)>,
}

/// The assignment of a member, as the leader wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncAnswer {
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

/// The member that sends a request: its id, its instance id, and its generation or epoch.
pub(crate) type Who<'a> = (&'a str, Option<&'a str>, i32);

pub(crate) type Outcome<T> = Result<T, (ResponseError, String)>;

#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) member: String,
    pub(crate) registration: Registration,
    pub(crate) protocol_type: String,
    /// True if a member without an id must join again with an id from the broker.
    pub(crate) needs_id: bool,
    /// True if the client knows the answer that lets a leader skip the assignment.
    pub(crate) may_skip: bool,
}

/// The data that a member sent when it last joined.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) instance: Option<String>,
    pub(crate) client: Client,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    /// The protocols that the member supports, the preferred one first, with the member's metadata for each.
    pub(crate) protocols: Vec<(String, Bytes)>,
}

impl Registration {
    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.protocols.iter().map(|(name, bytes)| name.len() + bytes.len()).sum()
    }
}

/// The channels for the answers that a member waits for.
#[derive(Debug, Default)]
pub(crate) struct PendingAnswers {
    pub(super) join: Option<oneshot::Sender<Outcome<JoinAnswer>>>,
    pub(super) sync: Option<oneshot::Sender<Outcome<SyncAnswer>>>,
}

impl PendingAnswers {
    pub(super) fn fail(&mut self, error: ResponseError) {
        // Sending fails only if the client does not wait any more.
        if let Some(join) = self.join.take() {
            let _ = join.send(Err((error, String::new())));
        }
        self.fail_sync(error);
    }

    pub(super) fn fail_sync(&mut self, error: ResponseError) {
        if let Some(sync) = self.sync.take() {
            let _ = sync.send(Err((error, String::new())));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) registration: Registration,
    pub(crate) assignment: Bytes,
    pub(super) waiting: PendingAnswers,
    session_end: Instant,
}

impl Member {
    pub(super) fn new(registration: Registration, now: Instant) -> Self {
        let session_end = now + registration.session;
        Self { registration, assignment: Bytes::new(), waiting: PendingAnswers::default(), session_end }
    }

    pub(super) fn renew_session(&mut self, now: Instant) {
        self.session_end = now + self.registration.session;
    }

    /// Replaces the registration of a member. Returns true if its protocols are the same.
    pub(super) fn renew(&mut self, registration: Registration, now: Instant) -> bool {
        let is_same = self.registration.protocols == registration.protocols;
        let instance = self.registration.instance.take();
        self.registration = Registration { instance, ..registration };
        self.renew_session(now);
        is_same
    }

    /// Returns the end of the session; `None` while the member waits for an answer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.waiting.join.is_none() && self.waiting.sync.is_none()).then_some(self.session_end)
    }
}
