//! The topics: their names, ids, settings and logs.
//!
//! Guarantees: an id is never used twice. A change is in the journal before it is acknowledged. A topic that is created
//! again under an old name shows nothing of the old topic.

pub(crate) mod settings;
#[cfg(test)]
mod tests;
mod topic;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::catalog::settings::Settings;
pub(crate) use crate::catalog::topic::{Topic, check_name};
use crate::disk::{Disk, RecoveryError};
use crate::journal::{Entry, Journal, JournalContents};
use crate::log::PartitionLog;
use crate::refusal::Refusal;

/// The maximum number of partitions in all topics. Each costs a little memory, and files once it has messages.
const MAX_PARTITIONS: usize = 20_000;
/// The number of producer ids that one journal entry reserves.
const PRODUCER_ID_BLOCK: i64 = 1_000;

/// A topic, or the error for one that does not exist.
pub(super) type FoundTopic = Result<Arc<Topic>, ResponseError>;

#[derive(Debug)]
pub(super) struct Catalog {
    folder: PathBuf,
    disk: Arc<Disk>,
    journal: Arc<Journal>,
    topics: RwLock<Topics>,
    /// Locked while topics change, so that the journal has the changes in their order.
    changing: Mutex<()>,
    producer_ids: Mutex<ProducerIds>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

/// The producer ids from `next` up to `reserved`, which are reserved in the journal but not in use.
#[derive(Debug)]
struct ProducerIds {
    next: i64,
    reserved: i64,
}

impl Catalog {
    /// Opens the topics that the journal names, with their logs from `folder`. Also returns whether a log lost its
    /// tail. `now` is in milliseconds since 1970.
    pub(super) fn open(
        folder: &Path,
        disk: Arc<Disk>,
        journal: Arc<Journal>,
        found: JournalContents,
        now: i64,
    ) -> Result<(Self, bool), RecoveryError> {
        let folder = folder.join("topics");
        let (mut topics, mut starts, mut first_id) = (Vec::new(), HashMap::new(), 0);
        for entry in found.entries {
            match entry {
                Entry::Topic { id, name, partitions, settings } => topics.push((id, name, partitions, settings)),
                Entry::Start { id, partition, offset } => {
                    starts.insert((id, partition), offset);
                }
                Entry::ProducerIds { next } => first_id = next,
                Entry::Deleted { .. } | Entry::Commit { .. } => {}
            }
        }
        let failed = |path: PathBuf| move |source| RecoveryError::Read { path, source };
        for name in disk.names(&folder).map_err(failed(folder.clone()))? {
            let path = folder.join(&name);
            if Uuid::parse_str(&name).is_ok_and(|id| found.deleted.contains(&id)) {
                // The process ended before it removed the files of a deleted topic.
                disk.remove(&path).map_err(failed(path.clone()))?;
            } else if !topics.iter().any(|(id, ..)| id.to_string() == name) {
                tracing::warn!(folder = %path.display(), "the journal does not list these files; they are not changed");
            }
        }
        let (mut known, mut lost_messages) = (Topics::default(), false);
        for (id, name, partitions, given) in topics {
            let settings = Settings::restored(given);
            let mut logs = Vec::new();
            for partition in 0..partitions {
                let start = starts.get(&(id, partition)).copied().unwrap_or(0);
                let folder = folder.join(id.to_string()).join(partition.to_string());
                let (log, has_lost) = PartitionLog::open(folder, Arc::clone(&disk), settings.retention(), start, now)?;
                lost_messages |= has_lost;
                logs.push(Arc::new(log));
            }
            known.put(Topic { id, name, settings, logs });
        }
        let producer_ids = Mutex::new(ProducerIds { next: first_id, reserved: first_id });
        let topics = RwLock::new(known);
        Ok((Self { folder, disk, journal, topics, changing: Mutex::default(), producer_ids }, lost_messages))
    }

    pub(super) fn by_name(&self, name: &str) -> FoundTopic {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.by_name.get(name).cloned().ok_or(ResponseError::UnknownTopicOrPartition)
    }

    pub(super) fn by_id(&self, id: Uuid) -> FoundTopic {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.by_id.get(&id).cloned().ok_or(ResponseError::UnknownTopicId)
    }

    /// Returns all topics, in the order of their names.
    pub(super) fn all(&self) -> Vec<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect()
    }

    /// Returns the number of partitions in all topics.
    pub(super) fn partitions(&self) -> usize {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.by_name.values().map(|topic| topic.logs.len()).sum()
    }

    /// Creates a topic. With `only_check`, only checks that the topic could be created.
    pub(super) fn create(
        &self,
        name: &str,
        partitions: i32,
        settings: Settings,
        only_check: bool,
    ) -> Result<Arc<Topic>, Refusal> {
        check_name(name)?;
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.by_name(name).is_ok() {
            return Err((ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        if partitions < 1 {
            let reason = "Number of partitions was set to an invalid non-positive value.";
            return Err((ResponseError::InvalidPartitions, reason.to_owned()));
        }
        self.check_room(usize::try_from(partitions).unwrap_or(usize::MAX))?;
        let mut topic = Topic { id: Uuid::new_v4(), name: name.to_owned(), settings, logs: Vec::new() };
        self.grow(&mut topic, partitions);
        let topic = Arc::new(topic);
        if !only_check {
            self.journal_topic(&topic)?;
            self.topics.write().unwrap_or_else(PoisonError::into_inner).put((*topic).clone());
        }
        Ok(topic)
    }

    /// Increases the number of partitions of a topic to `count`.
    pub(super) fn add_partitions(&self, name: &str, count: i32, only_check: bool) -> Result<(), Refusal> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut topic = (*self.by_name(name).map_err(|_| unknown())?).clone();
        let has = topic.partitions();
        if count <= has {
            let text = if count == has {
                format!("Topic already has {has} partition(s).")
            } else {
                format!("The topic {name} currently has {has} partition(s); {count} would not be an increase.")
            };
            return Err((ResponseError::InvalidPartitions, text));
        }
        self.check_room(usize::try_from(count - has).unwrap_or(usize::MAX))?;
        self.grow(&mut topic, count);
        if !only_check {
            self.journal_topic(&topic)?;
            self.topics.write().unwrap_or_else(PoisonError::into_inner).put(topic);
        }
        Ok(())
    }

    /// Replaces a topic's settings with the result of `change`.
    pub(super) fn configure(
        &self,
        name: &str,
        only_check: bool,
        change: impl FnOnce(&Settings) -> Result<Settings, Refusal>,
    ) -> Result<(), Refusal> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut topic = (*self.by_name(name).map_err(|_| unknown())?).clone();
        topic.settings = change(&topic.settings)?;
        if !only_check {
            self.journal_topic(&topic)?;
            for log in &topic.logs {
                log.set_retention(topic.settings.retention());
            }
            self.topics.write().unwrap_or_else(PoisonError::into_inner).put(topic);
        }
        Ok(())
    }

    /// Deletes a topic with its messages. Clients that wait for its messages get an error.
    pub(super) fn delete(&self, id: Uuid) -> Result<(), Refusal> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.by_id(id).map_err(|_| unknown())?;
        self.journal.append(&[Entry::Deleted { id }], true).map_err(|error| storage(&error))?;
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.by_name.remove(&topic.name);
        topics.by_id.remove(&id);
        drop(topics);
        for log in &topic.logs {
            log.delete();
        }
        let folder = self.folder.join(id.to_string());
        if let Err(error) = self.disk.remove(&folder) {
            tracing::warn!(%error, folder = %folder.display(), "files were not removed; the next start removes them");
        }
        Ok(())
    }

    pub(super) fn delete_before(&self, topic: &Topic, partition: i32, start: i64) -> Result<(), Refusal> {
        let Some(log) = topic.log(partition) else { return Err(unknown()) };
        if start > log.bounds().start {
            let entry = Entry::Start { id: topic.id, partition, offset: start };
            self.journal.append(&[entry], false).map_err(|error| storage(&error))?;
            log.delete_before(start);
        }
        Ok(())
    }

    /// Returns an id that no producer had before.
    pub(super) fn producer_id(&self) -> Result<i64, Refusal> {
        let mut ids = self.producer_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.next == ids.reserved {
            let next = ids.reserved + PRODUCER_ID_BLOCK;
            self.journal.append(&[Entry::ProducerIds { next }], true).map_err(|error| storage(&error))?;
            ids.reserved = next;
        }
        ids.next += 1;
        Ok(ids.next - 1)
    }

    /// Deletes messages beyond the limits of age and size, and seals full segments. `now` is in milliseconds since
    /// 1970.
    pub(super) fn clean_up(&self, now: i64) {
        for topic in self.all() {
            for (partition, log) in (0..).zip(&topic.logs) {
                if log.is_deleted() {
                    continue;
                }
                if let Some(start) = log.expired(now)
                    && let Err((_, error)) = self.delete_before(&topic, partition, start)
                {
                    tracing::warn!(error, topic = topic.name, partition, "old messages were not deleted");
                }
                if log.is_unsealed() {
                    log.seal();
                }
            }
        }
    }

    /// Closes the logs and the journal, so that the next start does not have to read the messages.
    pub(super) fn close(&self) {
        for topic in self.all() {
            for log in &topic.logs {
                if let Err(error) = log.close() {
                    tracing::warn!(%error, topic = topic.name, "a log was not closed; the next start reads all of it");
                }
            }
        }
        if let Err(error) = self.journal.close() {
            tracing::warn!(%error, "the journal could not be synced");
        }
    }

    fn journal_topic(&self, topic: &Topic) -> Result<(), Refusal> {
        let (partitions, settings) = (topic.partitions(), topic.settings.given().clone());
        let entry = Entry::Topic { id: topic.id, name: topic.name.clone(), partitions, settings };
        self.journal.append(&[entry], true).map_err(|error| storage(&error))
    }

    fn check_room(&self, more: usize) -> Result<(), Refusal> {
        if self.partitions().saturating_add(more) > MAX_PARTITIONS {
            let text = format!("This broker supports at most {MAX_PARTITIONS} partitions in total.");
            return Err((ResponseError::InvalidPartitions, text));
        }
        Ok(())
    }

    fn grow(&self, topic: &mut Topic, partitions: i32) {
        let folder = self.folder.join(topic.id.to_string());
        for partition in topic.logs.len()..usize::try_from(partitions).unwrap_or(0) {
            let (folder, disk) = (folder.join(partition.to_string()), Arc::clone(&self.disk));
            topic.logs.push(Arc::new(PartitionLog::empty(folder, disk, topic.settings.retention())));
        }
    }
}

impl Topics {
    fn put(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        self.by_name.insert(topic.name.clone(), Arc::clone(&topic));
        self.by_id.insert(topic.id, topic);
    }
}

fn unknown() -> Refusal {
    (ResponseError::UnknownTopicOrPartition, "This server does not host this topic-partition.".to_owned())
}

fn storage(error: &std::io::Error) -> Refusal {
    (ResponseError::KafkaStorageError, format!("The disk failed: {error}."))
}
