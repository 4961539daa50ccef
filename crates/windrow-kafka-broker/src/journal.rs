//! The journal: all data that is not messages. It holds topics, their settings, the starts of logs, producer ids and
//! committed offsets. It is one file of lines, each with its length and checksum. Only the newest line of each key is
//! valid.
//!
//! Guarantees: an acknowledged line survives a kill. The size of the file is proportional to its valid lines.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::disk::{self, Disk, Handle, RecoveryError};

const JOURNAL_FILE: &str = "journal";
/// The size of the length and the checksum before each line, in bytes.
const LINE_PREFIX: usize = 8;
/// The maximum length of a line in bytes. The longest lines hold a topic's settings or a commit's metadata.
const MAX_LINE_LENGTH: usize = 1024 * 1024;
/// The size in bytes above which the file is rewritten, if it also exceeds four times its size after the last rewrite.
const COMPACT_ABOVE: u64 = 4 * 1024 * 1024;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Entry {
    /// A topic as it is from now on.
    Topic { id: Uuid, name: String, partitions: i32, settings: BTreeMap<String, String> },
    /// The topic is deleted.
    Deleted { id: Uuid },
    /// Messages before `offset` are deleted.
    Start { id: Uuid, partition: i32, offset: i64 },
    /// Producer ids below `next` may be in use.
    ProducerIds { next: i64 },
    /// A committed offset; `None` removes it.
    Commit { group: String, id: Uuid, partition: i32, commit: Option<Commit> },
}

/// The position of a group in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) metadata: String,
    /// The time of the commit, in milliseconds since 1970.
    pub(super) timestamp: i64,
}

/// The key of a line. A newer line replaces an older one with the same key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    ProducerIds,
    Topic(Uuid),
    Start(Uuid, i32),
    Commit(Uuid, String, i32),
}

#[derive(Debug)]
pub(super) struct Journal {
    disk: Arc<Disk>,
    path: PathBuf,
    compact_above: u64,
    state: Mutex<JournalState>,
}

#[derive(Debug)]
struct JournalState {
    handle: Handle,
    length: u64,
    compacted: u64,
    failed: Option<String>,
}

#[derive(Debug)]
pub(super) struct JournalContents {
    /// The valid entries. Topics come before the entries that belong to them.
    pub(super) entries: Vec<Entry>,
    /// The topics that were deleted. Their files may still exist.
    pub(super) deleted: HashSet<Uuid>,
    /// True if an incomplete line at the end was cut off.
    pub(super) was_torn: bool,
}

impl Journal {
    /// Opens the journal in `folder`. An incomplete line at its end is cut off.
    pub(super) fn open(folder: &Path, disk: Arc<Disk>) -> Result<(Self, JournalContents), RecoveryError> {
        let path = folder.join(JOURNAL_FILE);
        let failed = |source| RecoveryError::Read { path: path.clone(), source };
        disk.remove(&path.with_extension("new")).map_err(failed)?;
        if !path.exists() {
            disk.publish(&path, &[]).map_err(failed)?;
        }
        let handle = Handle::new(path.clone());
        let file = disk.file(&handle).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let bytes = disk::read(&file, 0, usize::try_from(length).unwrap_or(usize::MAX)).map_err(failed)?;
        let (live, deleted, good) = read_lines(&bytes);
        let is_torn = good < bytes.len();
        if is_torn {
            if (good + 1..bytes.len()).any(|at| decode(&bytes[at..]).is_some()) {
                return Err(RecoveryError::Damaged { path, position: good as u64, followers: "lines" });
            }
            tracing::warn!(journal = %path.display(), from = good, "removing an incomplete last line");
            disk.truncate(&handle, good as u64).map_err(failed)?;
        }
        let state = JournalState { handle, length: good as u64, compacted: 0, failed: None };
        let found = JournalContents { entries: live.into_values().collect(), deleted, was_torn: is_torn };
        Ok((Self { disk, path, compact_above: COMPACT_ABOVE, state: Mutex::new(state) }, found))
    }

    /// Appends all entries, or none if it returns an error. Entries with `is_rare` are always synced. Other entries are
    /// synced only if the disk is durable.
    pub(super) fn append(&self, entries: &[Entry], is_rare: bool) -> io::Result<()> {
        let bytes = encode(entries)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &state.failed {
            return Err(io::Error::other(reason.clone()));
        }
        let length = state.length;
        let sync = || if is_rare || self.disk.is_durable { self.disk.sync(&state.handle) } else { Ok(()) };
        let written = self.disk.write(&state.handle, &bytes, length).and_then(|()| sync());
        if let Err(error) = written {
            if let Err(error) = self.disk.truncate(&state.handle, length) {
                state.failed = Some(format!("a failed write could not be undone: {error}"));
            }
            tracing::debug!(%error, journal = %self.path.display(), "the entries were not written");
            return Err(error);
        }
        state.length += bytes.len() as u64;
        if state.length > self.compact_above.max(4 * state.compacted)
            && let Err(error) = self.compact(&mut state)
        {
            tracing::warn!(%error, journal = %self.path.display(), "the journal was not compacted");
        }
        Ok(())
    }

    /// Replaces the file with a new one that holds only the valid entries.
    fn compact(&self, state: &mut JournalState) -> io::Result<()> {
        let file = self.disk.file(&state.handle)?;
        let bytes = disk::read(&file, 0, usize::try_from(state.length).map_err(io::Error::other)?)?;
        let (live, _, at) = read_lines(&bytes);
        if at < bytes.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("no valid line at byte {at}")));
        }
        let bytes = encode(live.values())?;
        // If publishing fails after the rename, the handle refers to the old file, which is gone. Appends to it would
        // be lost, so they are refused from then on.
        let published = self.disk.publish(&self.path, &bytes);
        if published.is_err() {
            let handle = Handle::new(self.path.clone());
            let is_old = self.disk.file(&handle)?.metadata()?.len() == state.length;
            if !is_old {
                state.failed = Some("the journal could not be rewritten".to_owned());
            }
            return published;
        }
        state.handle = Handle::new(self.path.clone());
        state.length = bytes.len() as u64;
        state.compacted = state.length;
        Ok(())
    }

    /// Syncs the journal, so that it survives a power cut.
    pub(super) fn close(&self) -> io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.sync(&state.handle)
    }
}

/// Reads lines up to the first one that is not whole. Returns the valid entries, the topics that were deleted, and the
/// number of bytes that were read.
fn read_lines(bytes: &[u8]) -> (BTreeMap<Key, Entry>, HashSet<Uuid>, usize) {
    let (mut live, mut deleted, mut at) = (BTreeMap::<Key, Entry>::new(), HashSet::new(), 0);
    while let Some((entry, size)) = decode(&bytes[at..]) {
        at += size;
        let key = match &entry {
            Entry::Deleted { id: gone } => {
                deleted.insert(*gone);
                live.retain(
                    |key, _| !matches!(key, Key::Topic(id) | Key::Start(id, _) | Key::Commit(id, ..) if id == gone),
                );
                continue;
            }
            Entry::ProducerIds { .. } => Key::ProducerIds,
            Entry::Topic { id, .. } => Key::Topic(*id),
            Entry::Start { id, partition, .. } => Key::Start(*id, *partition),
            Entry::Commit { id, group, partition, commit } => {
                let key = Key::Commit(*id, group.clone(), *partition);
                if commit.is_none() {
                    live.remove(&key);
                    continue;
                }
                key
            }
        };
        live.insert(key, entry);
    }
    (live, deleted, at)
}

fn encode<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        let line = serde_json::to_vec(entry)?;
        if line.len() > MAX_LINE_LENGTH {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the entry is too long for the journal"));
        }
        bytes.extend(u32::try_from(line.len()).map_err(io::Error::other)?.to_be_bytes());
        bytes.extend(crc32c::crc32c(&line).to_be_bytes());
        bytes.extend(line);
    }
    Ok(bytes)
}

/// Decodes the entry at the start of `bytes`. Returns it with its size in bytes.
fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_LINE_LENGTH)?;
    let line = rest.get(..length)?;
    if length == 0 || crc32c::crc32c(line) != u32::from_be_bytes(*checksum) {
        return None;
    }
    Some((serde_json::from_slice(line).ok()?, LINE_PREFIX + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(group: &str, id: Uuid, offset: i64) -> Entry {
        let commit = Commit { offset, leader_epoch: -1, metadata: String::new(), timestamp: 0 };
        Entry::Commit { group: group.to_owned(), id, partition: 0, commit: Some(commit) }
    }

    fn topic(id: Uuid) -> Entry {
        Entry::Topic { id, name: "t".to_owned(), partitions: 1, settings: BTreeMap::new() }
    }

    fn entries(folder: &Path) -> Vec<Entry> {
        Journal::open(folder, Arc::default()).expect("a good journal").1.entries
    }

    #[test]
    fn the_newest_line_counts_and_a_deleted_topic_takes_its_offsets_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, found) = Journal::open(folder.path(), Arc::default()).expect("a new journal");
        assert_eq!(found.entries, []);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let gone = Entry::Deleted { id: two };
        let lines = [topic(one), topic(two), commit("g", one, 5), commit("g", two, 6), commit("g", one, 7), gone];
        journal.append(&lines, true).expect("room");
        assert_eq!(entries(folder.path()), [topic(one), commit("g", one, 7)]);
        let removed = Entry::Commit { group: "g".to_owned(), id: one, partition: 0, commit: None };
        journal.append(&[removed], false).expect("room");
        assert_eq!(entries(folder.path()), [topic(one)]);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_other_damage_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = Uuid::from_u128(1);
        let (journal, _) = Journal::open(folder.path(), Arc::default()).expect("a new journal");
        journal.append(&[topic(id)], false).expect("room");
        let path = folder.path().join(JOURNAL_FILE);
        let whole = std::fs::metadata(&path).expect("a file").len();
        journal.append(&[commit("g", id, 1)], false).expect("room");
        let bytes = std::fs::read(&path).expect("a file");
        for end in usize::try_from(whole).expect("short")..bytes.len() {
            std::fs::write(&path, &bytes[..end]).expect("a file");
            let (_, found) = Journal::open(folder.path(), Arc::default()).expect("repaired");
            assert_eq!((found.entries, found.was_torn), (vec![topic(id)], end as u64 > whole));
        }
        let mut damaged = bytes.clone();
        damaged[12] ^= 1;
        std::fs::write(&path, damaged).expect("a file");
        let error = Journal::open(folder.path(), Arc::default()).expect_err("damaged");
        assert!(matches!(error, RecoveryError::Damaged { position: 0, .. }), "{error}");
    }

    #[test]
    fn the_journal_stays_small_and_a_stop_at_any_step_loses_nothing() {
        let id = Uuid::from_u128(1);
        for steps in 0..60 {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(Disk::default());
            let (mut journal, _) = Journal::open(folder.path(), Arc::clone(&disk)).expect("a new journal");
            journal.compact_above = 2_000;
            journal.append(&[topic(id), commit("g", id, 0)], true).expect("room");
            disk.faults.stop_after(steps);
            let mut newest = 0;
            while newest < 40 && journal.append(&[commit("g", id, newest + 1)], false).is_ok() {
                newest += 1;
            }
            assert_eq!(entries(folder.path()), [topic(id), commit("g", id, newest)], "{steps} steps");
            let length = std::fs::metadata(folder.path().join(JOURNAL_FILE)).expect("a file").len();
            assert!(length < 2_500, "{length} bytes after {newest} commits");
        }
    }
}
