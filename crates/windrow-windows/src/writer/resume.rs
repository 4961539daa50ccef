//! Going on where the manifests say.

use crate::writer::cursors::Cursors;
use crate::writer::deleted::DeletedMessages;
use crate::writer::identity::Identity;
use crate::writer::message::Outcomes;
use crate::writer::sealed::Sealed;
use crate::writer::windows::Windows;
use crate::writer::{BatchWriter, Phase};
use crate::{BatchError, BatchStore, Lock, Manifest, MessageCounts};
use windrow_config::{Cut, Placement};
use windrow_record::{Offset, Partition, RunId, WindowIndex, write_record};

/// Of what form batch files are.
#[derive(Debug, Clone, Copy)]
pub struct CsvFormat<'a> {
    /// The columns of the header line.
    pub columns: &'a [String],
    /// What stands between them.
    pub delimiter: u8,
}

impl CsvFormat<'_> {
    /// The header line, with its end.
    pub(crate) fn header(self) -> Vec<u8> {
        let mut header = write_record(self.columns.iter().map(String::as_str), self.delimiter);
        header.push(b'\n');
        header
    }
}

/// Where a writer stands when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The next offset to read of each partition. The message before it may be read once more, so that a topic that is not
    /// the same is noticed.
    pub positions: Vec<(Partition, Offset)>,
    /// Windows that are sealed.
    pub windows: u32,
    /// The messages that they account for.
    pub counts: MessageCounts,
}

impl BatchWriter {
    /// Cleans up what a killed writer left, and goes on behind the last sealed window.
    ///
    /// `log` names this epoch of the topic, where it ends with this process. Offsets of another epoch say nothing; rows are
    /// then known by their numbers, and reading begins at the beginning.
    ///
    /// # Errors
    /// A manifest or a batch file is damaged or missing, or the store cannot be written.
    pub fn resume(
        store: BatchStore,
        lock: Lock,
        cut: Cut,
        form: CsvFormat<'_>,
        partitions: &[Partition],
        log: Option<String>,
    ) -> Result<(Self, Resumed), BatchError> {
        store.reconcile()?;
        let manifests = store.manifests()?;
        store.check_lengths(&manifests)?;
        let end = store.end()?;
        store.sweep(manifests.len())?;
        let deleted = match &end {
            Some(end) => end.deleted.clone(),
            None => manifests.iter().flat_map(|manifest| manifest.messages.deleted.iter().copied()).collect(),
        };
        let mut writer = Self {
            _lock: lock,
            log,
            identity: Identity::default(),
            cursors: Cursors(partitions.iter().map(|partition| (*partition, Default::default())).collect()),
            windows: Windows::new(store, Placement::new(cut, partitions.len()), form.header()),
            sealed: Sealed::default(),
            deleted: DeletedMessages::recalled(deleted),
            outcomes: Outcomes::default(),
            began: None,
            phase: end.map_or(Phase::Reading, Phase::Ended),
        };
        for manifest in &manifests {
            writer.recall(manifest)?;
        }
        // No window accounts for a message of such a partition, so it begins as at the first start.
        let begin = cut.position_before(WindowIndex::FIRST);
        for cursor in writer.cursors.0.values_mut() {
            cursor.progress.continue_from(cursor.progress.at().or(begin));
        }
        let positions = partitions.iter().map(|partition| {
            let next = writer.cursors.0.get(partition).and_then(|cursor| cursor.resumed_at);
            (*partition, next.unwrap_or(Offset(0)))
        });
        let resumed = Resumed {
            positions: positions.collect(),
            windows: writer.windows.placement.next_window().get() - 1,
            counts: writer.sealed.counts,
        };
        Ok((writer, resumed))
    }

    /// Of the replays, takes the rows of this one alone; the rows of producers that are not Windrow, as long as that replay
    /// has not begun.
    #[must_use]
    pub fn expecting(mut self, run: RunId) -> Self {
        self.identity.expect(run);
        self
    }

    /// For the rows of one replay alone: whatever else comes goes to quarantine.
    #[must_use]
    pub fn of_replay(mut self, run: RunId) -> Self {
        self.identity.expect(run);
        self.identity.bind_to_expected();
        self
    }

    fn recall(&mut self, manifest: &Manifest) -> Result<(), BatchError> {
        let is_this_log = manifest.messages.log == self.log;
        self.identity.recall(manifest, is_this_log);
        self.sealed.recall(manifest, is_this_log);
        for point in &manifest.messages.resume {
            let Some(cursor) = self.cursors.0.get_mut(&point.partition) else {
                let (path, partition) = (self.windows.store.folder().to_owned(), point.partition);
                return Err(BatchError::NoSuchPartition { path, partition });
            };
            cursor.resumed_at = is_this_log.then_some(point.offset);
            let at = if self.windows.cut().span().is_some() { point.newest } else { point.last_row };
            cursor.progress.continue_from(at);
        }
        self.windows.placement.continue_after(manifest.window, manifest.times.start());
        self.sealed.counts += manifest.counts();
        Ok(())
    }
}
