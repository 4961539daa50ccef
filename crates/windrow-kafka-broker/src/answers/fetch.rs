//! Answers to fetch requests, and the wait for new messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::answers::offsets::log_of;
use crate::blocking::blocking;
use crate::broker::Broker;
use crate::log::{PartitionLog, Waiter};
use crate::wire::fetch as answer;

/// The maximum size of an answer in bytes. By default, clients ask for half as much.
const MAX_ANSWER: usize = 100 * 1024 * 1024;

/// A fetch request and the logs that it reads.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// The name, the id and the number of partitions of each topic. The answer itself would be larger, so a fetch that
    /// waits does not hold it.
    topics: Vec<(StrBytes, Uuid, usize)>,
    /// The partitions of all topics, in the order of the answer.
    wanted: Vec<Wanted>,
    error: Option<ResponseError>,
    reads_committed: bool,
    min_bytes: usize,
    max_bytes: usize,
    deadline: Instant,
    /// The number that chooses the partition that is read first.
    rotation: usize,
}

#[derive(Debug)]
struct Wanted {
    partition: i32,
    log: Result<Arc<PartitionLog>, ResponseError>,
    offset: i64,
    max_bytes: usize,
}

impl Fetch {
    pub(crate) fn new(broker: &Broker, request: &FetchRequest, version: i16) -> Self {
        let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let (mut topics, mut wanted) = (Vec::new(), Vec::new());
        for asked in &request.topics {
            let topic =
                if version >= 13 { broker.catalog.by_id(asked.topic_id) } else { broker.catalog.by_name(&asked.topic) };
            wanted.extend(asked.partitions.iter().map(|asked| Wanted {
                partition: asked.partition,
                log: log_of(&topic, asked.partition, asked.current_leader_epoch).cloned(),
                offset: asked.fetch_offset,
                max_bytes: size(asked.partition_max_bytes),
            }));
            // The name is copied, because the fetch may wait longer than the memory of the request is reserved.
            let name = StrBytes::from_string(asked.topic.to_string());
            topics.push((name, asked.topic_id, asked.partitions.len()));
        }
        wanted.shrink_to_fit();
        // This broker never creates a fetch session, so every session id is unknown.
        let has_session = request.session_id != 0 && request.session_epoch > 0;
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        Self {
            topics,
            wanted,
            error: has_session.then_some(ResponseError::FetchSessionIdNotFound),
            reads_committed: request.isolation_level == 1,
            min_bytes: size(request.min_bytes).min(size(request.max_bytes)),
            max_bytes: size(request.max_bytes).min(MAX_ANSWER),
            deadline: Instant::now() + wait,
            rotation: broker.next_rotation(),
        }
    }

    /// Waits until enough bytes are available, an error occurs, or the deadline passes. Returns the error code of the
    /// request, its isolation level (true: read committed), and its topics.
    pub(crate) async fn answer(self) -> (i16, bool, Vec<answer::Topic>) {
        if let Some(error) = self.error {
            return (error.code(), self.reads_committed, Vec::new());
        }
        loop {
            // The waiter is registered before the logs are read. Otherwise messages that arrive in between would be
            // missed.
            let waiter = Waiter::new(self.min_bytes);
            for log in self.wanted.iter().flat_map(|wanted| &wanted.log) {
                log.register(&waiter);
            }
            let (topics, bytes, has_errors) = blocking(|| self.collect());
            let is_enough = bytes >= self.min_bytes || has_errors || self.wanted.is_empty();
            if is_enough || Instant::now() >= self.deadline {
                return (0, self.reads_committed, topics);
            }
            drop(topics);
            // Available bytes count towards the wanted bytes.
            waiter.count(bytes);
            // After the deadline, the available messages are the answer.
            let _ = tokio::time::timeout_at(self.deadline.into(), waiter.woken()).await;
        }
    }

    /// Reads the available messages. Returns the topics, the number of bytes, and whether a partition has an error.
    fn collect(&self) -> (Vec<answer::Topic>, usize, bool) {
        let mut wanted = self.wanted.iter();
        let nothing = |wanted: &Wanted| answer::Partition {
            index: wanted.partition,
            error: 0,
            end: -1,
            start: -1,
            records: None,
        };
        let topics = self.topics.iter().map(|(name, id, count)| {
            let partitions = wanted.by_ref().take(*count).map(nothing).collect();
            answer::Topic { name: name.clone(), id: *id, partitions }
        });
        let mut topics: Vec<answer::Topic> = topics.collect();
        let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        let mut pairs: Vec<(&Wanted, &mut answer::Partition)> = self.wanted.iter().zip(partitions).collect();
        let first = self.rotation.checked_rem(pairs.len()).unwrap_or(0);
        pairs.rotate_left(first);
        let (mut left, mut taken, mut has_errors) = (self.max_bytes, 0, false);
        for (wanted, into) in pairs {
            let read = wanted.log.as_ref().map_err(|error| *error).and_then(|log| {
                let bounds = log.bounds();
                (into.start, into.end) = (bounds.start, bounds.end);
                let most = wanted.max_bytes.min(left);
                let range = log.read(wanted.offset, most)?;
                // The first batch is returned even if it is larger than requested. All others must fit.
                Ok(range.filter(|range| range.length <= most || taken == 0))
            });
            match read {
                Ok(range) => {
                    let length = range.as_ref().map_or(0, |range| range.length);
                    (left, taken) = (left.saturating_sub(length), taken + length);
                    into.records = range;
                }
                Err(error) => {
                    has_errors = true;
                    (into.error, into.start, into.end) = (error.code(), -1, -1);
                }
            }
        }
        (topics, taken, has_errors)
    }
}
