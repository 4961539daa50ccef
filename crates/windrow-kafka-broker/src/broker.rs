//! The state of a broker that all connections share: topics, groups, memory budgets, the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::budget::Budget;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::groups::{Coordinator, Topics};

/// The id of the only node.
const NODE: i32 = 1;
/// The maximum total size of requests in memory, in bytes. The same limit applies to answers.
const BUDGET: usize = 32 * 1024 * 1024;

/// A broker without its connections.
#[derive(Debug)]
pub(super) struct Broker {
    /// The host that is advertised to clients.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) cluster_id: String,
    /// The path of the data directory, as answers name it.
    pub(super) folder: String,
    pub(super) catalog: Arc<Catalog>,
    pub(super) groups: Coordinator,
    pub(super) requests: Budget,
    pub(super) answers: Budget,
    pub(super) clock: Clock,
    turns: AtomicUsize,
}

impl Broker {
    pub(super) fn new(
        (host, port): (String, u16),
        cluster_id: String,
        folder: String,
        catalog: Arc<Catalog>,
        groups: Coordinator,
        clock: Clock,
    ) -> Self {
        let (requests, answers) = (Budget::new(BUDGET), Budget::new(BUDGET));
        Self { host, port, cluster_id, folder, catalog, groups, requests, answers, clock, turns: AtomicUsize::new(0) }
    }

    pub(super) fn node(&self) -> BrokerId {
        BrokerId(NODE)
    }

    pub(super) fn host(&self) -> StrBytes {
        StrBytes::from_string(self.host.clone())
    }

    pub(super) fn port(&self) -> i32 {
        i32::from(self.port)
    }

    /// Returns a number that increases with each fetch, so that no partition is always read first.
    pub(super) fn turn(&self) -> usize {
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
    pub(super) async fn keep_time(&self) {
        loop {
            let next = self.groups.expire(&self.topics(), self.instant());
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = due => {} () = self.groups.changed() => {} }
        }
    }

    /// Returns the time for deadlines.
    pub(super) fn instant(&self) -> Instant {
        Instant::now()
    }
}
