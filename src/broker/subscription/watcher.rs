//! What is known of the partitions that are read, by the client library's own statistics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use serde::Deserialize;

use crate::broker::connection;
use crate::record::{Offset, Partition};

/// What is known of the partitions; the client library's statistics keep it fresh.
pub(super) struct Watcher {
    topic: String,
    pub(super) address: String,
    /// By partition.
    pub(super) partitions: Vec<Watched>,
    pub(super) is_away: AtomicBool,
}

pub(super) struct Watched {
    pub(super) partition: Partition,
    /// The next offset to hand out.
    pub(super) position: AtomicI64,
    /// The offset that the partition's next message will have; negative while that is not known.
    pub(super) high: AtomicI64,
}

impl Watched {
    pub(super) fn position(&self) -> Offset {
        Offset(self.position.load(Relaxed))
    }
}

impl Watcher {
    pub(super) fn new(topic: &str, address: &str, positions: &[(Partition, Offset)]) -> Self {
        let mut partitions: Vec<Watched> = positions
            .iter()
            .map(|(partition, offset)| Watched {
                partition: *partition,
                position: AtomicI64::new(offset.0),
                high: AtomicI64::new(-1),
            })
            .collect();
        partitions.sort_by_key(|watched| watched.partition);
        let (topic, address) = (topic.to_owned(), address.to_owned());
        Self { topic, address, partitions, is_away: AtomicBool::new(false) }
    }

    pub(super) fn find(&self, partition: Partition) -> Option<&Watched> {
        self.partitions
            .binary_search_by_key(&partition, |watched| watched.partition)
            .ok()
            .map(|at| &self.partitions[at])
    }

    fn learn(&self, statistics: &Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        for seen in topic.partitions.values() {
            let Some(watched) = self.find(Partition(seen.partition)) else { continue };
            // Negative numbers are the library's signs for 'not known'.
            if seen.hi_offset < 0 {
                continue;
            }
            watched.high.store(seen.hi_offset, Relaxed);
        }
    }
}

/// The part of librdkafka's statistics that is of use here.
#[derive(Deserialize)]
struct Statistics {
    #[serde(default)]
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct TopicStatistics {
    #[serde(default)]
    partitions: BTreeMap<String, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    partition: i32,
    hi_offset: i64,
}

impl ClientContext for Watcher {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        connection::log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice(statistics) {
            Ok(statistics) => self.learn(&statistics),
            Err(error) => tracing::debug!(%error, "statistics of the client library"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // poll returns it as well.
        tracing::debug!(%error, reason, "client library");
    }
}

impl ConsumerContext for Watcher {}
