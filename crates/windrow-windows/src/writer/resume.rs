//! Restores a writer from the manifests of the sealed windows.

use crate::writer::cursors::Cursors;
use crate::writer::deleted::DeletedMessages;
use crate::writer::identity::StreamIdentity;
use crate::writer::message::Outcomes;
use crate::writer::sealed::SealedPoints;
use crate::writer::windows::Windows;
use crate::writer::{BatchWriter, Phase};
use crate::{BatchError, BatchStore, Lock, Manifest, MessageCounts};
use windrow_config::{Cut, Placement};
use windrow_record::{Offset, Partition, RunId, WindowIndex, write_record};

/// The form of a CSV batch file.
#[derive(Debug, Clone, Copy)]
pub struct CsvFormat<'a> {
    /// The column names of the header line.
    pub columns: &'a [String],
    /// The byte between two fields.
    pub delimiter: u8,
}

impl CsvFormat<'_> {
    /// Returns the header line, with its line end.
    pub(crate) fn header(self) -> Vec<u8> {
        let mut header = write_record(self.columns.iter().map(String::as_str), self.delimiter);
        header.push(b'\n');
        header
    }
}

/// The state that a writer resumes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The next offset to read in each partition. The caller may read the message before it again, so that another
    /// topic of the same name is noticed.
    pub positions: Vec<(Partition, Offset)>,
    /// The number of sealed windows.
    pub windows: u32,
    /// The counts of the messages in these windows.
    pub counts: MessageCounts,
}

impl BatchWriter {
    /// Deletes the files that a killed writer left, and continues after the last sealed window.
    ///
    /// `log` names this epoch of the topic, if the epoch ends with this process. Offsets of another epoch are ignored:
    /// rows are then recognised by their numbers, and reading starts at the first offset.
    ///
    /// # Errors
    /// A manifest or a batch file is damaged or missing, the topic has fewer partitions than before, or the store
    /// cannot be written.
    pub fn resume(
        store: BatchStore,
        lock: Lock,
        cut: Cut,
        form: CsvFormat<'_>,
        partitions: &[Partition],
        log_id: Option<String>,
    ) -> Result<(Self, Resumed), BatchError> {
        store.reconcile()?;
        let manifests = store.manifests()?;
        store.check_lengths(&manifests)?;
        let end = store.end()?;
        store.delete_unsealed(manifests.len())?;
        let deleted = match &end {
            Some(end) => end.deleted.clone(),
            None => manifests.iter().flat_map(|manifest| manifest.messages.deleted.iter().copied()).collect(),
        };
        let mut writer = Self {
            _lock: lock,
            log_id,
            identity: StreamIdentity::default(),
            cursors: Cursors(partitions.iter().map(|partition| (*partition, Default::default())).collect()),
            windows: Windows::new(store, Placement::new(cut, partitions.len()), form.header()),
            sealed: SealedPoints::default(),
            deleted: DeletedMessages::restored(deleted),
            outcomes: Outcomes::default(),
            last: None,
            began: None,
            phase: end.map_or(Phase::Reading, Phase::Ended),
        };
        for manifest in &manifests {
            writer.restore(manifest)?;
        }
        // No window accounts for a message of these partitions, so they begin as at the first start.
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

    /// Among replays, accepts only the rows of this one. Rows of other producers are accepted unless a row of this
    /// replay came first.
    #[must_use]
    pub fn expecting(mut self, run: RunId) -> Self {
        self.identity.expected = Some(run);
        self
    }

    /// Accepts only the rows of this replay. All other messages go to quarantine.
    #[must_use]
    pub fn of_replay(mut self, run: RunId) -> Self {
        self.identity.expected = Some(run);
        self.identity.bind_to_expected();
        self
    }

    /// Sets the last row of the replay, if an earlier extract of the dataset had fewer rows.
    #[must_use]
    pub fn ending_at(self, last: Option<u64>) -> Self {
        Self { last, ..self }
    }

    fn restore(&mut self, manifest: &Manifest) -> Result<(), BatchError> {
        let is_same_log = manifest.messages.log == self.log_id;
        self.identity.restore(manifest, is_same_log);
        self.sealed.restore(manifest, is_same_log);
        for point in &manifest.messages.resume {
            let Some(cursor) = self.cursors.0.get_mut(&point.partition) else {
                let (path, partition) = (self.windows.store.folder().to_owned(), point.partition);
                return Err(BatchError::NoSuchPartition { path, partition });
            };
            cursor.resumed_at = is_same_log.then_some(point.offset);
            let at = if self.windows.cut().span().is_some() { point.newest } else { point.last_row };
            cursor.progress.continue_from(at);
        }
        self.windows.placement.continue_after(manifest.window, manifest.times.start());
        self.sealed.counts += manifest.counts();
        Ok(())
    }
}
