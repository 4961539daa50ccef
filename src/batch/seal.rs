//! Sealing: file, then quarantine, then manifest; each whole, synced and in its place before the next.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::batch::open::OpenWindow;
use crate::batch::{BatchError, BatchStore, FORMAT, Manifest, ResumePoint, SealReason, TimeSpan};
use crate::record::{RunId, WindowIndex};

/// What the writer knows of a window and the window itself does not.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) window: WindowIndex,
    pub(crate) run: Option<RunId>,
    pub(crate) resume: Vec<ResumePoint>,
    pub(crate) span: Option<TimeSpan>,
    pub(crate) reason: SealReason,
}

/// Puts a window's files in place. A crash in between leaves files without a manifest, which do not count.
pub(crate) fn seal(store: &BatchStore, open: OpenWindow, sealing: Sealing) -> Result<Manifest, BatchError> {
    let window = sealing.window;
    let (row_numbers, offsets) = (open.row_ranges(), open.offset_ranges());
    let whole = open.runs.finish()?;
    store.sync_file(&whole.file, &whole.path)?;
    store.publish(&whole.path, &store.batch_path(window))?;
    if let Some(quarantine) = open.quarantine {
        let (file, path) = quarantine.finish()?;
        store.sync_file(&file, &path)?;
        store.publish(&path, &store.quarantine_path(window))?;
    }
    let manifest = Manifest {
        format: FORMAT,
        window,
        rows: open.rows,
        labelled: open.labelled,
        quarantined: open.quarantined,
        repeated: 0,
        run: sealing.run,
        row_numbers,
        quarantined_rows: Vec::new(),
        log: None,
        offsets,
        repeated_offsets: Vec::new(),
        resume: sealing.resume,
        event_time: open.event_time,
        span: sealing.span,
        sealed: sealing.reason,
        bytes: whole.bytes,
        sha256: whole.sha256,
        quarantine: None,
    };
    write_json(store, &manifest, &store.manifest_path(window))?;
    Ok(manifest)
}

/// Writes a small file whole.
pub(crate) fn write_json(store: &BatchStore, value: &impl Serialize, to: &Path) -> Result<(), BatchError> {
    let name = to.file_name().unwrap_or_default();
    let path = store.open_folder().join(name);
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| BatchError::write(&path)(error.into()))?;
    text.push(b'\n');
    let mut file = File::create(&path).map_err(BatchError::write(&path))?;
    file.write_all(&text).map_err(BatchError::write(&path))?;
    store.sync_file(&file, &path)?;
    store.publish(&path, to)
}
