//! The state of a broker that all connections share: topics, groups, budgets of memory, the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::budget::Budget;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::groups::{Coordinator, Topics};

/// The number of the only node.
const NODE: i32 = 1;
/// Bytes of requests that are in memory at a time; the same for answers.
const BUDGET: usize = 32 * 1024 * 1024;

/// A broker without its connections.
#[derive(Debug)]
pub(super) struct Broker {
    /// The address that clients are given.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) cluster_id: String,
    /// The data directory, as messages name it.
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

    /// A number that goes on with each fetch, so that no partition is always the first.
    pub(super) fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// The topics by id, with names and partitions.
    pub(super) fn topics(&self) -> Topics {
        self.catalog.all().iter().map(|topic| (topic.id, (topic.name.clone(), topic.partitions()))).collect()
    }

    /// Has groups look at the topics again.
    pub(super) fn topics_changed(&self) {
        self.groups.topics_changed(&self.topics());
    }

    /// Does what is due in groups, for as long as this is awaited.
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

    /// For deadlines.
    pub(super) fn instant(&self) -> Instant {
        Instant::now()
    }
}
