//! The state of a broker that all connections share: topics, groups, memory budgets, the clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::budget::Budget;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::groups::{Coordinator, Topics};

/// The id of the only node.
pub(super) const NODE_ID: BrokerId = BrokerId(1);
/// The maximum total size of requests in memory, in bytes. The same limit applies to answers.
const MEMORY_LIMIT: usize = 32 * 1024 * 1024;

/// A broker without its connections.
#[derive(Debug)]
pub(super) struct Broker {
    /// The host that is advertised to clients.
    pub(super) host: StrBytes,
    pub(super) port: i32,
    pub(super) cluster_id: String,
    /// The path of the data directory, as answers name it.
    pub(super) folder: String,
    pub(super) catalog: Catalog,
    pub(super) groups: Coordinator,
    pub(super) requests: Budget,
    pub(super) answers: Budget,
    pub(super) clock: Clock,
    turns: AtomicUsize,
}

impl Broker {
    pub(super) fn new(
        (host, port): (String, u16),
        directory: &Directory,
        catalog: Catalog,
        groups: Coordinator,
        clock: Clock,
    ) -> Self {
        let (host, port) = (StrBytes::from_string(host), i32::from(port));
        let (cluster_id, folder) = (directory.id().to_string(), directory.path().display().to_string());
        let (requests, answers) = (Budget::new(MEMORY_LIMIT), Budget::new(MEMORY_LIMIT));
        Self { host, port, cluster_id, folder, catalog, groups, requests, answers, clock, turns: AtomicUsize::new(0) }
    }

    /// Returns a number that increases with each fetch, so that no partition is always read first.
    pub(super) fn next_rotation(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the topics by id, with their names and partition counts.
    pub(super) fn topics(&self) -> Topics {
        self.catalog.all().iter().map(|topic| (topic.id, (topic.name.clone(), topic.partitions()))).collect()
    }

    /// Notifies the groups that topics have changed.
    pub(super) fn topics_changed(&self) {
        self.groups.topics_changed(&self.topics());
    }

    /// Expires members and sessions of groups when they are due. Never returns.
    pub(super) async fn expire_sessions(&self) {
        loop {
            let next = self.groups.expire(&self.topics(), Instant::now());
            let due = next.unwrap_or_else(Instant::now);
            tokio::select! {
                () = tokio::time::sleep_until(due.into()), if next.is_some() => {}
                () = self.groups.changed() => {}
            }
        }
    }
}
