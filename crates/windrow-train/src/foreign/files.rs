//! The Parquet files that a learner reads: one for each window, and parts of a window for a first fit and for examples.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::TrainError;
use crate::foreign::held::{HeldFolder, HeldFolders, place_below};
use windrow_base::scratch::ScratchFolder;
use windrow_columnar::{Column, ColumnType, ColumnarError, Value, Writer};
use windrow_learn::learner::{LearnerKind, LearnerSchema};
use windrow_learn::model::{Frame, FrameCell, FramePart};
use windrow_record::WindowIndex;

/// The files of one process, and its folders for new models.
#[derive(Debug)]
pub(super) struct LearnerFiles {
    scratch: ScratchFolder,
    columns: Vec<Column>,
    /// The files that are complete. Locked while one is written.
    written: Mutex<HashMap<(WindowIndex, FramePart), Arc<RowsFile>>>,
    /// The number of the next file. A file that is written again has another path than before.
    next: AtomicU64,
    held: Arc<HeldFolders>,
}

/// A file of rows. It is removed after it was forgotten, when no caller has it any more.
#[derive(Debug)]
pub(crate) struct RowsFile {
    path: PathBuf,
}

impl RowsFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RowsFile {
    fn drop(&mut self) {
        // If it fails, the file is removed with the folder.
        let _ = fs::remove_file(&self.path);
    }
}

impl LearnerFiles {
    pub(super) fn new(folder: &Path, schema: &LearnerSchema) -> io::Result<Self> {
        let features = schema.features.iter().map(|feature| {
            let kind = match feature.kind {
                LearnerKind::Number | LearnerKind::Logarithm => ColumnType::Number,
                LearnerKind::Category => ColumnType::Text,
                LearnerKind::Calendar => ColumnType::Code,
            };
            Column { name: feature.name.clone(), kind }
        });
        let label = Column { name: schema.target.clone(), kind: ColumnType::Flag };
        let columns = features.chain([label]).collect();
        let (written, next, held) = (Mutex::default(), AtomicU64::new(1), Arc::default());
        Ok(Self { scratch: ScratchFolder::new(folder)?, columns, written, next, held })
    }

    /// Returns `true` if no other process uses the folder.
    pub(super) fn is_alone(&self) -> io::Result<bool> {
        self.scratch.is_alone()
    }

    /// Returns a file, if it is written.
    pub(super) fn known(&self, window: WindowIndex, part: FramePart) -> Option<Arc<RowsFile>> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(&(window, part)).cloned()
    }

    /// Writes a file, unless it exists. `frame` has the rows of the window.
    pub(super) fn write(
        &self,
        window: WindowIndex,
        part: FramePart,
        frame: &Frame,
    ) -> Result<Arc<RowsFile>, TrainError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = written.get(&(window, part)) {
            return Ok(Arc::clone(file));
        }
        let _span = tracing::info_span!("learner_file", %window, rows = frame.part_len(part)).entered();
        let file = Arc::new(RowsFile { path: self.path(window, part) });
        self.write_rows(file.path(), part, frame).map_err(|source| TrainError::LearnerFile { window, source })?;
        written.insert((window, part), Arc::clone(&file));
        Ok(file)
    }

    /// Forgets the files of the windows before `first`.
    pub(super) fn forget_before(&self, first: WindowIndex) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|(window, _), _| *window >= first);
    }

    /// Creates an empty folder for a model.
    pub(super) fn model_folder(&self) -> io::Result<PathBuf> {
        self.scratch.subfolder()
    }

    /// Returns a copy of a model's folder.
    pub(super) fn copy(&self, folder: &Path) -> io::Result<PathBuf> {
        let copy = self.scratch.subfolder()?;
        place_below(folder, &copy, |from, to| fs::copy(from, to).map(drop))?;
        Ok(copy)
    }

    /// Holds a published model in a folder with this name. Returns `None` if it was removed.
    pub(super) fn hold(&self, name: &str, folder: &Path, size: (u64, u64)) -> io::Result<Option<Arc<HeldFolder>>> {
        self.held.hold(self.scratch.path().join(name), folder, size)
    }

    /// Returns the path of a new file.
    fn path(&self, window: WindowIndex, part: FramePart) -> PathBuf {
        let part = match part {
            FramePart::Whole => "",
            FramePart::Training => "-training",
            FramePart::HeldOut => "-held-out",
            FramePart::Examples => "-examples",
        };
        let number = self.next.fetch_add(1, Relaxed);
        self.scratch.path().join(format!("{}{part}-{number}.parquet", window.file_stem()))
    }

    fn write_rows(&self, path: &Path, part: FramePart, frame: &Frame) -> io::Result<()> {
        let mut writer = Writer::new(File::create(path)?, &self.columns).map_err(ColumnarError::into_io)?;
        frame.for_each_row(part, |row| {
            let cells = row.cells().map(|cell| match cell {
                FrameCell::Missing => Value::Missing,
                FrameCell::Number(number) => Value::Number(number),
                FrameCell::Text(text) => Value::Text(text),
                FrameCell::Code(code) => Value::Code(code),
            });
            writer.push(cells.chain([Value::Flag(row.label)])).map_err(ColumnarError::into_io)
        })?;
        writer.finish().map(drop).map_err(ColumnarError::into_io)
    }
}
